"""The segments that lie in storage, with what an export of them needs to know: container, folder, name and columns.

Only the first row of a file is read, and shown only where it is a header. Values are never shown.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from shared.access import Caller, require
from shared.administration.paging import slice_of
from shared.app import App
from shared.config.models import SEGMENT_PATTERN, Document, Export
from shared.config.source import CONTAINER_NAME, Source
from shared.errors import ConfigurationError, shown
from shared.json_text import ALL_FIELDS_SENT
from shared.mapping.plan import why_hidden
from shared.mapping.proposal import ProposedMapping, propose_mapping
from shared.runs.answers import LEAVERS
from shared.runs.state import Run
from shared.runs.status import Timestamp
from shared.segments.framing import DELIMITERS
from shared.segments.inventory import SegmentAddress, container_missing, find_segments
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import Snapshot, find_snapshot, own_snapshot
from shared.segments.stored import SegmentChanged
from shared.staging.bodies import STAGED
from shared.staging.rejected import REJECTED
from shared.sync.stored import LEDGERS, UNDO

# What the app keeps for itself, and what the platform and the portal do, in an account.
OWN_CONTAINERS = (STAGED, REJECTED, LEAVERS, LEDGERS, UNDO)
_OTHERS = ("$", "azure-webjobs-", "app-package-", "insights-")
_AT_ONCE = 8
# A run of the same snapshot has counted its rows, and earlier ones those of others. Older ones are not looked for.
_NEWEST_RUNS = 10
# Nor in more exports than these of the same segment.
_MOST_EXPORTS = 2


@dataclass(frozen=True, kw_only=True)
class StoredSegment:
    """A segment. `snapshot` is null, and `problem` says why, where a run would find none.

    `rows` are known once a run has read this snapshot. `columns` are empty where the file has no header to show.
    `exports` are those that send it.
    """

    __pydantic_config__ = ALL_FIELDS_SENT

    container: str
    folder: str
    segment: str
    snapshot: str | None = None
    written_at: Timestamp | None = None
    files: int = 0
    bytes: int = 0
    rows: int | None = None
    columns: list[str] = field(default_factory=list)
    proposed_mapping: ProposedMapping | None = None
    exports: list[str] = field(default_factory=list)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """A segment as it is listed, and what was found for that: its source and snapshot, as a run would read them.

    `trend`: how many rows runs have read of its last snapshots, the oldest first.
    """

    listed: StoredSegment
    source: Source | None = None
    snapshot: Snapshot | None = None
    trend: list[int] = field(default_factory=list)


def list_segments(
    app: App, caller: Caller, container: str = "", *, limit: int | None = None, after: str = ""
) -> tuple[list[StoredSegment], str]:
    """A page of the segments of a container, or of all that may hold some, and where the next page begins.

    Raises ConfigurationError for an unknown container, and where the app may not list containers and has no export.
    """
    require(caller, "view_segments")
    document = app.configuration.read()
    page, more = slice_of(_addresses(app, document, container), limit, after)
    return [each.listed for each in _found(app, document, page)], more


def segments_found(app: App, caller: Caller, container: str, folder: str | None = None) -> list[FoundSegment]:
    """The same, all at once, or those of one folder. Raises as `list_segments` does."""
    require(caller, "view_segments")
    document = app.configuration.read()
    return _found(app, document, _addresses(app, document, container, folder))


def _addresses(app: App, document: Document, container: str, folder: str | None = None) -> list[SegmentAddress]:
    if container and not re.fullmatch(CONTAINER_NAME, container):
        raise container_missing(shown(container))
    addresses: list[SegmentAddress] = []
    for name in [container] if container else _containers(app, document):
        addresses += find_segments(app.storage.segment_blobs, name, folder)
    return addresses


def _found(app: App, document: Document, addresses: Sequence[SegmentAddress]) -> list[FoundSegment]:
    """Beside the snapshots the runs of those exports are read whose runs tell how many rows there are."""
    senders = [[each for each in document.exports if _sends(each, address)] for address in addresses]
    exports = {export.id for each in senders for export in each[:_MOST_EXPORTS]}
    with ThreadPoolExecutor(_AT_ONCE, "segments") as pool:
        reading = {export: pool.submit(_newest_runs, app, export) for export in exports}
        return list(pool.map(lambda address, exports: _stored(app, address, exports, reading), addresses, senders))


def _newest_runs(app: App, export: str) -> list[Run]:
    return [run for run in app.store.latest(export, _NEWEST_RUNS) if run.sends_segment]


def _containers(app: App, document: Document) -> list[str]:
    own = app.settings.export_config.partition("/")[0]
    try:
        names = app.storage.segment_blobs.containers()
    except ConfigurationError as error:
        if error.code != "storage_denied":
            raise
        return _named_containers(document)
    return [name for name in names if name not in (*OWN_CONTAINERS, own) and not name.startswith(_OTHERS)]


def _named_containers(document: Document) -> list[str]:
    """Those of the exports. A deployed app has its role on single containers, and so cannot list them all."""
    if not document.exports:
        raise ConfigurationError(
            "containers_hidden",
            "The app's roles do not show which containers the account has.",
            "Name one: `segment-export segments CONTAINER`, or GET /api/segments?container=NAME.",
        )
    return sorted({export.source.container for export in document.exports})


def _stored(
    app: App, address: SegmentAddress, exports: list[Export], runs: Mapping[str, Future[list[Run]]]
) -> FoundSegment:
    listed = StoredSegment(
        container=address.container,
        folder=address.folder,
        segment=address.segment,
        exports=[each.id for each in exports],
    )
    source = _source(exports, listed)
    if source is None:
        return FoundSegment(
            replace(listed, problem="A configuration takes no folder or segment of this name. Rename it.")
        )
    try:
        snapshot = find_snapshot(app.storage.segment_blobs, source, [address.segment])
        (part,) = snapshot.segments
        rows, trend = _rows(app, exports[:_MOST_EXPORTS], runs, snapshot)
        listed = replace(
            listed,
            snapshot=snapshot.id,
            written_at=part.modified.isoformat(),
            files=len(part.files),
            bytes=sum(file.blob.size_bytes for file in part.files),
            rows=rows,
        )
        return FoundSegment(_with_columns(app, source, snapshot, listed), source, snapshot, trend)
    except ConfigurationError as error:
        return FoundSegment(replace(listed, problem=error.message))
    except SegmentChanged:
        return FoundSegment(replace(listed, problem="Its files are being written now: look again in a moment."))


def _source(exports: Sequence[Export], segment: StoredSegment) -> Source | None:
    """How the exports that send it name where it lies, or how one would; None where none can."""
    if exports:
        return exports[0].source
    if not re.fullmatch(SEGMENT_PATTERN, segment.segment):
        return None
    try:
        return Source(container=segment.container, folder=segment.folder)
    except ValidationError:
        return None


def _sends(export: Export, address: SegmentAddress) -> bool:
    source = export.source
    return (
        source.container == address.container
        and source.folder.strip("/") == address.folder.strip("/")
        and address.segment in export.segments
    )


def _rows(
    app: App, exports: Iterable[Export], runs: Mapping[str, Future[list[Run]]], snapshot: Snapshot
) -> tuple[int | None, list[int]]:
    """How many rows a run has read of exactly these files, and its trend."""
    (part,) = snapshot.segments
    trend: list[int] = []
    for export in exports:
        found = ((run.snapshot, _rows_read(run, part.segment)) for run in runs[export.id].result())
        # A snapshot that was run again counts once.
        read = {snapshot: rows for snapshot, rows in found if rows is not None}
        trend = max(trend, list(read.values())[::-1], key=len)
        whole = snapshot.id if len(export.segments) == 1 else _snapshot_of(app, export)
        if whole in read:
            return read[whole], trend
    return None, trend


def _rows_read(run: Run, segment: str) -> int | None:
    return next((int(each["rows"]) for each in run.segments if each["name"] == segment), None)


def _snapshot_of(app: App, export: Export) -> str | None:
    """The snapshot of all segments of the export; None where another one of them is not there."""
    try:
        return own_snapshot(app.storage.segment_blobs, export).id
    except ConfigurationError:
        return None


def _with_columns(app: App, source: Source, snapshot: Snapshot, found: StoredSegment) -> StoredSegment:
    (part,) = snapshot.segments
    if not part.files:
        return replace(found, problem="Its files are not there yet.")
    header = SegmentStream(app.storage.segment_blobs, source, part.files[0]).header
    if other := _other_delimiter(header.columns):
        separated = source.model_copy(update={"delimiter": other})
        header = SegmentStream(app.storage.segment_blobs, separated, part.files[0]).header
        found = replace(found, problem=f"Its files are separated by '{shown(other)}': set source.delimiter.")
    proposed = propose_mapping(header.columns)
    if header.is_in_file and (hidden := why_hidden(header.columns, proposed.columns)):
        return replace(found, problem=f"{hidden[:1].upper()}{hidden[1:]}")
    return replace(found, columns=list(header.columns), proposed_mapping=proposed)


def _other_delimiter(columns: tuple[str, ...]) -> str:
    """What separates the columns, where they were read as a single one."""
    return next((sign for sign in DELIMITERS if len(columns) == 1 and sign in columns[0]), "")
