"""How a process reaches the storage account: each call takes its time, and some break."""

from collections.abc import Callable

from shared.errors import TransientError
from simulation.faults import CallFault, Faults
from simulation.scheduler import Scheduler

_TABLES = ("runs", "batches", "events", "accounts", "requests", "audit", "notices")
# What a client's own tries take before it gives up.
_SHORTEST_TRIES_SECONDS, _LONGEST_TRIES_SECONDS = 2.0, 14.0


def service_of(name: str) -> str:
    """Which of the storage account's services a call goes to."""
    first = name.partition(" ")[0]
    if first == "queue":
        return "queues"
    return "tables" if first in _TABLES else "blobs"


class StorageLine:
    """The way of all of a process's calls to storage."""

    def __init__(self, scheduler: Scheduler, faults: Faults, log: Callable[[str], None]) -> None:
        self._scheduler, self._faults, self._log = scheduler, faults, log

    def call[T](self, name: str, act: Callable[[], T]) -> T:
        """What `act` returns. Raises what it raises, TransientError where storage does not answer."""
        faults = self._faults
        if latency := faults.latency():
            self._scheduler.sleep(latency)
        fault = faults.at_call(name)
        if faults.outages and faults.is_away(service := service_of(name), self._scheduler.now):
            self._scheduler.sleep(faults.between(_SHORTEST_TRIES_SECONDS, _LONGEST_TRIES_SECONDS))
            if faults.is_away(service, self._scheduler.now):
                self._log(f"{name} !away")
                raise _no_answer(name)
        if fault is not None:
            return self._broken(fault, name, act)
        self._log(name)
        return act()

    def _broken[T](self, fault: CallFault, name: str, act: Callable[[], T]) -> T:
        self._log(f"{name} !{fault.kind}")
        if fault.kind == "dies":
            self._scheduler.die()
        if fault.kind == "error":
            raise _no_answer(name)
        if fault.kind in ("hangs", "freezes"):
            if fault.kind == "freezes":
                self._scheduler.freeze(fault.seconds)
            self._scheduler.sleep(fault.seconds)
            return act()
        result = act()
        if fault.kind == "dies-after":
            self._scheduler.die()
        if fault.kind == "lost":
            raise _no_answer(name)
        if fault.kind == "hangs-after":
            self._scheduler.sleep(fault.seconds)
            return result
        # The answer was lost, and the client asks again by itself.
        self._scheduler.sleep(self._faults.latency())
        return act()


def _no_answer(name: str) -> TransientError:
    return TransientError("storage_unreachable", f"Storage did not answer for {name.partition(' ')[0]}.")
