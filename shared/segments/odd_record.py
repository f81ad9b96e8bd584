"""One record read byte by byte in effect: where it ends, how many cells it has, and what is wrong with its quotes."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache


class QuoteOpen(Exception):
    """A quoted cell runs over a line break and is not closed as a cell must be: where the record ends is unknown."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file writes its cells. `escape` stands before a quote inside a quoted cell; by default a second quote."""

    delimiter: str = ","
    escape: str = '"'


class _State(Enum):
    START = auto()  # of a cell; spaces before its quote belong to no value
    PLAIN = auto()  # in a cell without quotes around it; a quote in it is text, as spreadsheets write it
    QUOTED = auto()
    ESCAPED = auto()  # behind the escape sign
    CLOSED = auto()  # behind the quote that closes, or behind the first of two
    BEHIND = auto()  # spaces behind the closing quote


@cache
def _skips(dialect: Dialect) -> dict[_State, re.Pattern[bytes]]:
    """What changes nothing, by state."""
    delimiter, escape = re.escape(dialect.delimiter.encode()), re.escape(dialect.escape.encode())
    escaped = b'""' if dialect.escape == '"' else escape + b"(?s:.)"
    return {
        _State.START: re.compile(b" +"),
        _State.BEHIND: re.compile(b" +"),
        _State.PLAIN: re.compile(b"[^%s\n]+" % delimiter),
        _State.QUOTED: re.compile(b'(?:[^"%s]+|%s)++' % (escape, escaped)),
    }


class OddRecord:
    """Reads one record from its beginning, over as many pieces as it takes.

    A quoted cell must close right before a delimiter or the record's end, spaces aside. One that closes elsewhere on
    its own line makes the record malformed, and it ends with that line. One that has run over a line break, or is never
    closed, may have swallowed other records: nobody can say which.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.cells = 1
        self.filled_cells = 0  # cells up to the last one that is not empty
        self.lines = 0
        self.size_bytes = 0
        self.has_stray_quote = False
        self._state = _State.START
        self._escape = dialect.escape.encode()
        self._delimiter = dialect.delimiter.encode()
        self._lines_in_cell = 0
        self._skips = _skips(dialect)

    def read(self, data: bytes, start: int, end: int) -> int:
        """Reads on from `start`; the position behind the record, or -1 where it goes on behind `end`.

        Raises QuoteOpen.
        """
        at = start
        try:
            while at < end:
                at = self._skipped(data, at, end)
                if at == end:
                    break
                byte = data[at : at + 1]
                at += 1
                if self._takes(byte):
                    return at
        finally:
            self.size_bytes += at - start
        return -1

    def check_ended(self) -> None:
        """Called where the file ends. Raises QuoteOpen where a quoted cell is still open."""
        if self._state in (_State.QUOTED, _State.ESCAPED):
            raise QuoteOpen

    def _skipped(self, data: bytes, at: int, end: int) -> int:
        """Skips what changes no state."""
        skip = self._skips.get(self._state)
        match = skip.match(data, at, end) if skip else None
        if match is None:
            return at
        self.filled_cells = self.cells
        if self._state is _State.QUOTED:
            self._count_lines(data.count(b"\n", at, match.end()))
        return match.end()

    def _takes(self, byte: bytes) -> bool:
        """Takes one byte; true where it ends the record."""
        if self._state is _State.QUOTED:
            self._take_quoted(byte)
            return False
        if self._state is _State.ESCAPED:
            self._count_lines(byte == b"\n")
            self._state = _State.QUOTED
            return False
        if byte == b"\n":
            self.lines += 1
            return True
        if byte == self._delimiter:
            self.cells += 1
            self._state = _State.START
        elif self._state is _State.START:
            self._start(byte)
        elif self._state is not _State.PLAIN:
            self._take_behind_quote(byte)
        return False

    def _count_lines(self, count: int) -> None:
        self.lines += count
        self._lines_in_cell += count

    def _start(self, byte: bytes) -> None:
        self.filled_cells = self.cells
        self._lines_in_cell = 0
        self._state = _State.QUOTED if byte == b'"' else _State.PLAIN

    def _take_quoted(self, byte: bytes) -> None:
        self._state = _State.CLOSED if byte == b'"' else _State.ESCAPED

    def _take_behind_quote(self, byte: bytes) -> None:
        if byte == b'"' and self._state is _State.CLOSED and self._escape == b'"':
            self._state = _State.QUOTED
        elif byte == b" ":
            self._state = _State.BEHIND
        elif self._lines_in_cell:
            raise QuoteOpen
        else:
            self.has_stray_quote = True
            self._state = _State.PLAIN


def cells(record: bytes, dialect: Dialect) -> list[bytes]:
    """The cells of one record in which no quote is astray. It ends with a line feed."""
    delimiter, escape = re.escape(dialect.delimiter.encode()), re.escape(dialect.escape.encode())
    escaped = b'""' if dialect.escape == '"' else escape + b"."
    cell = re.compile(
        b' *"((?:[^"%s]|%s)*)" *[%s\n]|([^%s\n]*)[%s\n]' % (escape, escaped, delimiter, delimiter, delimiter), re.DOTALL
    )
    return [
        match[2] if match[1] is None else re.sub(escape + b"(.)", rb"\1", match[1], flags=re.DOTALL)
        for match in cell.finditer(record)
    ]


def plainly_written(record: bytes, dialect: Dialect, columns: int) -> bytes:
    """The record's first cells, each quoted as every reader of the dialect understands it."""
    quote, escape = b'"', dialect.escape.encode()
    written = []
    for cell in cells(record, dialect)[:columns]:
        inside = cell if escape == quote else cell.replace(escape, escape * 2)
        written.append(quote + inside.replace(quote, escape + quote) + quote)
    return dialect.delimiter.encode().join(written) + b"\n"
