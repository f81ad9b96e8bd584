"""The segment Loyal as a run reads it, of files that a fake of storage has."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.config.document import ReadyExport
from shared.config.models import Connection, Export
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.staging.reader import SnapshotReader
from shared.storage.blobs import Blob

NOW = datetime(2027, 3, 14, 5, 30, tzinfo=UTC)


def reader_of(blobs: Any, names: Iterable[str], folder: Path, mapping: dict[str, Any]) -> SnapshotReader:
    """Reads these files from `blobs`, mapped so."""
    connection = {"id": "brevo", "display_name": "Brevo", "api_key": {"setting": "BREVO_API_KEY"}}
    export = {
        "id": "loyal",
        "display_name": "Loyal",
        "connection": "brevo",
        "list_id": 1,
        "source": {"container": "crm", "folder": "f"},
        "segments": ["Loyal"],
        "mapping": mapping,
    }
    files = tuple(SegmentFile("Loyal", Blob(name, "e", 100, NOW), None) for name in names)
    snapshot = Snapshot("s", (SegmentSnapshot("Loyal", "2027/03/14/0530", files, None, NOW),), NOW, ())
    ready = ReadyExport(Export.model_validate(export), Connection.model_validate(connection))
    return SnapshotReader(blobs, ready, snapshot, folder)
