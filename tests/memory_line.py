"""How a worker of the tests reaches storage in memory: a clock that can skip time, and calls that can break."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from shared.errors import TransientError
from simulation.queues import Ticking

Mode = Literal["dies", "outage", "echo"]

_READS = (" get", " query", " rows", " listing", " read", " receive", " peek", " count")


class WorkerDied(BaseException):
    """The worker's process is gone: nothing of it runs any more."""


class VirtualClock(Ticking):
    """The real time, plus what was skipped."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._skipped)

    def sleep(self, seconds: float) -> None:
        self.skip(seconds)

    def skip(self, seconds: float) -> None:
        self._skipped += max(0.0, seconds)


@dataclass
class Line:
    """One worker's way to storage.

    Before write `at` (from 1), or with `reads` before that read, it breaks: the worker dies for good; or storage does
    not answer, once; or the answer to the call is lost and the SDK makes the call again ("echo").
    """

    mode: Mode | None = None
    at: int = 0
    reads: bool = False
    calls: int = 0
    dead: bool = False
    names: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def call[T](self, name: str, act: Callable[[], T]) -> T:
        with self.lock:
            if self.dead:
                raise WorkerDied
            counts = name.endswith(_READS) == self.reads
            if counts:
                self.calls += 1
                self.names.append(name)
            broken = counts and self.mode is not None and self.calls == self.at
            self.dead = broken and self.mode == "dies"
            if self.dead:
                raise WorkerDied
        if broken and self.mode == "outage":
            raise TransientError("storage_unreachable", f"Storage did not answer for {name}.")
        if broken:
            act()
        return act()
