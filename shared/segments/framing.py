"""Frames the records of a segment file: where each begins and ends, and whether it is well formed.

Only well-formed records go on to the engine that maps them. Its own CSV reader is fast, but not exact about malformed
input: it drops rows at its borders, and what it reports of them is not complete (DuckDB 2.0, November 2026;
https://github.com/duckdb/duckdb/issues/13197 and 18980 are of the kind).

Most of a file is judged many records at a time: lines without a quote by their delimiters alone, lines with quotes by a
regular expression. What is left is read by `OddRecord`, and the next record is judged as usual again.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.errors import ConfigurationError
from shared.segments.odd_record import Dialect, OddRecord, QuoteOpen, plainly_written

# Escaped six-fold, a record still fits into an import.
LONGEST_RECORD_BYTES = 1_000_000
DELIMITERS = (",", ";", "\t", "|")
_PIECE_BYTES = 1 << 20
# So much is judged at once: the smaller, the less is judged again where one record is odd.
_WINDOW_BYTES = 32_768
# With more quotes than one in so many bytes, the expression is faster. The first bytes of a window show which it is.
_BYTES_PER_QUOTE = 32
_SAMPLE_BYTES = 1_024
_BLANK_LINES = re.compile(b"\n+")


@dataclass(frozen=True, slots=True)
class Records:
    """Well-formed records: `count` of them in `data`, from `line` on. More than one: each is one line."""

    data: bytes
    count: int
    line: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that is not sent. `detail` says what is wrong with its form; `data` is what is known of its text."""

    line: int
    reason: str
    detail: str
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Form:
    """What the records of a file are to be like. `named_by` says where its columns stand: the header, or model.json."""

    dialect: Dialect
    columns: int
    named_by: str
    where: str


class Framer:
    """Iterating gives the records of one file in their order, as `Records` and `Fault`s.

    `pieces` is the text with line feeds alone as line ends, behind the header; `line` is where it begins, from 1.
    Raises ConfigurationError `quote_open` where nobody can say where a record ends.
    """

    def __init__(self, pieces: Iterable[bytes], form: Form, line: int) -> None:
        self._pieces = pieces
        self._form = form
        self._line = line
        self._shapes = _Shapes(form.dialect, form.columns)
        self._data = b""
        self._at = 0
        self._odd: OddRecord | None = None
        self._odd_read = 0  # the position up to which the odd record has been read

    def __iter__(self) -> Iterator[Records | Fault]:
        for piece in _in_small_pieces(self._pieces):
            self._add(piece)
            complete = self._data.rfind(b"\n") + 1
            while self._at < complete and (record := self._next(complete)) is not None:
                if isinstance(record, Fault) or record.count:
                    yield record
            self._read_ahead()
        if self._odd is not None:
            self._check_ended(self._odd)

    def _add(self, piece: bytes) -> None:
        """Puts the piece behind what is not framed yet. Of a record that is too long nothing is kept."""
        if self._odd is not None and self._odd.size_bytes > LONGEST_RECORD_BYTES:
            self._at = self._odd_read
        self._data = self._data[self._at :] + piece
        self._odd_read -= self._at
        self._at = 0

    def _next(self, complete: int) -> Records | Fault | None:
        """The next records or fault, none (Records of 0) for blank lines; None where more must be read first."""
        if self._odd is None:
            found = self._blank(complete) or self._lines(complete) or self._one(complete)
            if found is not None:
                return found
            self._odd, self._odd_read = OddRecord(self._form.dialect), self._at
        return self._read_odd(self._odd)

    def _blank(self, complete: int) -> Records | None:
        blank = _BLANK_LINES.match(self._data, self._at, complete)
        return self._taken(blank.end(), 0, blank.end() - self._at) if blank else None

    def _lines(self, complete: int) -> Records | None:
        """Records of one line each."""
        end = self._data.rfind(b"\n", self._at, min(complete, self._at + _WINDOW_BYTES)) + 1
        if end <= self._at:
            return None
        lines = _text_lines(self._data[self._at : end])
        size_bytes, count = self._shapes.lines(lines)
        return self._taken(self._at + size_bytes, count, count) if count else None

    def _one(self, complete: int) -> Records | None:
        """One record with line breaks in its cells, or a long one."""
        record = self._shapes.record.match(self._data, self._at, complete)
        if record is None or len(record[0]) > LONGEST_RECORD_BYTES or not _is_text(record[0]):
            return None
        return self._taken(record.end(), 1, record[0].count(b"\n"))

    def _taken(self, end: int, count: int, lines: int) -> Records:
        records = Records(self._data[self._at : end] if count else b"", count, self._line)
        self._line += lines
        self._at = end
        return records

    def _read_ahead(self) -> None:
        """Reads on in a record that is cut off, so that one that is too long need not be kept."""
        if self._odd is None and len(self._data) - self._at > LONGEST_RECORD_BYTES:
            self._odd, self._odd_read = OddRecord(self._form.dialect), self._at
        if self._odd is not None:
            self._read(self._odd)

    def _read_odd(self, odd: OddRecord) -> Records | Fault | None:
        end = self._read(odd)
        if end < 0:
            return None
        self._odd = None
        data = self._data[self._at : end]
        line = self._line
        self._line += odd.lines
        self._at = end
        fault = self._fault(odd, data, line)
        return fault or Records(plainly_written(data, self._form.dialect, self._form.columns), 1, line)

    def _fault(self, odd: OddRecord, data: bytes, line: int) -> Fault | None:
        if odd.size_bytes > LONGEST_RECORD_BYTES:
            return Fault(line, "malformed_row", f"is longer than {LONGEST_RECORD_BYTES:,} bytes")
        if not _is_text(data):
            return Fault(line, "invalid_encoding", "", data)
        if odd.has_stray_quote:
            return Fault(line, "malformed_row", f"has text behind a quoted cell{self._escape_hint(data)}", data)
        if odd.cells < self._form.columns or odd.filled_cells > self._form.columns:
            return Fault(line, "malformed_row", self._cells_text(odd.cells, data), data)
        return None

    def _cells_text(self, cells: int, data: bytes) -> str:
        text = f"has {cells:,} cell{'' if cells == 1 else 's'}, {self._form.named_by} names {self._form.columns:,}"
        if cells == 1:
            for other in DELIMITERS:
                if data.count(other.encode()) == self._form.columns - 1:
                    return f"{text}; it looks separated by {other!r}: see source.delimiter"
        return text

    def _read(self, odd: OddRecord) -> int:
        """Reads on in the record: the position behind it, or -1."""
        try:
            end = odd.read(self._data, self._odd_read, len(self._data))
        except QuoteOpen:
            raise self._quote_open(odd) from None
        self._odd_read = len(self._data)
        return end

    def _check_ended(self, odd: OddRecord) -> None:
        try:
            odd.check_ended()
        except QuoteOpen:
            raise self._quote_open(odd) from None

    def _quote_open(self, odd: OddRecord) -> ConfigurationError:
        hint = self._escape_hint(self._data[self._at :])
        return ConfigurationError(
            "quote_open",
            f"{self._form.where}, line {self._line}: a quote is opened and never closed, which swallows "
            f"{odd.size_bytes:,} bytes of rows{hint}.",
            "Correct the file or let Customer Insights export it again; nothing was sent.",
        )

    def _escape_hint(self, data: bytes) -> str:
        if b'\\"' in data and self._form.dialect.escape == '"':
            return "; its quotes look escaped by a backslash: set source.escape"
        return ""


