"""Finds the rows of one address in a snapshot, and says of each what a run would make of it.

Rows are picked by their bytes, and only what is left is mapped, by the code that maps for runs. So a snapshot of ten
million rows is read once, and nearly nothing of it is judged.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from shared.config.document import ReadyExport
from shared.mapping.email_rule import judge_email
from shared.mapping.results import RejectedRow
from shared.segments.framing import Fault, Records
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.segments.stored import stored_bytes
from shared.staging.folders import working_folder
from shared.staging.reader import SnapshotReader
from shared.storage.blobs import Blobs
from shared.storage.overlapping import overlapping

_AT_ONCE = 4
# What Punycode begins with: a file may have the name's own letters instead.
_PUNYCODE = "xn--"
# Rows whose cells could not be read: nothing is known of them but that the address stands in them.
_UNREADABLE = ("malformed_row", "invalid_encoding")


@dataclass(frozen=True, slots=True)
class Sought:
    """An address as it is sent, in lower case, or as somebody typed it where it is none that can be sent."""

    address: str

    @property
    def needle(self) -> bytes:
        """What stands in each row that has the address, however it is written there, in lower case."""
        name, at, domain = self.address.rpartition("@")
        return f"{name}{at}{'' if _PUNYCODE in domain else domain}".encode()

    def is_in(self, data: bytes) -> bool:
        """True where the data may hold the address."""
        return self.needle in data.lower()

    def is_of(self, row: RejectedRow) -> bool:
        """True for a row with this address, and for one that has it and could not be read."""
        if row.email is None:
            return row.reason in _UNREADABLE
        return self.address in (row.email, judge_email(row.email))

    def picked(self, records: Iterable[Records | Fault]) -> Iterator[Records | Fault]:
        """The records that may hold the address, one by one."""
        for record in records:
            if not self.is_in(record.data):
                continue
            if isinstance(record, Fault) or record.count == 1:
                yield record
                continue
            for number, line in enumerate(record.data.splitlines(keepends=True)):
                if self.is_in(line):
                    yield Records(line, 1, record.line + number)


def rows_with(blobs: Blobs, ready: ReadyExport, snapshot: Snapshot, address: str) -> list[RejectedRow]:
    """The rows of the snapshot with this address, in their order; `reason` is `contact` for one that would be sent.

    It is `merged` or `filtered` for one that no report has. Rows of other addresses are not looked at, so it is not
    known here who has the same phone number or customer id. Raises as staging does.
    """
    sought = Sought(address)
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


def _only(part: SegmentSnapshot, names: set[str]) -> SegmentSnapshot:
    return replace(part, files=tuple(file for file in part.files if file.blob.name in names))


def _files_with(blobs: Blobs, container: str, snapshot: Snapshot, sought: Sought) -> set[str]:
    """The names of the blobs that hold the address."""

    def holds(file: SegmentFile) -> bool:
        return any(map(sought.is_in, overlapping(stored_bytes(blobs, container, file.blob), len(sought.needle))))

    files = [file for part in snapshot.segments for file in part.files]
    with ThreadPoolExecutor(_AT_ONCE, "search") as pool:
        return {file.blob.name for file, is_held in zip(files, pool.map(holds, files), strict=True) if is_held}
