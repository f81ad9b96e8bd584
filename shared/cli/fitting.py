"""Fits text into the width of the terminal, so that no line wraps where the terminal happens to end.

Text that goes to a file or a pipe keeps its lines: tools read them.
"""

import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TextIO

# Longer lines are hard to read. Prose alone would do with 80, but the table of exports has eight columns.
WIDEST = 120
_NARROWEST = 20
_GAP = 2
_LAST_AT_LEAST = 30
_HANGING = 4
# A label, or a row's first cells: what stands before the text, which begins behind two blanks or more, or a colon.
_LABEL = re.compile(r"\s*\S.{0,28}?(?:\s{2,}|(?<=what to do) )(?=\S)")


def width_of(stream: TextIO) -> int | None:
    """How many columns a text on this stream may take; None where it is no terminal and the lines stay as they are."""
    if not stream.isatty():
        return None
    try:
        width = os.get_terminal_size(stream.fileno()).columns  # its own: the other stream may be a file
    except (OSError, ValueError):
        width = 0
    return max(_NARROWEST, min(WIDEST, width or shutil.get_terminal_size().columns))


def cells(text: str) -> int:
    """How many columns of a terminal the text takes: two for a wide character, none for a mark on the one before."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def cut(text: str, width: int) -> str:
    """The beginning of the text that takes at most this many columns; an ellipsis stands for what is missing."""
    return text if cells(text) <= width else f"{_beginning(text, width - 1)}…"


def _beginning(text: str, width: int) -> str:
    taken = 0
    for at, each in enumerate(text):
        taken += cells(each)
        if taken > width:
            return text[:at]
    return text


def wrapped(text: str, width: int | None, indent: int = 0) -> str:
    """The lines of the text, none wider than `width`, wrapped at blanks; what is wrapped begins behind `indent` blanks.

    Ids, commands and links stay whole, so that they can be copied, unless one alone is wider than a line.
    """
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width, indent))


def fitted(text: str, width: int | None) -> str:
    """The same; what is wrapped stands below the text behind a line's label, such as `  error      `."""
    if width is None:
        return text
    return "\n".join(
        line if cells(line) <= width else wrapped(line, width, _indent_of(line)) for line in text.split("\n")
    )


def _indent_of(line: str) -> int:
    label = _LABEL.match(line)
    return label.end() if label else len(line) - len(line.lstrip()) + _HANGING


def _parts(line: str, width: int, indent: int) -> Iterator[str]:
    before, text = "", line.rstrip()
    while cells(before) + cells(text) > width:
        fits = len(_beginning(text, width - len(before)))
        first_word = len(text) - len(text.lstrip())
        end = text.rfind(" ", first_word, fits + 1)
        if end < 0:
            end = max(fits, 1)  # a word that is wider than a line
        yield before + text[:end].rstrip()
        before, text = " " * min(indent, width // 2), text[end:].lstrip()
    yield before + text


def columns(head: Sequence[str], rows: Sequence[Sequence[object]], width: int | None) -> str:
    """A table whose columns are as wide as they need to be, as far as they fit.

    Where they do not, cells are wrapped; where not even their longest words fit side by side, the last column stands
    below the others, and at last each row is a block of its own with a line for each cell.
    """
    lines = [[str(cell) for cell in row] for row in rows]
    if width is None:
        return _side_by_side([list(head), *lines], None)
    for below in (False, True):
        made = _columns([list(head), *lines], width, below=below)
        if made is not None:
            return made
    return "\n\n".join(_block(head, row, width) for row in lines)


def _columns(rows: list[list[str]], width: int, *, below: bool) -> str | None:
    """None where the words do not fit side by side."""
    upper = [row[:-1] for row in rows] if below else rows
    widths = [max(cells(row[i]) for row in upper) for i in range(len(upper[0]))]
    least = [max(cells(word) for row in upper for word in row[i].split() or [""]) for i in range(len(upper[0]))]
    if not below:
        least[-1] = max(least[-1], min(widths[-1], _LAST_AT_LEAST))
    room = width - _GAP * (len(widths) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        # The widest of those that can be narrower: a long text gives room before a time or an id is divided.
        at = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[at] -= 1
    for i in range(len(widths) - 1):
        used = max(cells(part) for row in upper for part in wrapped(row[i], widths[i]).split("\n"))
        widths[-1], widths[i] = widths[-1] + widths[i] - used, used
    if not below:
        return _side_by_side(rows, widths)
    last = [f"{' ' * _HANGING}{row[-1]}" if row[-1] else "" for row in rows]
    texts = [
        _side_by_side([row], widths) + (f"\n{wrapped(end, width, _HANGING)}" if end else "")
        for row, end in zip(upper, last, strict=True)
    ]
    return "\n".join(texts)


def _side_by_side(rows: list[list[str]], widths: list[int] | None) -> str:
    if widths is None:
        widths = [max(cells(row[i]) for row in rows) for i in range(len(rows[0]))]
        parts = [[[cell] for cell in row] for row in rows]
    else:
        parts = [[wrapped(cell, size).split("\n") for cell, size in zip(row, widths, strict=True)] for row in rows]
    return "\n".join(
        (" " * _GAP)
        .join(_padded(cell[at] if at < len(cell) else "", size) for cell, size in zip(row, widths, strict=True))
        .rstrip()
        for row in parts
        for at in range(max(len(cell) for cell in row))
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _block(head: Sequence[str], row: Sequence[str], width: int) -> str:
    label = max(map(cells, head)) + _GAP
    return "\n".join(
        wrapped(f"{_padded(name, label)}{cell}", width, label) for name, cell in zip(head, row, strict=True) if cell
    )
