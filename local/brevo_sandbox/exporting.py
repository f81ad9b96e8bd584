"""The exports of an account: accepted at once, carried out beside the imports, a link when done.

Source: https://developers.brevo.com/reference/request-contact-export and
https://developers.brevo.com/reference/get-process (`export_url`).
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from local.brevo_sandbox.export_file import contacts_of, csv_of
from local.brevo_sandbox.export_request import ExportOrder
from local.brevo_sandbox.faults import FaultKind, report_fault
from local.brevo_sandbox.processes import Board, with_details
from local.brevo_sandbox.settings import ExportOutcome, SandboxSettings
from local.brevo_sandbox.state import Contact

_OUTCOMES: dict[FaultKind, ExportOutcome] = {
    FaultKind.EXPORT_FAILED: "failed",
    FaultKind.EXPORT_CANCELLED: "cancelled",
    FaultKind.EXPORT_STUCK: "stuck",
}


@dataclass(slots=True, eq=False)
class ExportRecord:
    """One export. Units: `created_at` and `completed_at` in seconds since 1970, `file_bytes` in bytes."""

    id: int
    order: ExportOrder
    fault: FaultKind | None = None
    status: str = "queued"
    created_at: float = field(default_factory=time.time)
    completed_at: float | None = None
    contacts: int = 0
    file_bytes: int = 0
    path: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is still waiting or at work."""
        return self.status in ("queued", "processing")

    @property
    def notify_url(self) -> str:
        """Where to call back when it has ended; empty where nowhere."""
        return self.order.notify_url

    def as_process(self, settings: SandboxSettings, origin: str, other_host: str) -> dict[str, Any]:
        """The export as the API shows it; `info.export` is in one of the vendor's forms only."""
        status = settings.running_status if self.status == "processing" else self.status
        document: dict[str, Any] = {"id": self.id, "name": settings.export_process_name, "status": status}
        if self.status == "completed":
            host = other_host if self.fault is FaultKind.REPORT_OTHER_HOST else origin
            document["export_url"] = host + self.path
        if settings.process_details:
            with_details(document, self.created_at, self.completed_at, None)
            if self.status == "completed":
                document["info"] = {"export": {"total_records": self.contacts, "file_size": self.file_bytes}}
        return document

    def document(self) -> dict[str, Any]:
        """All that the sandbox knows of it but its link, for the control endpoint."""
        return {
            "id": self.id,
            "status": self.status,
            "action": self.order.action,
            "listId": self.order.list_id,
            "contacts": self.contacts,
            "file_bytes": self.file_bytes,
            "disableNotification": self.order.disable_notification,
            "created_at": self.created_at,
            "completed_at": self.completed_at,
            "fault": self.fault,
        }


def _as_the_fault_has_it(contacts: list[Contact], fault: FaultKind | None) -> list[Contact]:
    match fault:
        case FaultKind.EXPORT_EMPTY:
            return []
        case FaultKind.EXPORT_TENFOLD:
            # Strangers, whom neither the list nor the account has.
            first = max((each.id for each in contacts), default=0) + 1_000_000
            strangers = range(first, first + 9 * len(contacts))
            return contacts + [Contact(each, f"stranger{each}@example.net", time.time()) for each in strangers]
        case _:
            return contacts


class ExportBoard(Board[ExportRecord]):
    """All exports of the account; each has a thread of its own."""

    def accept(self, order: ExportOrder, fault: FaultKind | None) -> ExportRecord:
        """Start an export; who is in it is settled now, although the file takes its time."""
        settings = self._shop.settings()
        outcome = settings.export_outcome if fault is None else _OUTCOMES.get(fault, settings.export_outcome)
        record = self._shop.processes.add(lambda number: ExportRecord(number, order, fault))
        with self._changed:
            self._records.append(record)
            if outcome == "stuck":
                return record
            self._working += 1
            record.status = "processing"
        contacts = _as_the_fault_has_it(contacts_of(self._shop.account, order), fault)
        record.contacts = len(contacts)
        threading.Thread(target=self._work, args=(record, contacts, outcome, settings), daemon=True).start()
        return record

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is open but exports that are stuck on purpose; False when time runs out."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._working, timeout_seconds)

    def _work(
        self, record: ExportRecord, contacts: list[Contact], outcome: ExportOutcome, settings: SandboxSettings
    ) -> None:
        started = time.monotonic()
        file = csv_of(self._shop.account, record.order, contacts, settings)
        record.file_bytes = len(file)
        wanted = settings.export_seconds_fixed + settings.export_seconds_per_contact * record.contacts
        self._take_until(started, wanted)
        if outcome == "completed":
            record.path = self._shop.reports.publish(file, report_fault(record.fault))
        self._end(record, outcome)
