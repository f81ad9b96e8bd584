"""What docs/configure.md says of each row of a snapshot, row by row, in plain Python. It knows no engine."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from unicodedata import category, normalize
from zoneinfo import ZoneInfo

from shared.mapping.email_rule import judge_email
from shared.mapping.phone_rule import judge_phone
from tests.property.cells import FALSE, TIERS, TRUE
from tests.property.odd_files import Row
from tests.property.verdicts import PHONES, REASONS, drinks_in, number_in, tier_in

# How dates are written: the format as it is configured, and what it reads.
_CLOCK = r"(?P<H>\d\d?):(?P<min>\d\d?):(?P<s>\d\d?)"
_OFFSET = r"(?P<offset> ?(?:Z|[+-]\d\d(?::?\d\d)?))?"
_PART = r"(?:[.,]\d+)?"  # of a second
FORMATS = {
    "M/d/yyyy h:mm:ss tt": rf"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{{4}})(?: {_CLOCK} (?P<half>[AaPp][Mm]))?",
    "dd.MM.yyyy": r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d{4})",
    "d/M/yyyy HH:mm:ss": rf"(?P<d>\d\d?)/(?P<m>\d\d?)/(?P<y>\d{{4}})(?: {_CLOCK})?",
    "ddMMyyyy": r"(?P<d>\d\d)(?P<m>\d\d)(?P<y>\d{4})",
    "yyyy-dd-MM": r"(?P<y>\d{4})-(?P<d>\d\d?)-(?P<m>\d\d?)",
    "d MMM yyyy": r"(?P<d>\d\d?) (?P<name>[A-Za-z]{3}) (?P<y>\d{4})",
    "d. MMMM yyyy": r"(?P<d>\d\d?)\. (?P<name>[A-Za-z]{3,9}) (?P<y>\d{4})",
    "yyyy/M/d HH:mm:ss zzz": rf"(?P<y>\d{{4}})/(?P<m>\d\d?)/(?P<d>\d\d?)(?: {_CLOCK}{_OFFSET})?",
}
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_ISO = (
    rf"(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)(?:[T ](?P<H>\d\d):(?P<min>\d\d)(?::(?P<s>\d\d){_PART})?{_OFFSET})?",
    rf"(?P<y>\d{{4}})(?P<m>\d\d)(?P<d>\d\d)(?:T(?P<H>\d\d)(?P<min>\d\d)(?:(?P<s>\d\d){_PART})?{_OFFSET})?",
)
_TAGS = range(0xE0000, 0xE0080)


@dataclass(frozen=True)
class Attribute:
    """A mapped attribute, as the account has it."""

    name: str
    column: str
    kind: str
    format: str = ""
    time_zone: str = ""


@dataclass
class Rules:
    """An export's settings, so far as they decide over rows."""

    attributes: list[Attribute]
    country: str | None
    null_words: list[str]
    only: list[tuple[str, list[str]]]
    erase_empty: bool
    booleans: dict[bool, str]
    date_format: str
    by_customer: bool
    segments: list[str]
    left: set[str] = field(default_factory=set)
    out: set[str] = field(default_factory=set)
    out_ids: set[str] = field(default_factory=set)


@dataclass
class Books:
    """What a run must say."""

    contacts: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[tuple[str, str, int, str, str, str]] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)


def trimmed(text: str) -> str:
    letters = list(text)
    for end in (0, -1):
        while letters and _is_unseen(letters[end]):
            letters.pop(end)
    return "".join(letters)


def _is_unseen(letter: str) -> bool:
    kind = category(letter)
    return kind[0] == "Z" or kind == "Cc" or (kind == "Cf" and ord(letter) not in _TAGS)


def word(text: str) -> str:
    return normalize("NFC", text).lower().replace("ς", "σ")


