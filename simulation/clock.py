"""The clocks of the simulation: storage's own, and that of each process, which may be off by up to two seconds."""

from datetime import UTC, datetime, timedelta

from simulation.queues import Ticking
from simulation.scheduler import Process, Scheduler

BEGINNING = datetime(2026, 11, 24, 5, 0, tzinfo=UTC).timestamp()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StorageClock(Ticking):
    """Virtual time."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler

    def now(self) -> datetime:
        """The present moment."""
        return _EPOCH + timedelta(seconds=self._scheduler.now)

    def seconds(self) -> float:
        """The same as POSIX seconds."""
        return self._scheduler.now


class ProcessClock(Ticking):
    """What a process takes for the time, once storage has corrected it."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        super().__init__()
        self._scheduler, self._process = scheduler, process
        self._of, self._now = 0.0, _EPOCH

    def now(self) -> datetime:
        """The present moment, as this process has it."""
        seconds = self._scheduler.now
        if self._of != seconds:
            self._of, self._now = seconds, _EPOCH + timedelta(seconds=seconds + self._process.clock_offset)
        return self._now

    def sleep(self, seconds: float) -> None:
        """Gives way for so long."""
        self._scheduler.sleep(max(seconds, 0.0))
