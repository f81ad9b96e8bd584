"""Brevo's own rejections, joined to the body that was imported: which contacts, for which reason."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain

from shared.brevo.body import find_contacts
from shared.brevo.processes import MOST_LINKS, Process, Report
from shared.brevo.reports import LARGEST_BYTES, REPORT_SECONDS, read_report
from shared.errors import PermanentError, TransientError

# More contacts of a batch are only counted, not named: each takes up to 1.5 kB of memory. No body has as many.
MOST_NAMED = 200_000
# A line of a report, which may repeat all that was sent.
_LINE_BYTES = 250
# Only here a row may have nothing but the customer's id, which may be all digits.
_CUSTOMER = "brevo_duplicate_customer"


@dataclass
class _Reported:
    """What reports say: reasons by address (lower case) and by phone number (digits), and mere counts.

    `numbers` has for each address the attributes whose number another contact has; an empty one stands for a reason of
    another kind. `nameless` are the rows with neither address nor number, apart from headers. `ext_ids` are the cells
    of rows that only name a customer; `customers` has these rows. `unnamed` are the rows that are only counted.
    """

    emails: dict[str, str] = field(default_factory=dict)
    numbers: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    phones: dict[str, str] = field(default_factory=dict)
    ext_ids: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    nameless: int = 0
    customers: set[tuple[str, ...]] = field(default_factory=set)
    unnamed: int = 0

    @property
    def is_full(self) -> bool:
        """True once further rows are only counted."""
        return len(self.emails) + len(self.phones) + len(self.ext_ids) >= MOST_NAMED

    def add_customer(self, cells: list[str], reason: str, *, is_first: bool) -> None:
        """Takes in a row that only names a customer; the first one may be a header."""
        self.ext_ids |= {cell: reason for cell in cells if cell}
        if not is_first:
            self.customers.add(tuple(cells))

    def count(self, reason: str, cells: list[str], *, is_first: bool) -> None:
        """Counts a row. Without an address the first one is a header."""
        is_row = any("@" in cell for cell in cells) if is_first else any(cells)
        self.unnamed += is_row
        self.counts[reason] += is_row

    def unmatched(self, matched: Container[str]) -> int:
        """How many rows name no contact of the body, if these addresses, numbers and ids are those of one."""
        named = sum(name not in matched for name in chain(self.emails, self.phones))
        return self.nameless + named + sum(not any(cell in matched for cell in cells) for cells in self.customers)


@dataclass(frozen=True, slots=True)
class Rejections:
    """The rejected contacts of one body.

    `counts` by reason; `contacts` those that a report names: index in the body -> reason and address. `numbers` has the
    attributes of those that are named by their address, and are rejected for nothing but a number of another contact's.
    `unmatched` counts the rows of reports that name no contact of the body, `unnamed` those that were only counted.
    """

    counts: dict[str, int] = field(default_factory=dict)
    contacts: dict[int, tuple[str, str]] = field(default_factory=dict)
    numbers: dict[int, set[str]] = field(default_factory=dict)
    unmatched: int = 0
    unnamed: int = 0

    def without(self, indexes: Container[int]) -> "Rejections":
        """The same without these contacts, which are sent once more."""
        counts = Counter(self.counts)
        counts.subtract(reason for index, (reason, _) in self.contacts.items() if index in indexes)
        contacts = {index: named for index, named in self.contacts.items() if index not in indexes}
        return replace(self, counts=+counts, contacts=contacts, numbers={})


def read_rejections(
    process: Process,
    pieces: Callable[[], Iterable[bytes]],
    contacts: int,
    base_url: str,
    as_sent: Callable[[str], str] = str.lower,
) -> Rejections:
    """Fetches the process's reports and finds their contacts in the pieces of the body, which has so many contacts.

    `as_sent` gives an address as we have sent it: Brevo may write a domain's own letters where we sent Punycode.
    A contact in several reports counts once. Raises TransientError and PermanentError as `read_report` does,
    TransientError where Brevo does not show the reports, and what `pieces` raises.
    """
    if process.reports is None:
        raise TransientError("report_missing", "Brevo does not say whether it rejected contacts.")
    reported = _Reported()
    until = time.monotonic() + REPORT_SECONDS
    for report in process.reports:
        _read(reported, report, as_sent, base_url, until, max(LARGEST_BYTES, contacts * _LINE_BYTES))
    is_named = reported.emails or reported.phones or reported.ext_ids
    found, matched = _find(pieces(), reported) if is_named else ({}, set())
    counts = Counter(reason for reason, _ in found.values())
    for reason, count in reported.counts.items():
        room = contacts - sum(counts.values())
        counts[reason] += min(count, room)
    numbers = {
        index: attributes
        for index, (_, email) in found.items()
        if (attributes := reported.numbers.get(email.lower(), {""})) and "" not in attributes
    }
    return Rejections(+counts, found, numbers, reported.unmatched(matched), reported.unnamed)


def _read(
    reported: _Reported,
    report: Report,
    as_sent: Callable[[str], str],
    base_url: str,
    until: float,
    largest_bytes: int,
) -> None:
    if len(report.urls) > MOST_LINKS:
        raise PermanentError("report_too_large", f"Brevo has more than {MOST_LINKS} reports for one reason.")
    reported.counts[report.reason] += report.count
    for url in report.urls:
        for number, row in enumerate(read_report(url, base_url, until - time.monotonic(), largest_bytes)):
            cells = [cell.strip() for cell in row]
            if reported.is_full:
                reported.count(report.reason, cells, is_first=number == 0)
                continue
            is_named = _take(reported, [cell.strip('"') for cell in cells], report, as_sent)
            if report.reason == _CUSTOMER and not is_named and any(cells):
                reported.add_customer(cells, report.reason, is_first=number == 0)
            else:
                reported.nameless += number > 0 and any(cells) and not is_named


def _take(reported: _Reported, cells: list[str], report: Report, as_sent: Callable[[str], str]) -> bool:
    """The reports' columns are not documented: an address is recognised by its @, a phone number by its digits.

    False for a row that has neither.
    """
    email = next((as_sent(cell) for cell in cells if "@" in cell), None)
    if email:
        reported.emails.setdefault(email, report.reason)
        reported.numbers[email].add(report.attribute)
        return True
    phones = []
    for cell in cells if report.reason != _CUSTOMER else ():
        digits = re.sub(r"[\s().+-]", "", cell).removeprefix("00")
        if digits.isdecimal() and 5 <= len(digits) <= 15:
            phones.append(digits)
            reported.phones.setdefault(digits, report.reason)
    return bool(phones)


def _find(pieces: Iterable[bytes], reported: _Reported) -> tuple[dict[int, tuple[str, str]], set[str]]:
    """Contact's index -> reason and address; and the addresses, phone numbers and ids that were matched."""
    found: dict[int, tuple[str, str]] = {}
    matched: set[str] = set()
    for contact in find_contacts(pieces, reported.emails, reported.phones, reported.ext_ids):
        by_email = [reported.emails[contact.email]] if contact.email in reported.emails else []
        by_id = [reported.ext_ids[contact.ext_id]] if contact.ext_id else []
        reasons = by_email + [reported.phones[phone] for phone in contact.phones] + by_id
        matched.update(contact.phones, [contact.email] if by_email else [], [contact.ext_id] if by_id else [])
        found[contact.index] = (reasons[0], contact.email)
    return found, matched
