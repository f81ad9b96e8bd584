"""Brevo's own rejections, joined to the batch: which contact, from which segment, file and line."""

import re
from collections import Counter
from dataclasses import dataclass, field

from shared.app import App
from shared.brevo.client import MOST_LINKS, Process, Report
from shared.brevo.reports import read_report
from shared.errors import PermanentError, TransientError
from shared.mapping.results import RejectedRow
from shared.runs.state import Batch
from shared.runs.steps.end import STAGED
from shared.staging.bodies import read_origins
from shared.storage.failures import NotFound

_CONTACT = re.compile(rb'\{"email":"([^"]+)"')
_PHONE = re.compile(rb'"[^"]+":"\+(\d{5,15})"')


@dataclass
class Told:
    """What reports say: reasons by address (lower case) and by phone number (digits), and mere counts.

    `nameless` are the rows with neither, apart from headers.
    """

    emails: dict[str, str] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    nameless: int = 0


@dataclass(frozen=True, slots=True)
class Rejections:
    """The batch's rejected contacts: counted by reason, and row by row where a report names them.

    `unmatched` counts the rows of reports that name no contact of the batch.
    """

    counts: dict[str, int]
    rows: list[RejectedRow]
    unmatched: int = 0


def read_rejections(app: App, batch: Batch, process: Process) -> Rejections:
    """Fetches the process's reports and finds their contacts in the staged batch.

    A contact in several reports counts once. Raises TransientError and PermanentError as `read_report` does,
    TransientError where Brevo does not show the reports, and PermanentError where the staged batch is gone.
    """
    if process.reports is None:
        raise TransientError("report_missing", "Brevo does not say whether it rejected contacts.")
    told = Told()
    for report in process.reports:
        _read(told, report, app.settings.brevo_base_url)
    try:
        found, matched = _find(app, batch, told) if told.emails or told.phones else ({}, set())
        rows = _rows(app, batch, found)
    except NotFound as error:
        raise PermanentError("body_missing", f"The staged contacts of batch {batch.number} are gone.") from error
    counts = Counter(reason for reason, _ in found.values())
    for reason, count in told.counts.items():
        room = batch.contacts - sum(counts.values())
        counts[reason] += min(count, room)
    unmatched = told.nameless + len(told.emails) + len(told.phones) - len(matched)
    return Rejections({reason: count for reason, count in counts.items() if count}, rows, unmatched)


def _read(told: Told, report: Report, base_url: str) -> None:
    if len(report.urls) > MOST_LINKS:
        raise PermanentError("report_too_large", f"Brevo has more than {MOST_LINKS} reports for one reason.")
    told.counts[report.reason] += report.count
    for url in report.urls:
        for number, row in enumerate(read_report(url, base_url)):
            cells = [cell.strip().strip('"') for cell in row]
            is_named = _take(told, cells, report.reason)
            told.nameless += number > 0 and any(cells) and not is_named


def _take(told: Told, cells: list[str], reason: str) -> bool:
    """The reports' columns are not documented: the address is told by its @, the phone number by its digits.

    False for a row that has neither.
    """
    email = next((cell.lower() for cell in cells if "@" in cell), None)
    if email:
        told.emails.setdefault(email, reason)
        return True
    phones = []
    for cell in cells:
        digits = re.sub(r"[\s().+-]", "", cell).removeprefix("00")
        if digits.isdecimal() and 5 <= len(digits) <= 15:
            phones.append(digits)
            told.phones.setdefault(digits, reason)
    return bool(phones)


def _find(app: App, batch: Batch, told: Told) -> tuple[dict[int, tuple[str, str]], set[str]]:
    """Contact's number in the batch -> reason and address; and the addresses and phones that were matched.

    Raises NotFound.
    """
    body = app.storage.app_blobs.read(STAGED, f"{batch.name}.json")
    found: dict[int, tuple[str, str]] = {}
    matched: set[str] = set()
    matches = list(_CONTACT.finditer(body)) if told.phones else _CONTACT.finditer(body)
    starts = [match.start() for match in matches] if told.phones else []
    for index, match in enumerate(matches):
        email = match[1].decode()
        reasons = []
        if email in told.emails:
            matched.add(email)
            reasons.append(told.emails[email])
        if told.phones:
            end = starts[index + 1] if index + 1 < len(starts) else len(body)
            named = [phone for phone in _phones(body, match.end(), end) if phone in told.phones]
            matched.update(named)
            reasons += [told.phones[phone] for phone in named]
        if reasons:
            found[index] = (reasons[0], email)
    return found, matched


def _phones(body: bytes, start: int, end: int) -> list[str]:
    return [phone.decode() for phone in _PHONE.findall(body, start, end)]


def _rows(app: App, batch: Batch, found: dict[int, tuple[str, str]]) -> list[RejectedRow]:
    if not found:
        return []
    places = read_origins(app.storage.app_blobs, batch, set(found))
    return [
        RejectedRow(place.segment, place.file, place.line, reason, "", place.customer_id, email)
        for index, (reason, email) in sorted(found.items())
        if (place := places.get(index))
    ]
