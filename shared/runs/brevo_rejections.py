"""Brevo's own rejections, joined to the batch: which contact, from which segment, file and line."""

import re
from collections import Counter
from dataclasses import dataclass, field

from shared.brevo.client import Process, Report
from shared.brevo.reports import read_report
from shared.mapping.results import RejectedRow
from shared.runs.app import App
from shared.runs.bodies import read_places
from shared.runs.ending import STAGED
from shared.runs.state import Batch
from shared.storage.failures import NotFound

_CONTACT = re.compile(rb'\{"email":"([^"]+)"')
_PHONE = re.compile(rb'"[^"]+":"\+(\d{5,15})"')
_LONGEST_REPORT_ROWS = 1_000_000


@dataclass
class Told:
    """What reports say: reasons by address (lower case) and by phone number (digits), and mere counts."""

    emails: dict[str, str] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Rejections:
    """The batch's rejected contacts: counted by reason, and those that could be found, row by row."""

    counts: dict[str, int]
    rows: list[RejectedRow]


def read_rejections(app: App, batch: Batch, process: Process) -> Rejections:
    """Fetches the process's reports and finds their contacts in the staged batch.

    A contact in several reports counts once; one that is not of this batch is ignored. Raises TransientError and
    PermanentError as `read_report` does.
    """
    told = Told()
    for report in process.reports:
        _read(told, report, app.settings.brevo_base_url)
    found = _find(app, batch, told) if told.emails or told.phones else {}
    counts = Counter(reason for reason, _ in found.values())
    for reason, count in told.counts.items():
        room = batch.contacts - sum(counts.values())
        counts[reason] += min(count, room)
    return Rejections({reason: count for reason, count in counts.items() if count}, _rows(app, batch, found))


def _read(told: Told, report: Report, base_url: str) -> None:
    told.counts[report.reason] += report.count
    for url in report.urls:
        for number, row in enumerate(read_report(url, base_url)):
            if number >= _LONGEST_REPORT_ROWS:
                break
            _take(told, row, report.reason)


def _take(told: Told, row: list[str], reason: str) -> None:
    """The reports' columns are not documented: the address is told by its @, the phone number by its digits."""
    cells = [cell.strip().strip('"') for cell in row]
    email = next((cell.lower() for cell in cells if "@" in cell), None)
    if email:
        told.emails.setdefault(email, reason)
        return
    for cell in cells:
        digits = re.sub(r"[\s().+-]", "", cell).removeprefix("00")
        if digits.isdecimal() and 5 <= len(digits) <= 15:
            told.phones.setdefault(digits, reason)


def _find(app: App, batch: Batch, told: Told) -> dict[int, tuple[str, str]]:
    """Contact's number in the batch -> reason and address."""
    try:
        body = app.storage.app_blobs.read(STAGED, f"{batch.name}.json")
    except NotFound:
        return {}
    found: dict[int, tuple[str, str]] = {}
    matches = list(_CONTACT.finditer(body)) if told.phones else _CONTACT.finditer(body)
    starts = [match.start() for match in matches] if told.phones else []
    for index, match in enumerate(matches):
        email = match[1].decode()
        reason = told.emails.get(email)
        if reason is None and told.phones:
            end = starts[index + 1] if index + 1 < len(starts) else len(body)
            phones = (phone.decode() for phone in _PHONE.findall(body, match.end(), end))
            reason = next((told.phones[phone] for phone in phones if phone in told.phones), None)
        if reason is not None:
            found[index] = (reason, email)
    return found


def _rows(app: App, batch: Batch, found: dict[int, tuple[str, str]]) -> list[RejectedRow]:
    if not found:
        return []
    places = read_places(app.storage.app_blobs, batch, set(found))
    return [
        RejectedRow(place.segment, place.file, place.line, reason, "", place.customer_id, email)
        for index, (reason, email) in sorted(found.items())
        if (place := places.get(index))
    ]
