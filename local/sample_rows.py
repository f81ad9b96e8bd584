"""One segment's rows, the faults put into some of them, and what must become of each.

The answer (`Expected`) is worked out while a row is written, from the fault that was put into it. No code of
the product takes part, so that tests and benchmarks can hold the product against it.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from local.sample_people import Customer, seeded

FOLDER = "CustomerInsights_abcd1234/BlobExport"
COLUMNS = {  # name: type in model.json
    "CustomerId": "string",
    "FullName": "string",
    "FirstName": "string",
    "LastName": "string",
    "EMail": "string",
    "Telephone": "string",
    "City": "string",
    "Country": "string",
    "BirthDate": "dateTime",
    "LoyaltyPoints": "int64",
    "IsSubscribed": "boolean",
    "LastPurchase": "dateTime",
}
# The mapping that `Expected` presumes, with "default_country": "RO". An empty field becomes no attribute.
MAPPING: dict[str, Any] = {
    "email": "EMail",
    "first_name": "FirstName",
    "last_name": "LastName",
    "phone": "Telephone",
    "attributes": {"CITY": "City", "BIRTHDAY": {"field": "BirthDate", "type": "date"}},
}
REJECTED = ("missing_email", "invalid_email", "duplicate_email", "malformed_row", "invalid_encoding")
WARNED = ("invalid_phone", "duplicate_phone", "invalid_date")
# How a total rate of faults is shared out, in percent.
_WEIGHTS = {
    "missing_email": 30,
    "invalid_email": 18,
    "duplicate_email": 15,
    "malformed_row": 4,
    "invalid_encoding": 3,
    "invalid_phone": 15,
    "duplicate_phone": 8,
    "invalid_date": 7,
}
_FIELDS = {
    "missing_email": "EMail",
    "invalid_email": "EMail",
    "duplicate_email": "EMail",
    "malformed_row": "",
    "invalid_encoding": "LastName",
    "invalid_phone": "Telephone",
    "duplicate_phone": "Telephone",
    "invalid_date": "BirthDate",
}
_BAD_EMAILS = (
    "{0}@",
    "{0}.gmail.com",
    "{0}@@gmail.com",
    "{0}@gmail",
    "{0}@gmail..com",
    "@gmail.com",
    "{0} x@gmail.com",
    "n/a",
)
_BAD_PHONES = ("12345", "n/a", "0712", "+40 712", "0000000000", "+999 12345678", "07212345678901234", "none")
_BAD_DATES = ("1985-02-30", "1990-13-01", "unknown", "0000-00-00", "2001-04-31")
_DONORS = 512
DEFAULT_TAKEN = datetime(2026, 10, 5, 6, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """What one segment shall be. The same plan always gives the same bytes.

    flaws: the share of rows with a fault (0.02), or the share for each reason ({"invalid_phone": 0.1}).
    first_customer: where the segment begins among the seed's customers; overlapping ranges share customers.
    taken: the refresh, which names the snapshot's folder.
    """

    name: str = "HighValueSegment"
    rows: int = 100
    seed: int = 7
    flaws: float | Mapping[str, float] = 0.0
    first_customer: int = 0
    partitions: int = 1
    gzip: bool = False
    header: bool = True
    bom: bool = False
    crlf: bool = False
    delimiter: str = ","
    taken: datetime = DEFAULT_TAKEN

    @property
    def numbers(self) -> range:
        """The customers in the segment."""
        return range(self.first_customer, self.first_customer + self.rows)

    def files(self) -> Iterator[tuple[str, int]]:
        """Yields each partition's path and number of rows, in order."""
        ending = ".csv.gz" if self.gzip else ".csv"
        for part in range(self.partitions):
            rows = self.rows * (part + 1) // self.partitions - self.rows * part // self.partitions
            yield f"{FOLDER}/{self.name}/{self.taken:%Y/%m/%d/%H%M}/{self.name}_{part + 1}{ending}", rows

    def faults(self) -> dict[int, str]:
        """The faulty customers' numbers and reasons. A segment's first row is never faulty."""
        if isinstance(self.flaws, Mapping):
            wanted = {reason: round(self.rows * share) for reason, share in self.flaws.items()}
            if unknown := wanted.keys() - _WEIGHTS.keys():
                raise ValueError(f"unknown reasons: {sorted(unknown)}")
        else:
            total = self.rows * self.flaws
            wanted = {reason: round(total * weight / 100) for reason, weight in _WEIGHTS.items()}
            if total >= len(_WEIGHTS):
                wanted = {reason: max(1, count) for reason, count in wanted.items()}
        reasons = [reason for reason, count in wanted.items() for _ in range(count)]
        rng = seeded(self.seed, self.name, "faults")
        return dict(zip(rng.sample(self.numbers[1:], len(reasons)), reasons, strict=True))

    def rejected(self) -> set[int]:
        """The customers whose row here becomes no contact."""
        return {number for number, reason in self.faults().items() if reason in REJECTED}


