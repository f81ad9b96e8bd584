"""Shows what a run would send: a few masked contacts and the counts by reason. Nothing is sent or written down."""

import json
import tempfile
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from shared.config.document import Target
from shared.runs.app import App
from shared.runs.completeness import check_complete
from shared.runs.reading import SnapshotReader
from shared.segments.snapshot import find_snapshot

_CONTACTS = 5


def preview(app: App, target: Target) -> dict[str, Any]:
    """The newest snapshot as it would be sent. Raises as staging does."""
    snapshot = find_snapshot(app.storage.segment_blobs, target.export.source, target.export.segments)
    check_complete(snapshot)
    found: dict[str, Any] = {
        "export": target.export.id,
        "snapshot": snapshot.id,
    }
    with tempfile.TemporaryDirectory(prefix="segment-export-") as folder:
        reader = SnapshotReader(app.storage.segment_blobs, target, snapshot, Path(folder))
        first: list[bytes] = []
        for chunk in reader.chunks():
            if len(first) < _CONTACTS:
                with chunk.contacts.open("rb") as contacts:
                    first += islice(contacts, _CONTACTS - len(first))
    return found | {
        "segments": [asdict(segment) for segment in reader.segments],
        **asdict(reader.counts),
        "notes": reader.notes,
        "contacts": _masked(first),
    }


def _masked(lines: list[bytes]) -> list[dict[str, Any]]:
    contacts = [json.loads(line.rstrip(b",\n")) for line in lines]
    return [
        {
            "email": _mask_email(contact["email"]),
            "attributes": {name: _mask(value) for name, value in contact["attributes"].items()},
        }
        for contact in contacts
    ]


def _mask_email(email: str) -> str:
    local, _, domain = email.partition("@")
    return f"{_mask(local)}@{_mask(domain.rpartition('.')[0])}.{domain.rpartition('.')[2]}"


def _mask(value: object) -> object:
    """Keeps the first character and the length, so that a wrong column is seen and a person is not."""
    if not isinstance(value, str):
        return "•" if isinstance(value, int | float) and not isinstance(value, bool) else value
    return value[:1] + "•" * min(len(value) - 1, 20)
