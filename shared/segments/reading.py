"""A segment file's bytes as the mapping wants them: unzipped, UTF-8 without BOM, line ends of one kind, no header."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from shared.config.models import Source
from shared.errors import ConfigurationError
from shared.segments.model_json import Table
from shared.segments.snapshot import SegmentFile, SegmentSnapshot
from shared.segments.stored import stored_bytes
from shared.storage.blobs import Blobs

_UTF8_BOM = b"\xef\xbb\xbf"
_LONGEST_HEADER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """The file's columns, and how many lines they take at its top (0: they are in model.json)."""

    columns: tuple[str, ...]
    lines: int


class SegmentStream:
    """One segment file, read once. Iterating gives its data rows' bytes, piece by piece.

    Raises (while opening and iterating) ConfigurationError for a file that cannot be read as text, and
    TransientError where the blob was deleted or replaced since it was listed.
    """

    def __init__(self, blobs: Blobs, source: Source, part: SegmentSnapshot, file: SegmentFile) -> None:
        self._name = f"{source.container}/{file.blob.name}"
        self._chunks = _same_line_ends(_without_bom(stored_bytes(blobs, source.container, file.blob)))
        self._head = b""
        self.delimiter = source.delimiter or (file.table.delimiter if file.table else None) or ","
        self.header = self._read_header(file.table)

    def __iter__(self) -> Iterator[bytes]:
        if self._head:
            yield self._head
        yield from self._chunks

    def _read_header(self, table: Table | None) -> Header:
        first, lines, size_bytes = self._first_record()
        if not first:
            return Header(table.columns if table else (), 0)
        if table is None or not table.columns or _is_header(first, table):
            self._head = self._head[size_bytes:]
            columns = tuple(name.strip() for name in first)
            if not all(character.isprintable() or character in "\n\t" for name in columns for character in name):
                raise self._header_error("is not text in UTF-8")
            return Header(columns, lines)
        return Header(table.columns, 0)

    def _first_record(self) -> tuple[list[str], int, int]:
        """The first record that is not empty, the lines it ends after, and its bytes with all before it."""
        while b"\n" not in self._head.lstrip(b"\n") and len(self._head) < _LONGEST_HEADER_BYTES:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._head += chunk
        text = io.StringIO(self._head[:_LONGEST_HEADER_BYTES].decode("utf-8", errors="surrogateescape"), newline="")
        reader = csv.reader(iter(text.readline, ""), delimiter=self.delimiter)
        try:
            first = next((record for record in reader if record), [])
        except csv.Error as error:
            raise self._header_error("cannot be read") from error
        read = text.getvalue()[: text.tell()]
        return first, reader.line_num, len(read.encode("utf-8", errors="surrogateescape"))

    def _header_error(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            "header_invalid",
            f"{self._name}, line 1: the header row {what}.",
            "Let Customer Insights export the segment again; nothing was sent.",
        )


def _is_header(first: list[str], table: Table) -> bool:
    if table.has_header is not None:
        return table.has_header
    known = {name.casefold() for name in table.columns}
    return sum(name.strip().casefold() in known for name in first) * 2 >= len(first)


def _without_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= len(_UTF8_BOM):
            break
    yield first.removeprefix(_UTF8_BOM)
    yield from chunks


def _same_line_ends(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """CRLF and CR become LF: DuckDB's strict mode stops at a file that mixes them (2.0, November 2026)."""
    pending = b""
    for chunk in chunks:
        whole = pending + chunk
        pending = b"\r" if whole.endswith(b"\r") else b""
        if pending:
            whole = whole[:-1]
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if whole:
            yield whole
    if pending:
        yield b"\n"
