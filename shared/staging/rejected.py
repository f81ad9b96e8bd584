"""The rejected rows as CSV blobs: one from staging, one for each batch of which Brevo rejected contacts.

A value never stands there, so that the report can be mailed around; an address only as its SHA-256.
"""

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.mapping.results import RejectedRow
from shared.storage.blobs import Blobs

REJECTED = "rejected-rows"
COLUMNS = ("segment", "file", "line", "reason", "field", "customer_id", "email_sha256")
_CUSTOMER, _DIGEST = COLUMNS.index("customer_id"), COLUMNS.index("email_sha256")
_PART_BYTES = 64_000_000
_LONGEST_CELL_CHARACTERS = 1 << 27


class RejectedWriter:
    """Writes rows to `<name>-<part>.csv` by way of a file in `folder`, so that memory and disk stay small.

    To be used in `with`: leaving the block without an error writes the last part, where there is one.
    """

    def __init__(self, blobs: Blobs, name: str, folder: Path) -> None:
        self._blobs = blobs
        self._name = name
        self._path = folder / "rejected.csv"
        self._part = 0
        self._open()

    def add(self, row: RejectedRow) -> None:
        """Writes one row."""
        self._rows.writerow(_cells(row))
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
            self._blobs.write(REJECTED, f"{self._name}-{self._part:05}.csv", written)


def rejected_csv(blobs: Blobs, run_id: str, staging_id: str) -> Iterator[bytes]:
    """The run's rejected rows, header first. What Brevo rejected comes after what staging did."""
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(COLUMNS)
    yield header.getvalue().encode()
    for prefix in (f"{run_id}/{staging_id}-", f"{run_id}/brevo-{staging_id}-"):
        for blob in blobs.listing_if_there(REJECTED, prefix) if staging_id else []:
            yield from blobs.chunks(REJECTED, blob.name, blob.etag)


def customers_of(data: bytes, digests: set[str]) -> set[str]:
    """The customer ids, as the report has them, of the rows with one of these addresses' SHA-256."""
    return {row[_CUSTOMER] for row in _rows(data) if row[_DIGEST] in digests and row[_CUSTOMER]}


def without_rows(data: bytes, digests: set[str], customers: set[str]) -> tuple[bytes, int]:
    """The report without the rows of these addresses and of these customers, and how many they were."""
    rows = list(_rows(data))
    kept = [row for row in rows if row[_DIGEST] not in digests and row[_CUSTOMER] not in customers]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(kept)
    return text.getvalue().encode(), len(rows) - len(kept)


def _rows(data: bytes) -> Iterator[list[str]]:
    csv.field_size_limit(_LONGEST_CELL_CHARACTERS)
    return csv.reader(io.StringIO(data.decode(), newline=""))


def staging_rejected_name(run_id: str, staging_id: str) -> str:
    """The blobs for what staging rejected."""
    return f"{run_id}/{staging_id}"


def brevo_rejected_name(run_id: str, staging_id: str, batch: int) -> str:
    """The blobs for what Brevo rejected of a batch."""
    return f"{run_id}/brevo-{staging_id}-{batch:05}"


def _cells(row: RejectedRow) -> tuple[str | int, ...]:
    digest = address_digest(row.email) if row.email else ""
    return (row.segment, row.file, row.line or "", row.reason, row.field, plain_cell(row.customer_id), digest)


def address_digest(email: str) -> str:
    """What stands for an address in the reports."""
    return hashlib.sha256(email.encode()).hexdigest()


def plain_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and that holds no address."""
    if "@" in text:
        return ""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