class _Shapes:
    """What a well-formed record looks like: what its delimiters alone are, and as regular expressions."""

    def __init__(self, dialect: Dialect, columns: int) -> None:
        delimiter = dialect.delimiter.encode()
        self._shape = delimiter * (columns - 1) + b"\n"
        # A line of one column looks like a blank one, and split at its quotes it must escape them by quotes.
        self._shape_tells = columns > 1 and dialect.escape == '"'
        self._other_bytes = bytes(byte for byte in range(256) if byte not in (delimiter[0], 0x0A))
        d, escape = re.escape(delimiter), re.escape(dialect.escape.encode())
        # Begins with the quote, which is searched for fastest; what stands before it is tested behind it.
        self._quoted_cell = re.compile(b'"(?<![^%s\n]")[^"\n]*+(?:""[^"\n]*+)*+"(?=[%s\n])' % (d, d))
        self._lines = re.compile(b"(?:%s)*+" % _record(d, escape, b"\n", columns))
        self.record = re.compile(_record(d, escape, b"", columns), re.DOTALL)

    def lines(self, data: bytes) -> tuple[int, int]:
        """How many bytes of the data are well-formed lines, from its beginning, and how many lines they are."""
        count = self._count(data) if self._shape_tells else 0
        if count:
            return len(data), count
        match = self._lines.match(data)
        end = match.end() if match else 0
        return end, data.count(b"\n", 0, end)

    def _count(self, data: bytes) -> int:
        """How many lines there are, where all of them are well-formed; 0 where that cannot be seen at once."""
        if data.count(b'"', 0, _SAMPLE_BYTES) * _BYTES_PER_QUOTE > min(len(data), _SAMPLE_BYTES):
            return 0
        outside = self._quoted_cell.sub(b"", data)
        if b'"' in outside:
            return 0
        shape = outside.translate(None, self._other_bytes)
        count, rest = divmod(len(shape), len(self._shape))
        return count if not rest and shape == self._shape * count else 0


def _record(delimiter: bytes, escape: bytes, line_break: bytes, columns: int) -> bytes:
    """Nothing is tried twice: each part keeps what it has matched. Surplus cells are forgiven where they are empty."""
    quoted = b'"[^"%s%s]*+(?:%s[^"%s%s]*+)*+"' % (
        escape,
        line_break,
        b'""' if escape == b'"' else escape + (b"[^\n]" if line_break else b"."),
        escape,
        line_break,
    )
    cell = b'(?>%s|[^"%s\n]*+)' % (quoted, delimiter)
    return b"(?!\n)%s(?:%s%s){%d}+%s*+\n" % (cell, delimiter, cell, columns - 1, delimiter)


def _is_text(data: bytes) -> bool:
    """True for UTF-8 without NUL."""
    return len(_text_lines(data)) == len(data)


def _text_lines(data: bytes) -> bytes:
    """The whole lines at the beginning of the data that are UTF-8 without NUL."""
    end = data.find(b"\0")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        end = error.start if end < 0 else min(end, error.start)
    return data if end < 0 else data[: data.rfind(b"\n", 0, end) + 1]


def _in_small_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Each of at most _PIECE_BYTES, and with a line feed behind the last line."""
    last = b"\n"
    for piece in pieces:
        for start in range(0, len(piece), _PIECE_BYTES):
            yield piece[start : start + _PIECE_BYTES]
        last = piece[-1:] or last
    if last != b"\n":
        yield b"\n"
