"""The rejected rows as CSV blobs: one from staging, one for each batch of which Brevo rejected contacts.

A value never stands there, so that the report can be mailed around; an address only as its SHA-256.
"""

import csv
import hashlib
import io
import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from shared.errors import masked
from shared.mapping.results import Outcome, RejectedRow, outcome_of
from shared.storage.blobs import Blob, Blobs

REJECTED = "rejected-rows"
COLUMNS = ("segment", "file", "line", "reason", "field", "customer_id", "email_sha256", "outcome")
_SEGMENT, _REASON, _FIELD = (COLUMNS.index(name) for name in ("segment", "reason", "field"))
_CUSTOMER, _DIGEST = (COLUMNS.index(name) for name in ("customer_id", "email_sha256"))
# Of blobs whose rows have an outcome. Release 0.1 wrote `.csv` alone, and no outcome.
_ENDING = ".2.csv"
_PART_BYTES = 64_000_000
# So many characters are written between two looks at a part's size, for which all must go to the disk.
_MEASURED_EACH = 100_000
# Few segments, files and columns stand in many rows.
_NAMES = 1_024
# What one answer of the API holds. The worker has an answer in memory several times before it is sent.
REPORT_PART_BYTES = 16_000_000
_LONGEST_CELL_CHARACTERS = 1 << 27
# Spreadsheets of East Asian languages take the full-width signs for the others. Where numbers have a decimal comma, a
# spreadsheet parts a file at its semicolons, and at the line breaks within our cells, whose quotes it does not see.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_PARTS_OF_CELLS = re.compile(rf"(?<=[;\t\r\n])(?=[ \"]*[{re.escape(''.join(_FORMULA_STARTS))}])")


class RejectedWriter:
    """Writes rows to `<name>-<part>.2.csv` by way of a file in `folder`, so that memory and disk stay small.

    To be used in `with`: leaving the block without an error writes the last part, where there is one.
    """

    def __init__(self, blobs: Blobs, name: str, folder: Path) -> None:
        self._blobs = blobs
        self._name = name
        self._path = folder / "rejected.csv"
        self._part = 0
        self._not_measured = 0
        self._open()

    def add(self, row: RejectedRow) -> None:
        """Writes one row."""
        self._not_measured += self._rows.writerow(_cells(row))
        if self._not_measured <= _MEASURED_EACH:
            return
        self._not_measured = 0
        if self._file.tell() > _PART_BYTES:
            self._upload()
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._file.tell():
            self._upload()
        else:
            self._file.close()

    def _open(self) -> None:
        self._file = self._path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")

    def _upload(self) -> None:
        self._file.close()
        self._part += 1
        with self._path.open("rb") as written:
            self._blobs.write(REJECTED, f"{self._name}-{self._part:05}{_ENDING}", written)


def rejected_csv(blobs: Blobs, run_id: str, staging_id: str) -> Iterator[bytes]:
    """The run's rejected rows, header first. What Brevo rejected comes after what staging did."""
    yield _header()
    for blob in _stored(blobs, run_id, staging_id):
        yield from _Part(blobs, blob).chunks()


def has_report(blobs: Blobs, run_id: str, staging_id: str) -> bool:
    """Whether anything is there of the rejected rows: nothing where there were none, or they are past their time."""
    return bool(_stored(blobs, run_id, staging_id))


def report_parts(blobs: Blobs, run_id: str, staging_id: str) -> int:
    """How many parts of REPORT_PART_BYTES the rejected rows have, at least one."""
    size_bytes = len(_header()) + sum(_Part(blobs, blob).size_bytes for blob in _stored(blobs, run_id, staging_id))
    return math.ceil(size_bytes / REPORT_PART_BYTES)


def report_part(blobs: Blobs, run_id: str, staging_id: str, number: int) -> bytes:
    """The part with this number, from 1. All parts, one behind the other, are what `rejected_csv` gives.

    A part may end within a row.
    """
    first = (number - 1) * REPORT_PART_BYTES
    part, left = io.BytesIO(), REPORT_PART_BYTES
    if first == 0:
        left -= part.write(_header())
    offset = max(0, first - len(_header()))
    for blob in _stored(blobs, run_id, staging_id):
        stored = _Part(blobs, blob)
        if length := min(left, stored.size_bytes - offset) if stored.size_bytes > offset else 0:
            for chunk in stored.chunks(offset, length):
                left -= part.write(chunk)
        offset = max(0, offset - stored.size_bytes)
    return part.getvalue()


class _Part:
    """One of the run's blobs, as it is given out: each row with its outcome, whatever release has written it."""

    def __init__(self, blobs: Blobs, blob: Blob) -> None:
        self._blobs, self._blob = blobs, blob
        self._older = None if blob.name.endswith(_ENDING) else _with_outcomes(blobs.read(REJECTED, blob.name))
        self.size_bytes = blob.size_bytes if self._older is None else len(self._older)

    def chunks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """`length` bytes from `offset`; without them all of it."""
        if self._older is None:
            yield from self._blobs.chunks(REJECTED, self._blob.name, self._blob.etag, offset, length)
        else:
            yield self._older[offset : None if length is None else offset + length]