class ContactDigest:
    """One number for a set of contacts, whatever their order: a million are compared without keeping one.

    With `only`, other attributes do not count.
    """

    def __init__(self, only: frozenset[str] | None = None) -> None:
        self.only = only
        self._sum = 0

    def add(self, email: str, attributes: Mapping[str, str]) -> None:
        """Takes one contact in; `email` in lower case."""
        counted = [(name, value) for name, value in attributes.items() if self.only is None or name in self.only]
        text = "\x1f".join([email, *map("=".join, sorted(counted))])
        self._sum += int.from_bytes(blake2b(text.encode(), digest_size=16).digest())

    def hexdigest(self) -> str:
        """Returns 32 hexadecimal digits."""
        return f"{self._sum % (1 << 128):032x}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A row with a fault. `line` counts from 1, header included; `reason` is one of REJECTED or WARNED."""

    segment: str
    file: str
    line: int
    reason: str
    field: str
    customer_id: str


@dataclass(slots=True)
class Expected:
    """What must become of the rows: rows_read = contacts_mapped + rows_merged + the sum of rows_rejected.

    The first row of an address wins, in the order of segments, then partitions by number, then lines. A row
    that is merged or rejected warns of nothing, since nothing of it is sent. `contacts` maps an
    address in lower case to its attributes; it stays empty unless asked for.
    """

    rows_read: int = 0
    rows_merged: int = 0
    contacts_mapped: int = 0
    rows_rejected: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    digest: ContactDigest = field(default_factory=ContactDigest)

    def to_json(self) -> str:
        """Counts, digest and findings; not the contacts."""
        document = {
            "rows_read": self.rows_read,
            "rows_merged": self.rows_merged,
            "contacts_mapped": self.contacts_mapped,
            "rows_rejected": dict(sorted(self.rows_rejected.items())),
            "warnings": dict(sorted(self.warnings.items())),
            "contacts_digest": self.digest.hexdigest(),
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
        }
        return json.dumps(document, indent=1)


