"""The processes of an account: imports and exports are numbered together.

Source: https://developers.brevo.com/reference/get-processes
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

from local.brevo_sandbox.settings import SandboxSettings

FIRST_PROCESS_ID = 78


class Process(Protocol):
    """What an import and an export have in common."""

    @property
    def id(self) -> int:
        """The number that the API gave it."""

    def as_process(self, settings: SandboxSettings, origin: str, other_host: str) -> dict[str, Any]:
        """The process as `GET /processes/{processId}` shows it.

        Links begin with `origin`, or with `other_host` where a fault asks for it.
        """


class Processes:
    """All processes in the order in which they were accepted. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Process] = []

    def add[P: Process](self, make: Callable[[int], P]) -> P:
        """Keep the process that `make` returns for the next number."""
        with self._lock:
            process = make(FIRST_PROCESS_ID + len(self._all))
            self._all.append(process)
            return process

    def find(self, number: int) -> Process | None:
        """The process with this number."""
        position = number - FIRST_PROCESS_ID
        with self._lock:
            return self._all[position] if 0 <= position < len(self._all) else None

    def all(self) -> list[Process]:
        """All of them, oldest first."""
        with self._lock:
            return list(self._all)


@lru_cache(maxsize=256)
def iso_time(seconds: float) -> str:
    """A time stamp in the vendor's form, `2017-05-12T12:30:00.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_details(document: dict[str, Any], created_at: float, completed_at: float | None, error: str | None) -> None:
    """Add the time stamps and the reason, which only some of the vendor's forms of a process have."""
    document["created_at"] = iso_time(created_at)
    if completed_at is not None:
        document["completed_at"] = iso_time(completed_at)
    if error:
        document["error"] = error
