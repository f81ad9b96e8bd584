"""The rejected rows as CSV blobs: one from staging, one for each batch of which Brevo rejected contacts.

A value never stands there, so that the report can be mailed around; an address only as its SHA-256.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.mapping.rows import RejectedRow
from shared.storage.blobs import Blobs

REJECTED = "rejected-rows"
COLUMNS = ("segment", "file", "line", "reason", "field", "customer_id", "email_sha256")


def write_rejected(blobs: Blobs, name: str, rows: Iterable[RejectedRow], folder: Path) -> None:
    """Writes rows to the blob of this name, by way of a file in `folder` so that memory stays small."""
    path = folder / "rejected.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(_cells(row) for row in rows)
    with path.open("rb") as written:
        blobs.write(REJECTED, name, written)
    path.unlink()


def rejected_csv(blobs: Blobs, run_id: str, staging_id: str) -> Iterator[bytes]:
    """The run's rejected rows, header first. What Brevo rejected comes after what staging did."""
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(COLUMNS)
    yield header.getvalue().encode()
    for prefix in (f"{run_id}/{staging_id}.csv", f"{run_id}/brevo-{staging_id}-"):
        for blob in blobs.listing_if_there(REJECTED, prefix) if staging_id else []:
            yield from blobs.chunks(REJECTED, blob.name, blob.etag)


def brevo_rejected_name(run_id: str, staging_id: str, batch: int) -> str:
    """The blob for what Brevo rejected of a batch."""
    return f"{run_id}/brevo-{staging_id}-{batch:05}.csv"


def _cells(row: RejectedRow) -> tuple[str | int, ...]:
    digest = hashlib.sha256(row.email.encode()).hexdigest() if row.email else ""
    return (row.segment, row.file, row.line or "", row.reason, row.field, _plain(row.customer_id), digest)


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and that holds no address."""
    if "@" in text:
        return ""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
