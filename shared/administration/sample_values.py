"""A few values of each column of a segment, masked: enough to see which column is which, and nobody's data."""

import csv
from collections.abc import Iterator
from itertools import islice

from shared.access import Caller, require
from shared.administration.stored_segments import FoundSegment
from shared.app import App
from shared.config.models import Connection
from shared.segments.reading import SegmentStream
from shared.staging.preview import masked_text

_VALUES = 3
_ROWS = 50
_FIRST_BYTES = 64_000


def sample_values(app: App, caller: Caller, found: FoundSegment, connection: Connection) -> dict[str, list[str]]:
    """Up to three different masked values of each column, from the first rows of the segment's first file.

    For whom a preview of an export on this connection would show as much.

    Raises AccessDenied, ConfigurationError where the file cannot be read, and TransientError.
    """
    require(caller, "preview_export", connection)
    if found.source is None or found.snapshot is None or not found.listed.columns:
        return {}
    (part,) = found.snapshot.segments
    stream = SegmentStream(app.storage.segment_blobs, found.source, part.files[0])
    delimiter, escape = stream.dialect.delimiter, stream.dialect.escape
    is_doubled = escape == '"'
    rows = csv.reader(
        _lines(stream), delimiter=delimiter, doublequote=is_doubled, escapechar=None if is_doubled else escape
    )
    values: dict[str, list[str]] = {column: [] for column in stream.header.columns}
    for row in islice(rows, _ROWS):
        for column, value in zip(stream.header.columns, row, strict=False):
            masked = masked_text(value.strip())
            if masked and masked not in values[column] and len(values[column]) < _VALUES:
                values[column].append(masked)
    return values


def _lines(stream: SegmentStream) -> Iterator[str]:
    """The first whole lines behind the header."""
    data = b""
    for piece in stream:
        data += piece
        if len(data) >= _FIRST_BYTES:
            data = data[: data.rfind(b"\n") + 1]
            break
    yield from data.decode("utf-8", "replace").splitlines(keepends=True)
