"""Finds the rows of one address, or of one customer, in a snapshot, and says of each what a run would make of it.

Rows are picked by their bytes, and only what is left is mapped, by the code that maps for runs. So a snapshot of ten
million rows is read once, and nearly nothing of it is judged.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import ConfigurationError
from shared.mapping.email_rule import judge_email
from shared.mapping.plan import CUSTOMER_ID, find_column
from shared.mapping.results import RejectedRow
from shared.segments.framing import Fault, Records
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.segments.stored import stored_bytes
from shared.staging.folders import working_folder
from shared.staging.reader import SnapshotReader
from shared.storage.blobs import Blobs
from shared.storage.overlapping import overlapping

_AT_ONCE = 4
# What Punycode begins with: a file may have the name's own letters instead.
_PUNYCODE = "xn--"
# A domain with a sign beyond ASCII, such as a full stop of full width, up to that sign.
_BEYOND_ASCII = rb"[a-z0-9.-]{0,253}[^\x00-\x7f]"
# No address is longer, whatever signs it is written with.
_LONGEST_ADDRESS_BYTES = 1_000
# Rows whose cells could not be read: nothing is known of them but that the address stands in them.
_UNREADABLE = ("malformed_row", "invalid_encoding")
# What a cell of a file may have doubled, or behind another sign.
_WRITTEN_DIFFERENTLY = re.compile(r'["\\]')


class Sought(ABC):
    """What is looked for in the rows."""

    @property
    @abstractmethod
    def needle(self) -> bytes:
        """What stands in each row that is looked for, in the form that `folded` gives."""

    @abstractmethod
    def folded(self, data: bytes) -> bytes:
        """The data in the form in which the needle is looked for."""

    @abstractmethod
    def is_of(self, row: RejectedRow) -> bool:
        """True for a row that is looked for, and for one that may be it and could not be read."""

    def is_in(self, data: bytes) -> bool:
        """True where the data may hold it."""
        return self.needle in self.folded(data)

    def picked(self, records: Iterable[Records | Fault]) -> Iterator[Records | Fault]:
        """The records that may hold it, one by one."""
        for record in records:
            if not self.is_in(record.data):
                continue
            if isinstance(record, Fault) or record.count == 1:
                yield record
                continue
            for number, line in enumerate(record.data.splitlines(keepends=True)):
                if self.is_in(line):
                    yield Records(line, 1, record.line + number)


@dataclass(frozen=True, slots=True)
class SoughtAddress(Sought):
    """An address as it is sent, in lower case, or as somebody typed it where it is none that can be sent."""

    address: str

    @property
    def needle(self) -> bytes:
        """What all ways to write the address begin with, in lower case."""
        name, at, _ = self.address.rpartition("@")
        return f"{name}{at}".encode()

    def folded(self, data: bytes) -> bytes:
        """In lower case."""
        return data.lower()

    def is_in(self, data: bytes) -> bool:
        """True where the data may hold the address: a domain with signs beyond ASCII may be the same one."""
        folded = self.folded(data)
        return self.needle in folded and self._written().search(folded) is not None

    def _written(self) -> re.Pattern[bytes]:
        domain = self.address.rpartition("@")[2]
        own = "" if _PUNYCODE in domain else domain
        return re.compile(re.escape(self.needle) + b"(?:" + re.escape(own.encode()) + b"|" + _BEYOND_ASCII + b")")

    def is_of(self, row: RejectedRow) -> bool:
        """True for a row with this address, and for one that has it and could not be read."""
        if row.email is None and row.reason in _UNREADABLE:
            return True
        return row.email is not None and self.address in (row.email, judge_email(row.email))


@dataclass(frozen=True, slots=True)
class SoughtCustomer(Sought):
    """A customer, by their id as Customer Insights has it."""

    customer_id: str

    @property
    def needle(self) -> bytes:
        """The longest part of the id that a file cannot write in another way."""
        return max(_WRITTEN_DIFFERENTLY.split(self.customer_id), key=len).encode()

    def folded(self, data: bytes) -> bytes:
        """As it is: ids differ by their case."""
        return data

    def is_of(self, row: RejectedRow) -> bool:
        """True for a row of this customer. Whose a row is that could not be read is not known."""
        return row.customer_id == self.customer_id


def rows_with(blobs: Blobs, ready: ReadyExport, snapshot: Snapshot, sought: Sought) -> list[RejectedRow]:
    """The rows of the snapshot that are sought, in their order; `reason` is `contact` for one that would be sent.

    It is `merged` or `filtered` for one that no report has. Rows of others are not looked at, so it is not known here
    who has the same phone number, or besides what is sought the same address or customer id. Raises as staging does.
    """
    held = _files_with(blobs, ready.export.source.container, snapshot, sought)
    if not held:
        return []
    parts = tuple(_only(part, held) for part in snapshot.segments)
    found: list[RejectedRow] = []
    with working_folder() as folder:
        reader = SnapshotReader(
            blobs,
            ready,
            replace(snapshot, segments=parts),
            Path(folder),
            on_rejected=found.append,
            picked=sought.picked,
        )
        for _ in reader.chunks():
            pass
    order = {(part.segment, file.name): number for part in parts for number, file in enumerate(part.files)}
    segments = [part.segment for part in parts]
    return sorted(
        (row for row in found if sought.is_of(row)),
        key=lambda row: (segments.index(row.segment), order[row.segment, row.file], row.line),
    )


def check_ids(blobs: Blobs, export: Export, snapshot: Snapshot) -> None:
    """Raises ConfigurationError where the snapshot's rows do not name their customers."""
    for file in [part.files[0] for part in snapshot.segments if part.files][:1]:
        columns = SegmentStream(blobs, export.source, file).header.columns
        if columns and find_column(CUSTOMER_ID, columns) is None:
            raise ConfigurationError(
                "column_missing",
                f"{file.name} has no column {CUSTOMER_ID!r}, by which customers are named.",
                "Ask by the e-mail address.",
            )


def _only(part: SegmentSnapshot, names: set[str]) -> SegmentSnapshot:
    return replace(part, files=tuple(file for file in part.files if file.blob.name in names))


def _files_with(blobs: Blobs, container: str, snapshot: Snapshot, sought: Sought) -> set[str]:
    """The names of the blobs that hold the address."""
    longest = len(sought.needle) + _LONGEST_ADDRESS_BYTES

    def holds(file: SegmentFile) -> bool:
        return any(map(sought.is_in, overlapping(stored_bytes(blobs, container, file.blob), longest)))

    files = [file for part in snapshot.segments for file in part.files]
    with ThreadPoolExecutor(_AT_ONCE, "search") as pool:
        return {file.blob.name for file, is_held in zip(files, pool.map(holds, files), strict=True) if is_held}
