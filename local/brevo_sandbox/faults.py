"""Faults on purpose: a seeded storm over all routes, and single ones written for the next call of a route."""

import random
import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What can go wrong. The value is the name on the command line and at the control endpoint."""

    RATE_LIMITED = "429"
    RATE_LIMITED_BARE = "429-bare"
    ERROR_500 = "500"
    ERROR_502 = "502"
    ERROR_503 = "503"
    TIMEOUT_524 = "524"
    ERROR_500_AFTER = "500-after"
    TIMEOUT_524_AFTER = "524-after"
    RESET = "reset"
    RESET_AFTER = "reset-after"
    TRUNCATED = "truncated"
    SLOW = "slow"
    HTML_200 = "html-200"
    HTML_502 = "html-502"
    HTML_403 = "html-403"
    NO_PROCESS_ID = "no-process-id"
    KEY_NOT_FOUND = "401"
    UNKNOWN_ADDRESS = "401-ip"
    REFUSED = "400"
    NO_CREDITS = "402"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    IMPORT_STUCK = "import-stuck"
    IMPORT_FAILED = "import-failed"
    IMPORT_PARTIAL = "import-partial"
    IMPORT_CANCELLED = "import-cancelled"
    IMPORT_FILE_SLOW = "import-file-slow"
    IMPORT_FILE_UNREACHABLE = "import-file-unreachable"
    IMPORT_FILE_TWICE = "import-file-twice"
    EXPORT_STUCK = "export-stuck"
    EXPORT_FAILED = "export-failed"
    EXPORT_CANCELLED = "export-cancelled"
    EXPORT_EMPTY = "export-empty"
    EXPORT_TENFOLD = "export-tenfold"
    REMOVE_HALF = "remove-half"
    REPORT_404 = "report-404"
    REPORT_500 = "report-500"
    REPORT_ENDLESS = "report-endless"
    REPORT_WRONG_COLUMNS = "report-wrong-columns"
    REPORT_OTHER_HOST = "report-other-host"
    REPORT_REDIRECT = "report-redirect"

    @property
    def about_import(self) -> bool:
        """Whether it befalls the import itself, after a proper 202."""
        return self.value.startswith("import-")

    @property
    def about_export(self) -> bool:
        """Whether it befalls the export itself, after a proper 202."""
        return self.value.startswith("export-")

    @property
    def about_report(self) -> bool:
        """Whether it befalls the reports of an import or the file of an export."""
        return self.value.startswith("report-")


def report_fault(fault: FaultKind | None) -> FaultKind | None:
    """The fault, where it befalls reports or files."""
    return fault if fault is not None and fault.about_report else None


IMPORT_ROUTE = "POST /contacts/import"
EXPORT_ROUTE = "POST /contacts/export"
REMOVE_ROUTE = "POST /contacts/lists/{listId}/contacts/remove"
REPORT_ROUTE = "GET /reports/{token}"
EVERY_ROUTE = "*"

STORM: tuple[FaultKind, ...] = (
    FaultKind.RATE_LIMITED,
    FaultKind.RATE_LIMITED_BARE,
    FaultKind.ERROR_500,
    FaultKind.ERROR_502,
    FaultKind.ERROR_503,
    FaultKind.TIMEOUT_524,
    FaultKind.ERROR_500_AFTER,
    FaultKind.TIMEOUT_524_AFTER,
    FaultKind.RESET,
    FaultKind.TRUNCATED,
    FaultKind.HTML_200,
    FaultKind.HTML_502,
    FaultKind.HTML_403,
    FaultKind.NO_PROCESS_ID,
)
"""The kinds of a storm unless others are named: all of them pass when the call is repeated."""


def applies(kind: FaultKind, route: str) -> bool:
    """Whether a kind makes sense on a route."""
    if kind.about_import:
        return route == IMPORT_ROUTE
    if kind.about_export:
        return route == EXPORT_ROUTE
    if kind is FaultKind.REMOVE_HALF:
        return route == REMOVE_ROUTE
    if kind in (FaultKind.NO_PROCESS_ID, FaultKind.REPORT_OTHER_HOST):
        return route in (IMPORT_ROUTE, EXPORT_ROUTE)
    if kind.about_report:
        return route in (IMPORT_ROUTE, EXPORT_ROUTE, REPORT_ROUTE)
    return True


@dataclass(frozen=True, slots=True)
class Faults:
    """A storm: each request fails with probability `rate`, of a kind drawn from `kinds`.

    The same seed gives the same faults for the same order of requests. `most` ends the storm.
    """

    rate: float = 0.0
    kinds: tuple[FaultKind | str, ...] = STORM
    seed: int = 0
    most: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError("rate must be between 0 and 1")
        for kind in self.kinds:
            FaultKind(kind)


class FaultBox:
    """Decides for each request whether, and how, it fails. Safe for threads."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._lock = threading.Lock()
        self._scripted: defaultdict[str, deque[FaultKind]] = defaultdict(deque)
        self.injected: Counter[str] = Counter()
        self.storm(faults or Faults())

    def storm(self, faults: Faults) -> None:
        """Replace the storm; `Faults()` ends it."""
        with self._lock:
            self._faults = faults
            self._kinds = [FaultKind(kind) for kind in faults.kinds]
            self._random = random.Random(faults.seed)  # noqa: S311 - repeatable on purpose
            self._left = faults.most

    def fail_next(self, route: str, kind: FaultKind | str, times: int = 1) -> None:
        """Let the next calls of a route (`POST /contacts/import`, or `*` for any) fail in this way.

        Raises: ValueError for an unknown kind, or one that the route cannot have.
        """
        wanted = FaultKind(kind)
        if route != EVERY_ROUTE and not applies(wanted, route):
            raise ValueError(f"{wanted} does not apply to {route}")
        with self._lock:
            self._scripted[route].extend([wanted] * times)

    def clear(self) -> None:
        """Forget the storm and the scripted faults."""
        self.storm(Faults())
        with self._lock:
            self._scripted.clear()

    def storm_now(self) -> tuple[float, str]:
        """The share of requests that fail, and of which kinds."""
        with self._lock:
            return self._faults.rate, ", ".join(self._kinds)

    def scripted(self) -> dict[str, int]:
        """How many of the next calls of each route fail."""
        with self._lock:
            return {route: len(kinds) for route, kinds in self._scripted.items() if kinds}

    def draw(self, route: str) -> FaultKind | None:
        """The fault of this request, if it has one."""
        with self._lock:
            kind = self._next_scripted(route) or self._next_of_storm(route)
            if kind is not None:
                self.injected[kind.value] += 1
            return kind

    def _next_scripted(self, route: str) -> FaultKind | None:
        for name in (route, EVERY_ROUTE):
            waiting = self._scripted.get(name)
            if waiting and applies(waiting[0], route):
                return waiting.popleft()
        return None

    def _next_of_storm(self, route: str) -> FaultKind | None:
        if self._faults.rate <= 0 or self._left == 0 or self._random.random() >= self._faults.rate:
            return None
        fitting = [kind for kind in self._kinds if applies(kind, route)]
        if not fitting:
            return None
        if self._left is not None:
            self._left -= 1
        return self._random.choice(fitting)
