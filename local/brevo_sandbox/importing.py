"""The imports of an account: accepted at once, worked off one after the other, reported when done.

Source: https://developers.brevo.com/reference/import-contacts and
https://developers.brevo.com/reference/get-process. One at a time is what the vendor's help asks for.
"""

import hashlib
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from local.brevo_sandbox.answers import parse_json
from local.brevo_sandbox.applying import REPORTS, Applied
from local.brevo_sandbox.faults import FaultKind, report_fault
from local.brevo_sandbox.file_fetching import NotFetched, with_file
from local.brevo_sandbox.import_request import (
    UNREAD,
    ImportOrder,
    Rows,
    check_order,
    is_by_file,
    notify_url_in,
    rows_of,
)
from local.brevo_sandbox.processes import Board, Shop, with_details
from local.brevo_sandbox.reports import report_of
from local.brevo_sandbox.settings import SandboxSettings

OPEN = ("queued", "processing")
# An import by file says little besides its link.
_MOST_BYTES_WITH_LINK = 10_000

# What a process that has failed says about why, where processes have details.
FAILED_ERROR = "The import could not be processed"


@dataclass(slots=True, eq=False)
class ImportRecord:
    """One import. `body` is let go when the work begins. `fetches`: how often its file was fetched, where it has one.

    Units: `created_at` and `completed_at` in seconds since 1970, `body_bytes` in bytes.
    """

    id: int
    order: ImportOrder
    contacts: int
    body_bytes: int
    fault: FaultKind | None = None
    body: bytes | None = None
    fetches: int = 0
    status: str = "queued"
    created_at: float = field(default_factory=time.time)
    completed_at: float | None = None
    error: str | None = None
    created: int = 0
    updated: int = 0
    merged: int = 0
    re_addressed: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    report_paths: dict[str, str] = field(default_factory=dict)
    ignored_attributes: dict[str, int] = field(default_factory=dict)
    unusable_values: dict[str, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it is still waiting or at work."""
        return self.status in OPEN

    @property
    def notify_url(self) -> str:
        """Where to call back when it has ended; empty where nowhere."""
        return self.order.notify_url

    def as_process(self, settings: SandboxSettings, origin: str, other_host: str) -> dict[str, Any]:
        """The import as the API shows it.

        The vendor's sources disagree on `info.import`: a URL or null (the newest), counts, or lists of URLs.
        """
        status = settings.running_status if self.status == "processing" else self.status
        document: dict[str, Any] = {"id": self.id, "name": "IMPORTUSER", "status": status}
        if self.status == "completed":
            host = other_host if self.fault is FaultKind.REPORT_OTHER_HOST else origin
            document["info"] = {"import": {name: _report_value(self, name, settings, host) for name in REPORTS}}
        if settings.process_details:
            with_details(document, self.created_at, self.completed_at, self.error)
        return document

    def document(self) -> dict[str, Any]:
        """All that the sandbox knows of it, for the control endpoint; more than the vendor tells."""
        return {
            "id": self.id,
            "status": self.status,
            "listIds": list(self.order.list_ids),
            "contacts": self.contacts,
            "body_bytes": self.body_bytes,
            "body_sha256": None if self.body is None else hashlib.sha256(self.body).hexdigest(),
            "created": self.created,
            "updated": self.updated,
            "merged": self.merged,
            "re_addressed": self.re_addressed,
            "rejected": dict(self.rejected),
            "ignored_attributes": dict(self.ignored_attributes),
            "unusable_values": dict(self.unusable_values),
            "fields_sent": sorted(self.order.fields_sent),
            "disableNotification": self.order.disable_notification,
            "notifyUrl_sent": bool(self.order.notify_url),
            "created_at": self.created_at,
            "completed_at": self.completed_at,
            "fault": self.fault,
            "fetches": self.fetches,
        }


class ImportBoard(Board[ImportRecord]):
    """All imports of the account, and the threads that work them off."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        self._waiting: deque[ImportRecord] = deque()
        self.most_open_at_once = 0

    def accept(self, order: ImportOrder, contacts: int, body: bytes, fault: FaultKind | None) -> ImportRecord:
        """Queue an import."""
        with self._changed:
            record = self._shop.processes.add(
                lambda number: ImportRecord(number, order, contacts, len(body), fault, body)
            )
            self._records.append(record)
            open_now = sum(each.is_open for each in self._records[-200:])
            self.most_open_at_once = max(self.most_open_at_once, open_now)
            if fault is not FaultKind.IMPORT_STUCK:
                self._waiting.append(record)
        self.start_waiting()
        return record

    def set_aside(self, body: bytes) -> ImportRecord:
        """Say at once that an import is done, and leave its body unread until `settle`."""
        with self._changed:
            record = self._shop.processes.add(lambda number: ImportRecord(number, UNREAD, 0, len(body), body=body))
            self._records.append(record)
            if has_file := bool(_with_link(body)):
                # Its link ends with the import, so it is fetched now.
                self._working += 1
                threading.Thread(target=self._fetch_aside, args=(record,), daemon=True).start()
            else:
                record.status, record.completed_at = "completed", record.created_at
        if not has_file:
            self._shop.notify(notify_url_in(body))
        return record

    def _fetch_aside(self, record: ImportRecord) -> None:
        sent, status = record.body or b"{}", "failed"
        try:
            self._fetch(record)
            status = "completed"
        except NotFetched as error:
            record.error = str(error)
        finally:
            self._end(record, status)
            self._shop.notify(notify_url_in(sent))

    def settle(self) -> None:
        """Carry out what was set aside, in its order. Raises: ApiError for a body that `set_aside` let pass."""
        for record in self.records():
            if record.order is UNREAD and record.body is not None:
                document = parse_json(record.body)
                rows = rows_of(document)
                record.order, record.contacts, record.body = check_order(document, self._shop.account), len(rows), None
                self._apply(record, rows, self._shop.settings())

    def start_waiting(self) -> None:
        """Start as many waiting imports as may run at once."""
        with self._changed:
            while self._waiting and self._working < max(1, self._shop.settings().parallel_imports):
                self._working += 1
                record = self._waiting.popleft()
                record.status = "processing"
                threading.Thread(target=self._work, args=(record,), daemon=True).start()

    def release_stuck(self) -> None:
        """Let the imports that are stuck on purpose go on."""
        with self._changed:
            for record in self._records:
                if record.fault is FaultKind.IMPORT_STUCK and record.is_open:
                    record.fault = None
                    self._waiting.append(record)
        self.start_waiting()

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is open but imports that are stuck on purpose; False when time runs out."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._working, timeout_seconds)

    def fields_ever_sent(self) -> set[str]:
        """The names of all fields that any import has carried."""
        return {name for record in self.records() for name in record.order.fields_sent}

    def _work(self, record: ImportRecord) -> None:
        status, error = "failed", "internal error of the sandbox"
        try:
            status, error = self._carry_out(record)
        finally:
            record.error = error or None
            self._end(record, status)
            self.start_waiting()

    def _carry_out(self, record: ImportRecord) -> tuple[str, str]:
        settings = self._shop.settings()
        started = time.monotonic()
        try:
            self._fetch(record)
        except NotFetched as failure:
            record.body = None
            return "failed", str(failure)
        rows = rows_of(parse_json(record.body or b"{}"))
        record.body, record.contacts = None, len(rows)
        status, error = "completed", ""
        match record.fault:
            case FaultKind.IMPORT_FAILED:
                status, error = "failed", FAILED_ERROR
            case FaultKind.IMPORT_CANCELLED:
                status, error = "cancelled", "The import was cancelled"
            case FaultKind.IMPORT_PARTIAL:
                self._apply(record, rows[: len(rows) // 2], settings)
                status, error = "failed", "The import stopped half-way"
            case _:
                self._apply(record, rows, settings)
        wanted = settings.seconds_fixed + settings.seconds_per_contact * record.contacts
        self._take_until(started, wanted)
        return status, error

    def _fetch(self, record: ImportRecord) -> None:
        """Put the contacts of the import's file into its body, where it has one. Raises: NotFetched."""
        body, settings = record.body or b"{}", self._shop.settings()
        document = _with_link(body)
        if not document:
            return
        if settings.file_url == "unreachable" or record.fault is FaultKind.IMPORT_FILE_UNREACHABLE:
            raise NotFetched("The file could not be fetched")
        if record.fault is FaultKind.IMPORT_FILE_SLOW:
            self._shop.stopping.wait(settings.slow_seconds)
        for _ in range(1 + (record.fault is FaultKind.IMPORT_FILE_TWICE)):
            record.body = with_file(document, settings.file_limit_bytes)
            record.fetches += 1

    def _apply(self, record: ImportRecord, rows: Rows, settings: SandboxSettings) -> None:
        applied = Applied(self._shop.account, record.order, settings)
        applied.apply(rows)
        record.created = applied.created
        record.updated = applied.updated
        record.merged = applied.merged
        record.re_addressed = applied.re_addressed
        record.ignored_attributes = dict(applied.ignored_attributes)
        record.unusable_values = dict(applied.unusable_values)
        record.rejected = {name: len(found) for name, found in applied.rejected.items()}
        fault = report_fault(record.fault)
        if fault is not None and not applied.rejected:
            applied.rejected["invalid_emails"] = []
        record.report_paths = {
            name: self._shop.reports.publish(report_of(rows), fault) for name, rows in applied.rejected.items()
        }


def _with_link(body: bytes) -> dict[str, Any]:
    """The document of an import whose contacts are in a file; empty for another one, mostly without reading it."""
    document: dict[str, Any] = parse_json(body) if len(body) < _MOST_BYTES_WITH_LINK else {}
    return document if is_by_file(document) else {}


def _report_value(record: ImportRecord, name: str, settings: SandboxSettings, report_host: str) -> Any:
    if settings.report_form == "counts":
        return record.rejected.get(name, 0)
    path = record.report_paths.get(name)
    if path is None:
        return [] if settings.report_form == "urls" else None
    return [report_host + path] if settings.report_form == "urls" else report_host + path
