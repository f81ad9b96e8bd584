"""Reads one segment's files with the product's reader, without storage or Brevo."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.config.document import ReadyExport
from shared.config.models import Connection, Export
from shared.mapping.results import RejectedRow
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.staging.reader import SnapshotReader
from shared.storage.blobs import Blob


@dataclass
class FakeBlobs:
    """The segments' storage: each blob in pieces of any of these sizes."""

    files: dict[str, bytes]
    chance: random.Random
    piece_sizes: tuple[int, ...]

    def chunks(self, container: str, name: str, etag: str) -> Iterator[bytes]:
        data, at = self.files[name], 0
        while at < len(data):
            size = self.chance.choice(self.piece_sizes)
            yield data[at : at + size]
            at += size


def target(escape: str = '"') -> ReadyExport:
    connection = Connection.model_validate(
        {"id": "brevo", "display_name": "Brevo", "api_key": {"setting": "BREVO_API_KEY"}}
    )
    export = Export.model_validate(
        {
            "id": "gold",
            "display_name": "Gold",
            "connection": "brevo",
            "list_id": 1,
            "source": {"container": "segments", "folder": "f", "escape": escape},
            "segments": ["Gold"],
            "mapping": {"email": "EMail", "first_name": "FirstName"},
        }
    )
    return ReadyExport(export, connection)


def reader_of(
    blobs: FakeBlobs, folder: Path, on_rejected: Callable[[RejectedRow], None], escape: str = '"'
) -> SnapshotReader:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    parts = tuple(SegmentFile("Gold", Blob(name, "e", len(data), now), None) for name, data in blobs.files.items())
    snapshot = Snapshot("s", (SegmentSnapshot("Gold", "2026/11/28/0500", parts, None, now),), now, ())
    storage: Any = blobs
    return SnapshotReader(storage, target(escape), snapshot, folder, on_rejected=on_rejected)
