"""Shows what a run would send: a few masked contacts and the counts by reason. Nothing is sent or written down."""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from shared.app_secret import KEY_BYTES
from shared.brevo.attributes import AskAttributes
from shared.config.document import ReadyExport
from shared.errors import ExportError
from shared.json_text import ALL_FIELDS_SENT
from shared.mapping.conditions import Conditions
from shared.mapping.excluded import Excluded
from shared.mapping.leavers import DigestKey, write_digests
from shared.mapping.plan import Plan
from shared.mapping.results import RowCounts, SegmentRows
from shared.segments.snapshot import Snapshot, own_snapshot
from shared.staging.account import decided_by
from shared.staging.completeness import check_complete, gap_texts
from shared.staging.excluded import find_excluded, write_excluded
from shared.staging.folders import working_folder
from shared.storage.blobs import Blobs

if TYPE_CHECKING:
    from shared.staging.reader import SnapshotReader

_CONTACTS = 5
# Behind an @ in another text there may stand whatever.
_ADDRESS = re.compile(r"[^\s@]+@(?:[\w-]+\.)+(?:[A-Za-z]+|xn--[A-Za-z0-9-]+)")


@dataclass(frozen=True, slots=True)
class MaskedContact:
    """A contact of which only first characters and lengths are shown."""

    email: str
    attributes: dict[str, str | bool | list[str] | None]


@dataclass(frozen=True, kw_only=True)
class Preview(RowCounts):
    """What a run would send: counts, and a few masked contacts."""

    __pydantic_config__ = ALL_FIELDS_SENT

    export: str
    snapshot: str
    segments: list[SegmentRows]
    notes: list[str]
    contacts: list[MaskedContact]


def preview(
    blobs: Blobs,
    ready: ReadyExport,
    ask: AskAttributes,
    judge: "Callable[[SnapshotReader, list[str]], list[str]]" = lambda reader, gaps: [],
) -> Preview:
    """The newest snapshot as it would be sent. Raises as staging does; where Brevo cannot be asked, a note says so.

    `judge` gives the first notes, from what was read and a sentence for each segment of which files may be missing.
    """
    from shared.staging.reader import SnapshotReader  # brings DuckDB, which describing a preview does not need

    snapshot = own_snapshot(blobs, ready.export)
    check_complete(snapshot)
    planned, notes = planned_by(ask, ready)
    out = find_excluded(blobs, ready.export)
    with working_folder() as folder:
        excluded, unread = _excluded(blobs, ready, out, Path(folder))
        reader = SnapshotReader(
            blobs, ready, snapshot, Path(folder), planned=planned, conditions=Conditions(excluded=excluded)
        )
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
        notes=[*judge(reader, gap_texts(ready.export.source, snapshot, out)), *notes, *unread, *reader.notes],
        contacts=[_masked(line) for line in first],
    )


def _excluded(
    blobs: Blobs, ready: ReadyExport, found: Snapshot | None, folder: Path
) -> tuple[Excluded | None, list[str]]:
    """Who is in the excluded segments, and notes; nothing is kept of it, so any key will do."""
    notes = []
    if lists := ready.export.exclude.list_ids:
        notes.append(f"A preview does not ask who is in the excluded lists ({', '.join(map(str, lists))}).")
    if found is None:
        return None, notes
    excluded = Excluded((folder / "excluded-segments",), DigestKey.of(secrets.token_bytes(KEY_BYTES)))
    write, by_customer = partial(write_digests, key=excluded.key), ready.export.identify_by == "customer_id"
    notes.append(write_excluded(blobs, ready, found, excluded.paths[0], write, by_customer=by_customer))
    return excluded, [note for note in notes if note]


def planned_by(ask: AskAttributes, ready: ReadyExport) -> tuple[Callable[[Plan], Plan], list[str]]:
    """What the account's attributes make of a plan; where they cannot be asked for, nothing, and a note."""
    try:
        account = ask(ready.key_setting)
    except ExportError as error:
        return lambda plan: plan, [
            f"Brevo could not be asked for the account's attributes ({error.code}): what has no type in the mapping "
            "is taken for text here."
        ]
    return lambda plan: decided_by(plan, ready.export, account), []


def _masked(line: bytes) -> MaskedContact:
    contact = json.loads(line.rstrip(b",\n"))
    attributes = {name: _mask_value(value) for name, value in contact["attributes"].items()}
    return MaskedContact(_mask_email(contact["email"]), attributes)


def masked_text(value: str) -> str:
    """A value of which only first characters and lengths are shown."""
    return _mask_email(value) if _ADDRESS.fullmatch(value) else _mask(value)


def _mask_email(email: str) -> str:
    local, _, domain = email.partition("@")
    name, _, ending = domain.rpartition(".")
    return f"{_mask(local)}@{_mask(name)}.{ending}"


def _mask_value(value: str | float | bool | list[str] | None) -> str | bool | list[str] | None:
    if isinstance(value, list):
        return [_mask(choice) for choice in value]
    if value is None or isinstance(value, bool):
        return value
    return _mask(value) if isinstance(value, str) else "•"


def _mask(value: str) -> str:
    """Keeps the first character and the length, so that a wrong column is seen and a person is not."""
    return value[:1] + "•" * min(len(value) - 1, 20)