class SegmentRows:
    """Turns customers into lines, some of them faulty, and keeps the books."""

    def __init__(self, plan: SegmentPlan, earlier: Sequence[SegmentPlan], expected: Expected, keep_contacts: bool):
        self._plan = plan
        self._expected = expected
        self._keep_contacts = keep_contacts
        self._faults = plan.faults()
        self._earlier = [
            (other.numbers, {n for n, reason in other.faults().items() if reason in REJECTED}) for other in earlier
        ]
        self._rng = seeded(plan.seed, plan.name, "rows")
        self._addresses: list[str] = []
        self._phones: list[Customer] = []

    def line(self, number: int, customer: Customer, file: str, line: int) -> str:
        """Returns the line, without its end, and books what must become of it."""
        self._expected.rows_read += 1
        reason = self._faults.get(number)
        if reason == "duplicate_phone" and not self._phones:
            reason = None
        if reason is None:
            self._book_contact(number, customer)
            self._remember(number, customer)
            return self._csv(customer)
        finding = Finding(self._plan.name, file, line, reason, _FIELDS[reason], customer.customer_id)
        if reason in REJECTED:
            self._expected.rows_rejected[reason] += 1
            self._expected.findings.append(finding)
            return self._rejected(reason, number, customer)
        written, understood = self._warned(reason, customer)
        if self._book_contact(number, understood):
            self._expected.warnings[reason] += 1
            self._expected.findings.append(finding)
        return self._csv(written)

    def _is_merged(self, number: int) -> bool:
        return any(number in numbers and number not in rejected for numbers, rejected in self._earlier)

    def _book_contact(self, number: int, customer: Customer) -> bool:
        if self._earlier and self._is_merged(number):
            self._expected.rows_merged += 1
            return False
        attributes = {"FIRSTNAME": customer.first_name, "LASTNAME": customer.last_name, "CITY": customer.city}
        if customer.phone_e164:
            attributes["SMS"] = customer.phone_e164
        if customer.birth_date:
            attributes["BIRTHDAY"] = customer.birth_date
        self._expected.contacts_mapped += 1
        self._expected.digest.add(customer.email, attributes)
        if self._keep_contacts:
            self._expected.contacts[customer.email] = attributes
        return True

    def _remember(self, number: int, customer: Customer) -> None:
        """Keeps some rows to repeat later; phones only of customers that no earlier segment can have sent."""
        if number % 8 and len(self._addresses) >= _DONORS:
            return
        self._keep(self._addresses, customer.email)
        if customer.phone and not any(number in numbers for numbers, _ in self._earlier):
            self._keep(self._phones, customer)

    def _keep[T](self, kept: list[T], value: T) -> None:
        if len(kept) < _DONORS:
            kept.append(value)
        else:
            kept[self._rng.randrange(_DONORS)] = value

    def _rejected(self, reason: str, number: int, customer: Customer) -> str:
        if reason == "malformed_row":
            line = self._csv(customer)
            if number % 2:
                return line + self._plan.delimiter + "Sector 3"
            return line.rsplit(self._plan.delimiter, 1 + number % 4)[0]
        if reason == "invalid_encoding":
            # A byte of ISO 8859-2 in the middle of UTF-8; `surrogateescape` writes it as it is.
            return self._csv(customer._replace(last_name="Ni\udcfe\udce3"))
        if reason == "missing_email":
            email = "" if number % 3 else "  "
        elif reason == "invalid_email":
            email = self._rng.choice(_BAD_EMAILS).format(customer.email.split("@")[0])
        else:
            email = self._rng.choice(self._addresses)
            email = (email, email.upper(), email.title())[number % 3]
        return self._csv(customer._replace(email=email))

    def _warned(self, reason: str, customer: Customer) -> tuple[Customer, Customer]:
        """Returns the customer as written and as the product must understand it."""
        if reason == "invalid_date":
            written = customer._replace(birth_date=self._rng.choice(_BAD_DATES))
            return written, customer._replace(birth_date="")
        phone = self._rng.choice(_BAD_PHONES if reason == "invalid_phone" else self._phone_texts())
        return customer._replace(phone=phone), customer._replace(phone_e164="")

    def _phone_texts(self) -> tuple[str, str]:
        """One earlier customer's number, as it stood there and in its international form."""
        donor = self._rng.choice(self._phones)
        return donor.phone, donor.phone_e164

    def _csv(self, customer: Customer) -> str:
        d = self._plan.delimiter
        full_name, city = customer.full_name, customer.city
        if '"' in full_name:
            full_name = '"' + full_name.replace('"', '""') + '"'
        if d in city:
            city = f'"{city}"'
        return (
            f"{customer.customer_id}{d}{full_name}{d}{customer.first_name}{d}{customer.last_name}{d}{customer.email}{d}"
            f"{customer.phone}{d}{city}{d}{customer.country}{d}{customer.birth_date}{d}{customer.loyalty_points}{d}"
            f"{customer.is_subscribed}{d}{customer.last_purchase}"
        )
