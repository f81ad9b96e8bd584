"""The processes of an account: imports and exports are numbered together.

Source: https://developers.brevo.com/reference/get-processes
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

from local.brevo_sandbox.reports import ReportShelf
from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import Account

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

    def __init__(self, first: int = FIRST_PROCESS_ID) -> None:
        self._lock = threading.Lock()
        self._first = first
        self._all: list[Process] = []

    @property
    def next_id(self) -> int:
        """The number of the next process."""
        with self._lock:
            return self._first + len(self._all)

    def add[P: Process](self, make: Callable[[int], P]) -> P:
        """Keep the process that `make` returns for the next number."""
        with self._lock:
            process = make(self._first + len(self._all))
            self._all.append(process)
            return process

    def find(self, number: int) -> Process | None:
        """The process with this number."""
        position = number - self._first
        with self._lock:
            return self._all[position] if 0 <= position < len(self._all) else None

    def all(self) -> list[Process]:
        """All of them, oldest first."""
        with self._lock:
            return list(self._all)


class Work(Process, Protocol):
    """A process as those who carry it out see it."""

    status: str
    completed_at: float | None

    @property
    def notify_url(self) -> str:
        """Where to call back when it has ended; empty where nowhere."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What is needed to carry processes out."""

    account: Account
    processes: Processes
    reports: ReportShelf
    settings: Callable[[], SandboxSettings]
    notify: Callable[[str], None]
    stopping: threading.Event


class Board[W: Work]:
    """All processes of one kind, and those that are worked on."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._changed = threading.Condition()
        self._records: list[W] = []
        self._working = 0

    def records(self) -> list[W]:
        """All of them, oldest first."""
        with self._changed:
            return list(self._records)

    def _take_until(self, started: float, seconds: float) -> None:
        """Waits until so many seconds have passed since the work was started."""
        self._shop.stopping.wait(max(0.0, seconds - (time.monotonic() - started)))

    def _end(self, record: W, status: str) -> None:
        with self._changed:
            record.completed_at = time.time()
            record.status = status
            self._working -= 1
            self._changed.notify_all()
        self._shop.notify(record.notify_url)


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
