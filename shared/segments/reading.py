"""A segment file read as text: unzipped, UTF-8 without marks, line ends of one kind; its header, then its records."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import category

from shared.config.base import folded_name
from shared.config.source import Source
from shared.errors import ConfigurationError, masked
from shared.segments.framing import DELIMITERS, Form, Framer
from shared.segments.model_json import Table
from shared.segments.names import visible
from shared.segments.odd_record import Dialect, OddRecord, QuoteOpen, cells
from shared.segments.snapshot import SegmentFile
from shared.segments.stored import EXPORT_AGAIN, looks_like_windows_1252, stored_bytes
from shared.storage.blobs import Blobs

# More columns than any table of Customer Insights has; the engine's memory grows with them.
MOST_COLUMNS = 5_000
_LONGEST_HEADER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file, named at its top or in model.json."""

    columns: tuple[str, ...]
    is_in_file: bool


class SegmentStream:
    """One segment file, read once. Iterating gives the text behind its header, piece by piece.

    Raises (while opening and iterating) ConfigurationError for a file that cannot be read as text, and
    TransientError where the blob was deleted or replaced since it was listed.
    """

    def __init__(self, blobs: Blobs, source: Source, file: SegmentFile) -> None:
        self.name = masked(f"{source.container}/{file.blob.name}")  # as it stands in errors and notes
        self._pieces = _same_line_ends(_without_marks(stored_bytes(blobs, source.container, file.blob)))
        self._head = b""
        self._line = 1  # where the head begins
        delimiter = source.delimiter or (file.table.delimiter if file.table else None) or ","
        self.dialect = Dialect(delimiter, source.escape)
        self.date_formats = file.table.date_formats if file.table else {}
        self.header = self._read_header(file.table)

    def __iter__(self) -> Iterator[bytes]:
        if self._head:
            yield self._head
            self._head = b""
        yield from self._pieces

    def records(self) -> Framer:
        """The records behind the header."""
        named_by = "the header" if self.header.is_in_file else "model.json"
        form = Form(self.dialect, len(self.header.columns), named_by, self.name)
        return Framer(self, form, self._line)

    def _read_header(self, table: Table | None) -> Header:
        if table is not None and table.columns and table.has_header is False and not self._begins_with_names(table):
            return self._checked(Header(table.columns, is_in_file=False))
        end = self._first_record()
        names = [visible(name) for name in self._cells(self._head[:end])]
        if not names:
            return Header(table.columns if table else (), is_in_file=False)
        if table is not None and table.columns and not _is_header(names, table):
            return self._checked(Header(table.columns, is_in_file=False))
        self._check_text(names)
        header = self._checked(Header(tuple(names), is_in_file=True))
        self._line += self._head.count(b"\n", 0, end)
        self._head = self._head[end:]
        return header

    def _begins_with_names(self, table: Table) -> bool:
        """True where the first line is the table's names: a header, whatever model.json says. No customer's row is."""
        self._skip_blank_lines()
        while b"\n" not in self._head and len(self._head) <= _LONGEST_HEADER_BYTES and self._read_more():
            pass
        line = self._head.partition(b"\n")[0] + b"\n"
        return _are_names_of(table, [visible(name) for name in self._cells(line)])

    def _checked(self, header: Header) -> Header:
        first = header.columns[0] if header.columns else ""
        if first.casefold().startswith("sep=") and len(header.columns) <= 2:
            # The sign that it names is not there where the cells are parted by it already.
            other = first[4:5]
            raise self._header_error(
                "is a note for Excel, not a header",
                f"Remove it, and set source.delimiter to {other!r}." if other else "Remove it.",
            )
        if len(header.columns) > MOST_COLUMNS:
            raise ConfigurationError(
                "too_many_columns",
                f"{self.name}, line {self._line}: {len(header.columns):,} columns are more than {MOST_COLUMNS:,}.",
                "Let Customer Insights export those that campaigns need.",
            )
        return header

    def _check_text(self, names: list[str]) -> None:
        text = "".join(names)
        kinds = {category(letter) for letter in set(text) - set("\n\t")}
        if "Cs" in kinds:  # a byte that could not be decoded
            if looks_like_windows_1252(text.encode("utf-8", "surrogateescape")):
                raise self._header_error("looks like Windows-1252, not UTF-8", "Export the file as UTF-8.")
            raise self._header_error("is not text in UTF-8")
        if "Cc" in kinds:
            raise self._header_error("has control characters")

    def _first_record(self) -> int:
        """Where the first record that is not blank ends in the head, which begins with it; it ends with a line feed."""
        self._skip_blank_lines()
        record, at = OddRecord(self.dialect), 0
        try:
            while (end := record.read(self._head, at, len(self._head))) < 0:
                at = len(self._head)
                if at > _LONGEST_HEADER_BYTES:
                    raise self._header_error(f"is longer than {_LONGEST_HEADER_BYTES:,} bytes")
                if not self._read_more():
                    record.check_ended()
                    self._head += b"\n" if self._head else b""
                    return len(self._head)
        except QuoteOpen:
            raise self._header_error("opens a quote and does not close it") from None
        if record.has_stray_quote:
            raise self._header_error("has text behind a quoted cell", self._delimiter_hint(self._head[:end]))
        return end

    def _delimiter_hint(self, record: bytes) -> str:
        others = (sign for sign in DELIMITERS if sign != self.dialect.delimiter and f'"{sign}"'.encode() in record)
        other = next(others, "")
        return f"It looks separated by {other!r}: set source.delimiter." if other else EXPORT_AGAIN

    def _skip_blank_lines(self) -> None:
        """Of many megabytes of them nothing is kept."""
        while self._head or self._read_more():
            rest = self._head.lstrip(b"\n")
            self._line += len(self._head) - len(rest)
            self._head = rest
            if rest:
                return

    def _read_more(self) -> bool:
        piece = next(self._pieces, b"")
        self._head += piece
        return bool(piece)

    def _cells(self, record: bytes) -> list[str]:
        return [cell.decode("utf-8", errors="surrogateescape") for cell in cells(record, self.dialect)]

    def _header_error(self, what: str, advice: str = EXPORT_AGAIN) -> ConfigurationError:
        return ConfigurationError("header_invalid", f"{self.name}, line {self._line}: the header row {what}.", advice)


def _is_header(first: list[str], table: Table) -> bool:
    if table.has_header is not None:
        return table.has_header or _are_names_of(table, first)
    known = set(map(folded_name, table.columns))
    return sum(folded_name(name) in known for name in first) * 2 >= len(first)


def _are_names_of(table: Table, names: list[str]) -> bool:
    return sorted(map(folded_name, names)) == sorted(map(folded_name, table.columns))


def _without_marks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 2 * len(codecs.BOM_UTF8):
            break
    while first.startswith(codecs.BOM_UTF8):  # some tools write a second one before the first
        first = first.removeprefix(codecs.BOM_UTF8)
    yield first
    yield from chunks


def _same_line_ends(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """CRLF and CR become LF, within cells too: one kind of line end is easier to count and to frame."""
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
