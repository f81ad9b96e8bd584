"""An independent reading of a segment file: one character after the other, slow and obvious.

The product's framing is held to it. It knows nothing of pieces, windows or chunks.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    line: int
    fault: str  # the reason of a row that cannot be read; "" where it can
    cells: tuple[str, ...]


@dataclass(frozen=True)
class QuoteOpenAt:
    line: int


def read(data: bytes, columns: int, delimiter: str, escape: str, longest_bytes: int) -> list[Row] | QuoteOpenAt:
    """All records behind the header; `data` begins with the header's own record."""
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")  # a character is a byte
    while text.startswith("\xef\xbb\xbf"):
        text = text[3:]
    if text and not text.endswith("\n"):
        text += "\n"
    rows: list[Row] = []
    at, line = 0, 1
    while at < len(text):
        if text[at] == "\n":
            at, line = at + 1, line + 1
            continue
        record = _record(text, at, delimiter, escape)
        if record is None:
            return QuoteOpenAt(line)
        end, cells, stray = record
        rows.append(Row(line, _fault(text[at:end], cells, stray, columns, longest_bytes), _values(cells)))
        line += text.count("\n", at, end)
        at = end
    return rows[1:]


def _record(text: str, at: int, delimiter: str, escape: str) -> tuple[int, list[str | None], bool] | None:
    """(end, cells, whether a quote is astray); an empty cell without quotes is None. None: a quote stays open."""
    cells: list[str | None] = []
    stray = False
    while True:
        start, at = at, _behind_spaces(text, at)
        if text[at] == '"':
            quoted = _quoted(text, at + 1, escape)
            if quoted is None:
                return None
            value, end = quoted
            has_line_break = "\n" in text[at:end]
            at = _behind_spaces(text, end)
            if text[at] not in (delimiter, "\n"):
                if has_line_break:
                    return None
                stray = True
                at = _cell_end(text, at, delimiter)
            cells.append(value)
        else:
            at = _cell_end(text, start, delimiter)
            cells.append(text[start:at] or None)
        at += 1
        if text[at - 1] == "\n":
            return at, cells, stray


def _quoted(text: str, at: int, escape: str) -> tuple[str, int] | None:
    """The value of a quoted cell and where it ends, behind its quote; None where it has no end."""
    value = ""
    while at < len(text):
        if escape == '"' and text[at : at + 2] == '""':
            value, at = value + '"', at + 2
        elif escape != '"' and text[at] == escape:
            value, at = value + text[at + 1 : at + 2], at + 2
        elif text[at] == '"':
            return value, at + 1
        else:
            value, at = value + text[at], at + 1
    return None


def _behind_spaces(text: str, at: int) -> int:
    while text[at] == " ":
        at += 1
    return at


def _cell_end(text: str, at: int, delimiter: str) -> int:
    while text[at] not in (delimiter, "\n"):
        at += 1
    return at


def _fault(record: str, cells: list[str | None], stray: bool, columns: int, longest_bytes: int) -> str:
    surplus_is_empty = all(cell is None for cell in cells[columns:])
    if len(record) > longest_bytes:
        return "malformed_row"
    try:
        if "\0" in record.encode("latin-1").decode("utf-8"):
            return "invalid_encoding"
    except UnicodeDecodeError:
        return "invalid_encoding"
    return "malformed_row" if stray or len(cells) < columns or not surplus_is_empty else ""


def _values(cells: list[str | None]) -> tuple[str, ...]:
    return tuple((cell or "").encode("latin-1").decode("utf-8", "replace") for cell in cells)