class Judge:
    """Judges a snapshot's rows in their order."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.books = Books()
        self._addresses: dict[str, int] = {}
        self._customers: dict[str, int] = {}
        self._numbers: dict[str, set[str]] = {name: set() for name in PHONES}

    def judge(self, row: Row) -> str:
        """What becomes of the row, noted in the books."""
        fate, column, address = self._fate(row)
        customer = "" if row.fault else trimmed(row.cells["CustomerId"])
        if self.rules.by_customer and customer in self.rules.null_words:
            customer = ""
        self.books.fates[fate] += 1
        if fate == "contact":
            self._send(row, address, customer)
        elif fate not in ("merged", "filtered"):
            self.books.rejected.append((row.segment, row.file, row.line, fate, column, customer))
        return fate

    def _value(self, row: Row, column: str) -> str:
        text = trimmed(row.cells.get(column, ""))
        return "" if text in self.rules.null_words else text

    def _fate(self, row: Row) -> tuple[str, str, str]:
        rules = self.rules
        if row.fault:
            return row.fault, "", ""
        for column, words in rules.only:
            if word(trimmed(row.cells[column])) not in map(word, words):
                return "filtered", "", ""
        cell = self._value(row, "EMail")
        if not cell:
            return "missing_email", "EMail", ""
        address = judge_email(cell)
        if address is None:
            return "invalid_email", "EMail", ""
        segment = rules.segments.index(row.segment)
        if rules.by_customer:
            return self._of_customer(row, address, segment)
        before = self._addresses.get(address)
        self._addresses[address] = segment
        if before is not None:
            return ("duplicate_email" if before == segment else "merged"), "EMail", ""
        return self._left_out(address) or "contact", "EMail", address

    def _left_out(self, address: str) -> str:
        if address in self.rules.left:
            return "left_list"
        return "excluded" if address in self.rules.out else ""

    def _of_customer(self, row: Row, address: str, segment: int) -> tuple[str, str, str]:
        customer = self._value(row, "CustomerId")
        if not customer:
            return "missing_customer_id", "CustomerId", ""
        left_out = self._left_out(address) or self._excluded_by_id(row, customer)
        before = self._customers.get(customer)
        if before is not None:
            is_merged = before != segment and (bool(left_out) or self._addresses.get(address, segment) != segment)
            if is_merged:
                self._customers[customer] = segment
            return ("merged" if is_merged else "duplicate_customer_id"), "CustomerId", ""
        if not left_out and address in self._addresses:
            return "duplicate_email", "EMail", ""
        self._customers[customer] = segment
        if left_out:
            return left_out, "EMail", ""
        self._addresses[address] = segment
        return "contact", "EMail", address

    def _excluded_by_id(self, row: Row, customer: str) -> str:
        formers = row.cells.get("PreviousCustomerId", "").split(";")
        return "excluded" if {customer, *map(trimmed, formers)} & self.rules.out_ids else ""

    def _send(self, row: Row, address: str, customer: str) -> None:
        values: dict[str, Any] = {"EXT_ID": customer} if self.rules.by_customer else {}
        for attribute in self.rules.attributes:
            name, cell = attribute.name, self._value(row, attribute.column)
            if not cell or (attribute.kind == "multiple_choice" and re.fullmatch(r"\[\s*\]", cell)):
                if self.rules.erase_empty:
                    values[name] = ""
                continue
            self.books.filled[name] += 1
            value, warning = self._typed(attribute, cell)
            if value is not None:
                values[name] = value
            if warning:
                self.books.lost[name] += 1
                self.books.rejected.append((row.segment, row.file, row.line, warning, attribute.column, customer))
        self.books.contacts.append({"email": address, "attributes": values})

    def _typed(self, attribute: Attribute, cell: str) -> tuple[Any, str]:
        """The value that is sent, None where none is; and the reason of a warning."""
        kind = attribute.kind
        if kind == "phone":
            return self._phone(attribute.name, cell)
        if kind == "multiple_choice":
            verdict = drinks_in(cell)
            return verdict.kept, verdict.warning
        if kind == "date":
            day = day_in(cell, attribute.format, attribute.time_zone)
            shape = self.rules.date_format.replace("YYYY", "{0:04}").replace("MM", "{1:02}").replace("DD", "{2:02}")
            value: Any = shape.format(day.year, day.month, day.day) if day else None
        elif kind == "boolean":
            is_one = True if cell.lower() in TRUE else False if cell.lower() in FALSE else None
            value = None if is_one is None else self.rules.booleans[is_one]
        else:
            judges = {
                "number": number_in,
                "category": option_in,
                "text": lambda text: text if len(text) <= 10_000 else None,
            }
            value = judges[kind](cell)
        reasons = {"text": "NOTE", "date": "BORN", "number": "WORTH", "boolean": "AGREES", "category": "TIER"}
        return value, "" if value is not None else REASONS[reasons[kind]]

    def _phone(self, name: str, cell: str) -> tuple[str | None, str]:
        number = judge_phone(self.rules.country, cell)
        if number is None or len(number) > len("+") + 15:
            return None, "invalid_phone"
        taken = self._numbers.get(name, set())
        if number in taken:
            return None, "duplicate_phone"
        taken.add(number)
        return number, ""


def day_in(text: str, form: str, time_zone: str) -> date | None:
    """The day of a cell, by the column's format, else by ISO 8601."""
    if form and (found := re.fullmatch(FORMATS[form], text.replace("\u00a0", " ").replace("\u202f", " "), re.ASCII)):
        return _day(found.groupdict(), time_zone, is_short="MMMM" not in form)
    if form == "yyyy-dd-MM":
        return None
    found = next(filter(None, (re.fullmatch(iso, text, re.ASCII) for iso in _ISO)), None)
    return _day(found.groupdict(), time_zone, is_short=True) if found else None


def _day(parts: dict[str, str | None], time_zone: str, *, is_short: bool) -> date | None:
    try:
        month = parts.get("m") or _month(parts["name"] or "", is_short=is_short)
        hour, half = int(parts.get("H") or 0), (parts.get("half") or "").lower()
        if half:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if half == "pm" else 0)
        year, day, minute, second = (int(parts.get(name) or 0) for name in ("y", "d", "min", "s"))
        offset = (parts.get("offset") or "").strip()
        moment = datetime(year, int(month), day, hour, minute, second, tzinfo=timezone(_away(offset)))
        return moment.astimezone(UTC).astimezone(ZoneInfo(time_zone)).date() if offset and time_zone else moment.date()
    except (ValueError, OverflowError):
        return None


def option_in(text: str) -> str | None:
    """The value of the option that the cell names: it is sent where a label stands, too."""
    values = {label: value for value, label in TIERS.items()}
    return values.get(tier_in(text) or "")


def _month(name: str, *, is_short: bool) -> int:
    return [month[: 3 if is_short else None].lower() for month in MONTHS].index(name.lower()) + 1


def _away(offset: str) -> timedelta:
    if offset in ("", "Z"):
        return timedelta()
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 14 or minutes > 59:
        raise ValueError
    return (-1 if offset[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)
