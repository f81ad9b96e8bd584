"""A few values of each column of a segment, masked: enough to see which column is which, and nobody's data."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from shared.access import Caller, require
from shared.administration.stored_segments import FoundSegment
from shared.app import App
from shared.config.models import Connection
from shared.errors import ConfigurationError
from shared.segments.framing import Form, Framer, Records
from shared.segments.odd_record import cells
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
    values: dict[str, list[str]] = {column: [] for column in stream.header.columns}
    for record in islice(_first_records(stream), _ROWS):
        for column, value in zip(stream.header.columns, cells(record, stream.dialect), strict=False):
            masked = masked_text(value.decode().strip())
            if masked and masked not in values[column] and len(values[column]) < _VALUES:
                values[column].append(masked)
    return values


def _first_records(stream: SegmentStream) -> Iterator[bytes]:
    """The first well-formed records behind the header, framed as a run frames them."""
    form = Form(stream.dialect, len(stream.header.columns), "", stream.name)
    with suppress(ConfigurationError):  # a quote that is open where the lines end
        for found in Framer([_first_lines(stream)], form, line=1):
            if isinstance(found, Records):
                yield from found.data.splitlines(keepends=True) if found.count > 1 else [found.data]


def _first_lines(stream: SegmentStream) -> bytes:
    data = b""
    for piece in stream:
        data += piece
        if len(data) >= _FIRST_BYTES:
            return data[: data.rfind(b"\n") + 1]
    return data