def _with_outcomes(data: bytes) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([*row, outcome_of(row[_REASON])] for row in cells_of(data))
    return text.getvalue().encode()


def _header() -> bytes:
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(COLUMNS)
    return header.getvalue().encode()


def _stored(blobs: Blobs, run_id: str, staging_id: str) -> list[Blob]:
    prefixes = (f"{run_id}/{staging_id}-", f"{run_id}/brevo-{staging_id}-") if staging_id else ()
    return [blob for prefix in prefixes for blob in blobs.listing_if_there(REJECTED, prefix)]


def rows_of(blobs: Blobs, run_id: str, staging_id: str, digests: set[str], customer_id: str = "") -> list[RejectedRow]:
    """The run's rejected rows and warnings with one of these addresses' SHA-256 or this id, in their order."""
    found: list[RejectedRow] = []
    customer = plain_cell(customer_id)
    # A report doubles quotes, so what stands between two of them is looked for.
    part = max(customer.split('"'), key=len) or customer
    wanted = [each.encode() for each in (*digests, part) if each]
    for blob in _stored(blobs, run_id, staging_id):
        data = b"".join(_Part(blobs, blob).chunks())
        if any(word in data for word in wanted):
            found += [_row(cells) for cells in cells_of(data) if _is_of(cells, digests, customer)]
    return found


def _is_of(cells: list[str], digests: set[str], customer: str) -> bool:
    return cells[_DIGEST] in digests or (customer != "" and plain_cell(cells[_CUSTOMER]) == customer)


def named_by_brevo(blobs: Blobs, run_id: str, staging_id: str) -> int:
    """How many of the run's rows are contacts that Brevo rejected: fewer than it counts where it names not all."""
    ends = b",rejected_by_brevo\n"
    return sum(b"".join(_Part(blobs, blob).chunks()).count(ends) for blob in _stored(blobs, run_id, staging_id))


def _row(cells: list[str]) -> RejectedRow:
    segment, file, line, reason, field, customer_id, _, outcome = cells
    return RejectedRow(segment, file, int(line or 0), reason, field, customer_id, None, cast(Outcome, outcome))


def customers_of(data: bytes, digests: set[str]) -> set[str]:
    """The customer ids, as the report has them, of the rows with one of these addresses' SHA-256."""
    return {row[_CUSTOMER] for row in cells_of(data) if row[_DIGEST] in digests and row[_CUSTOMER]}


def without_rows(data: bytes, digests: set[str], customers: set[str]) -> tuple[bytes, int]:
    """The report without the rows of these addresses and of these customers, and how many they were."""
    return _without(data, lambda row: row[_DIGEST] in digests or row[_CUSTOMER] in customers)


def contact_words(number: int) -> str:
    """What stands in the column `field` for a member of the list that only Brevo's number tells."""
    return f"contact {number}"


def without_contact(data: bytes, number: int) -> tuple[bytes, int]:
    """The report without the rows of the member with this number of Brevo's, and how many they were."""
    words = contact_words(number)
    return _without(data, lambda row: not row[_SEGMENT] and row[_FIELD] == words)


def _without(data: bytes, is_gone: Callable[[list[str]], bool]) -> tuple[bytes, int]:
    """Row by row: a report's part may have half a million, whose cells take ten times its size."""
    kept, removed = io.BytesIO(), 0
    with io.TextIOWrapper(kept, "utf-8", newline="") as text:
        rows = csv.writer(text, lineterminator="\n")
        for row in cells_of(data):
            if is_gone(row):
                removed += 1
            else:
                rows.writerow(row)
        text.flush()
        return kept.getvalue(), removed


def cells_of(data: bytes) -> Iterator[list[str]]:
    """The cells of each line of a report. A cell may have line breaks, and signs that Python takes for some."""
    csv.field_size_limit(_LONGEST_CELL_CHARACTERS)
    # Not as one text, which takes four times the memory.
    return csv.reader(line.decode() for line in io.BytesIO(data))


def staging_rejected_name(run_id: str, staging_id: str) -> str:
    """The blobs for what staging rejected."""
    return f"{run_id}/{staging_id}"


def brevo_rejected_name(run_id: str, staging_id: str, batch: int) -> str:
    """The blobs for what Brevo rejected of a batch."""
    return f"{run_id}/brevo-{staging_id}-{batch:05}"


def _cells(row: RejectedRow) -> tuple[str | int, ...]:
    return (
        _name(row.segment),
        _file_name(row.file),
        row.line or "",
        row.reason,
        _name(row.field),
        plain_cell(row.customer_id),
        address_digest(row.email) if row.email else "",
        row.outcome,
    )


@lru_cache(_NAMES)
def _name(text: str) -> str:
    return plain_cell(text)


@lru_cache(_NAMES)
def _file_name(text: str) -> str:
    return plain_cell(masked(text))


def address_digest(email: str) -> str:
    """What stands for an address in the reports."""
    return hashlib.sha256(email.encode()).hexdigest()


def plain_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and that holds no address."""
    if "@" in text or "\uff20" in text:
        return ""
    if ";" in text or "\n" in text or "\r" in text or "\t" in text:
        text = _PARTS_OF_CELLS.sub("'", text)
    return f"'{text}" if text.lstrip(" ")[:1] in _FORMULA_STARTS else text
