"""What was asked of the sandbox, without personal data: no addresses, no bodies, no keys."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 50_000


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One answered request. `route` is a template such as `GET /contacts/lists/{listId}`.

    Units: `at` in seconds since 1970, `seconds` from the first byte to the answer, sizes in bytes.
    """

    at: float
    route: str
    status: int
    request_bytes: int
    answer_bytes: int
    seconds: float
    fault: str | None = None
    limited: bool = False


class RequestLog:
    """The latest requests, and how many there were of each route for as long as the sandbox runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[LoggedRequest] = deque(maxlen=KEPT)
        self._totals: Counter[str] = Counter()

    def add(self, entry: LoggedRequest) -> None:
        """Note a request."""
        with self._lock:
            self._entries.append(entry)
            self._totals[entry.route] += 1

    def entries(self, route: str | None = None) -> list[LoggedRequest]:
        """The kept requests, oldest first, of one route or of all."""
        with self._lock:
            return [entry for entry in self._entries if route is None or entry.route == route]

    def count(self, route: str) -> int:
        """How many requests of a route there were."""
        with self._lock:
            return self._totals[route]

    def totals(self) -> dict[str, int]:
        """How many requests there were of each route."""
        with self._lock:
            return dict(self._totals)

    def documents(self) -> list[dict[str, Any]]:
        """The kept requests for a JSON answer."""
        return [asdict(entry) for entry in self.entries()]
