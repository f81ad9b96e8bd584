"""Staging as most histories have it: small files, read and written down in a few calls, without DuckDB and disk.

What decides between workers stays real: the steps, the claims, the commit, the names of the blobs. In a share of the
histories the real staging takes the place of all this.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self, cast

from shared.brevo.body import ImportRequest
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import ConfigurationError, TransientError
from shared.mapping.conditions import Conditions
from shared.mapping.results import MappedChunk, RejectedRow, RowCounts, SegmentRows
from shared.segments import snapshot as real
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.staging import bodies, parts
from shared.staging.bodies import STAGED, StagedBody
from shared.staging.rejected import REJECTED
from shared.storage.blobs import Blobs
from shared.storage.failures import Conflict, NotFound
from simulation.ledgers import Values, key_of, read

CONTACTS_IN_A_BATCH = 2


def own_snapshot(blobs: Blobs, export: Export) -> Snapshot:
    """As the real one finds it where each refresh has a folder, in one call instead of eight."""
    source, segments = export.source, export.segments
    found = blobs.listing_if_there(source.container, f"{source.folder}/{segments[0]}/")
    if not found:
        raise ConfigurationError("snapshot_missing", f"There is no snapshot of the segment {segments[0]}.", "Wait.")
    times = ["/".join(blob.name.split("/")[3:7]) for blob in found]
    time = max(times)
    files = [blob for blob, its_time in zip(found, times, strict=True) if its_time == time]
    part = SegmentSnapshot(
        segments[0],
        time,
        tuple(SegmentFile(segments[0], blob, None) for blob in files),
        None,
        max(blob.modified for blob in files),
    )
    return Snapshot(real._identity((part,)), (part,), part.modified, ())


@dataclass(frozen=True, slots=True)
class _NoFields:
    types: ClassVar[dict[str, Any]] = {}

    def with_types(self, kinds: object) -> Self:
        """Itself: no account has anything to decide."""
        return self


class ModelReader:
    """In the place of SnapshotReader. Its chunks are the contacts of one file each, as a body has them."""

    def __init__(
        self,
        blobs: Blobs,
        ready: ReadyExport,
        snapshot: Snapshot,
        folder: Path,
        *,
        planned: Callable[[Any], Any],
        on_rejected: Callable[[RejectedRow], None],
        between: Callable[[], None],
        conditions: Conditions,
    ) -> None:
        self._blobs, self._ready, self._snapshot = blobs, ready, snapshot
        self._planned, self._on_rejected, self._between = planned, on_rejected, between
        self._rows = self._rejected = self._left = self._files_of_keys = 0
        self._leavers, self._compared = conditions.leavers, conditions.compared
        leavers = self._leavers.paths if self._leavers else ()
        self._digests = {digest for path in leavers for digest in path.read_text().split()}
        self.notes: list[str] = []
        self.fields: list[Any] = []
        self.changed: list[Any] = []

    @property
    def files(self) -> list[tuple[str, str]]:
        """Segment and name of each file."""
        return [(part.segment, file.name) for part in self._snapshot.segments for file in part.files]

    @property
    def segments(self) -> list[SegmentRows]:
        """The files and rows of each segment."""
        return [SegmentRows(part.segment, len(part.files), self._rows) for part in self._snapshot.segments]

    @property
    def counts(self) -> RowCounts:
        """How many rows there are, and what they are."""
        rejected = {"missing_email": self._rejected} if self._rejected else {}
        left_out = {"left_list": self._left} if self._left else {}
        mapped = self._rows - self._rejected
        return RowCounts(
            rows_read=self._rows,
            rows_rejected=rejected,
            contacts_mapped=mapped,
            contacts_new=mapped - self._left,
            contacts_left_out=left_out,
        )

    def chunks(self) -> Iterator[Any]:
        """The contacts of each file: line, customer id, address and attributes."""
        self._planned(_NoFields())
        for file in self._snapshot.segments[0].files:
            self._between()
            try:
                data, etag = self._blobs.read_with_etag(self._ready.export.source.container, file.blob.name)
            except NotFound:
                raise TransientError("snapshot_changed", "A segment file is gone.") from None
            if etag != file.blob.etag:
                raise Conflict("segment file")
            contacts, left = [], []
            for line, row in enumerate(data.decode().splitlines()[1:], start=2):
                self._rows += 1
                customer, email, name, phone = row.split(",")
                if self._leavers and self._leavers.key.digest(email) in self._digests:
                    self._left += 1
                    left.append(email)
                    self._on_rejected(RejectedRow("Gold", file.name, line, "left_list", "", customer, None))
                elif email:
                    contacts.append((line, customer, email, {"FIRSTNAME": name} | ({"SMS": phone} if phone else {})))
                else:
                    self._rejected += 1
                    self._on_rejected(RejectedRow("Gold", file.name, line, "missing_email", "", customer, None))
            yield self._fresh(contacts, left)

    def _fresh(self, contacts: list[Any], left: list[str]) -> list[Any]:
        """Those that Brevo does not have as they are; the keys of all are written down, without values of who left."""
        if self._compared is None:
            return contacts
        keys: Values = dict.fromkeys(key_of(self._compared, each) for each in left)
        keys |= {key_of(self._compared, each[2]): json.dumps(each[3]) for each in contacts}
        before = read(self._compared.before)
        self._files_of_keys += 1
        self._compared.keys_file(self._files_of_keys).write_text(json.dumps(keys))
        return [each for each in contacts if before.get(key_of(self._compared, each[2])) != json.dumps(each[3])]


def write_bodies(
    blobs: Blobs, staging: str, request: ImportRequest, chunks: Iterable[MappedChunk]
) -> Iterator[StagedBody]:
    """As the real one does, a few contacts a body."""
    for number, group in enumerate(_groups(chunks, CONTACTS_IN_A_BATCH), start=1):
        yield bodies.write_body(blobs, staging, request, number, group)


def write_parts(blobs: Blobs, staging: str, chunks: Iterable[MappedChunk]) -> Iterator[StagedBody]:
    """As the real one does, a few more contacts a file."""
    for number, group in enumerate(_groups(chunks, 2 * CONTACTS_IN_A_BATCH), start=1):
        count, data, origins = group.count, parts._joined(b"[", group.contacts), b"".join(group.origins)
        blobs.write(STAGED, bodies.body_name(staging, number), data + b"]")
        blobs.write(STAGED, bodies.origins_name(staging, number), origins)
        yield StagedBody(number, count, len(data))


def _groups(chunks: Iterable[MappedChunk], most: int) -> Iterator[bodies.Group]:
    head = json.dumps({"starts": [0], "offsets": [2], "file_starts": [0], "files": [0]}).encode()
    people: list[tuple[int, str, str, dict[str, str]]] = [
        each for chunk in cast(Iterable[Any], chunks) for each in chunk
    ]
    for first in range(0, len(people), most):
        group = bodies.Group()
        for line, customer, email, attributes in people[first : first + most]:
            contact = json.dumps({"email": email, "attributes": attributes}, separators=(",", ":"))
            group.contacts.append(memoryview(contact.encode() + b",\n"))
            group.origins.append(b"%s\n%d\t%s\n" % (head, line - 2, customer.encode()))
            group.count += 1
        yield group


class ModelRejectedWriter:
    """In the place of RejectedWriter: one blob, without a file in between."""

    def __init__(self, blobs: Blobs, name: str, folder: Path) -> None:
        self._blobs, self._name = blobs, name
        self._rows: list[str] = []

    def add(self, row: RejectedRow) -> None:
        """Keeps one row."""
        self._rows.append(f"{row.segment},{row.file},{row.line},{row.reason},,{row.customer_id},\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._blobs.write(REJECTED, f"{self._name}-00001.csv", "".join(self._rows).encode())


class NoFolders:
    """In the place of `tempfile`."""

    @staticmethod
    @contextmanager
    def TemporaryDirectory(prefix: str) -> Iterator[str]:  # noqa: N802 - as tempfile has it
        """A folder that nothing is written to."""
        yield f"/nowhere/{prefix}"
