"""Reads a whole snapshot into rows: every file checked, every row judged, and nothing written anywhere."""

from collections.abc import Callable
from pathlib import Path

from shared.config.document import Target
from shared.errors import ConfigurationError
from shared.mapping.plan import Plan, make_plan
from shared.mapping.rows import Rows
from shared.mapping.select import FileSource
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.storage.blobs import Blobs


def read_snapshot(
    blobs: Blobs,
    target: Target,
    snapshot: Snapshot,
    folder: Path,
    *,
    planned: Callable[[Plan], Plan] = lambda plan: plan,
    between_files: Callable[[], None] = lambda: None,
) -> Rows | None:
    """The snapshot's rows, settled; None where no file has even a header.

    `planned` sees the plan before any row is read and may change it. Raises ConfigurationError for files and
    mappings that do not fit, TransientError for a blob that changed meanwhile. The rows live in `folder`.
    """
    container = target.export.source.container
    rows: Rows | None = None
    first_columns: tuple[str, ...] = ()
    try:
        files = [(part, file) for part in snapshot.segments for file in part.files]
        for number, (part, file) in enumerate(files):
            between_files()
            stream = _open(blobs, target, part, file)
            columns = stream.header.columns
            where = f"{container}/{file.blob.name}"
            if not columns:
                continue
            if rows is None:
                rows = Rows(planned(make_plan(target.export, target.connection, columns, where)), folder)
                first_columns = columns
            _check_same_columns(target, first_columns, columns, where)
            rows.load(
                snapshot.segments.index(part),
                part.segment,
                FileSource(number, str(folder / f"file-{number}"), columns, _delimiter(target, part), file.name),
                stream,
                count_lines=lambda stream=stream: stream.lines,  # type: ignore[misc]
                read_again=lambda part=part, file=file: _open(blobs, target, part, file),  # type: ignore[misc]
                header_lines=stream.header.lines,
            )
        between_files()
        if rows is not None:
            rows.settle()
    except BaseException:
        if rows is not None:
            rows.close()
        raise
    return rows


def _open(blobs: Blobs, target: Target, part: SegmentSnapshot, file: SegmentFile) -> SegmentStream:
    return SegmentStream(blobs, target.export.source.container, file, part.table, _delimiter(target, part))


def _delimiter(target: Target, part: SegmentSnapshot) -> str:
    return target.export.source.delimiter or (part.table.delimiter if part.table else None) or ","


def _check_same_columns(target: Target, first: tuple[str, ...], columns: tuple[str, ...], where: str) -> None:
    """With "all", every file must have the same columns; else each needs the mapped ones only."""
    if target.export.mapping.attributes == "all" and set(columns) != set(first):
        differing = ", ".join(sorted(set(columns) ^ set(first)))
        raise ConfigurationError(
            "header_differs",
            f"{where} has other columns than the first file; they differ in: {differing[:500]}.",
            'Name the attributes in the mapping instead of using "all", or let Customer Insights export again.',
        )
