"""Shows what a run would send: a few masked contacts and the counts by reason. Nothing is sent or written down."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from shared.config.document import ReadyExport
from shared.json_text import ALL_FIELDS_SENT
from shared.mapping.results import RowCounts, SegmentRows
from shared.segments.snapshot import find_snapshot
from shared.staging.completeness import check_complete
from shared.staging.folders import working_folder
from shared.storage.blobs import Blobs

_CONTACTS = 5


@dataclass(frozen=True, slots=True)
class MaskedContact:
    """A contact of which only first characters and lengths are shown."""

    email: str
    attributes: dict[str, str | bool | None]


@dataclass(frozen=True, kw_only=True)
class Preview(RowCounts):
    """What a run would send: counts, and a few masked contacts."""

    __pydantic_config__ = ALL_FIELDS_SENT

    export: str
    snapshot: str
    segments: list[SegmentRows]
    notes: list[str]
    contacts: list[MaskedContact]


def preview(blobs: Blobs, ready: ReadyExport) -> Preview:
    """The newest snapshot as it would be sent. Raises as staging does."""
    from shared.staging.reader import SnapshotReader  # brings DuckDB, which describing a preview does not need

    snapshot = find_snapshot(blobs, ready.export.source, ready.export.segments)
    check_complete(snapshot)
    with working_folder() as folder:
        reader = SnapshotReader(blobs, ready, snapshot, Path(folder))
        first: list[bytes] = []
        for chunk in reader.chunks():
            if len(first) < _CONTACTS:
                with chunk.contacts.open("rb") as contacts:
                    first += islice(contacts, _CONTACTS - len(first))
    return Preview(
        **vars(reader.counts),
        export=ready.export.id,
        snapshot=snapshot.id,
        segments=reader.segments,
        notes=reader.notes,
        contacts=[_masked(line) for line in first],
    )


def _masked(line: bytes) -> MaskedContact:
    contact = json.loads(line.rstrip(b",\n"))
    attributes = {name: _mask(value) for name, value in contact["attributes"].items()}
    return MaskedContact(_mask_email(contact["email"]), attributes)


def _mask_email(email: str) -> str:
    local, _, domain = email.partition("@")
    name, _, ending = domain.rpartition(".")
    return f"{_mask(local)}@{_mask(name)}.{ending}"


def _mask(value: str | float | bool | None) -> str | bool | None:
    """Keeps the first character and the length, so that a wrong column is seen and a person is not."""
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return "•"
    return value[:1] + "•" * min(len(value) - 1, 20)
