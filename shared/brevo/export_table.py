"""The CSV file of an export of contacts: its lines, its header, its odd rows.

The vendor does not document the header. Names are read without regard to case, `EMAIL` must be there, the others may
be, and `;` and `,` are taken. Whatever is odd is refused: a contact that is overlooked here is treated as if Brevo did
not have it.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from operator import contains
from typing import BinaryIO

from shared.errors import PermanentError, TransientError

# Of one row, which may go over several lines; one line may be a block longer.
LONGEST_ROW_BYTES = 100_000
_BLOCK_BYTES = 32_768
_LINES_AT_ONCE = 250
_EMAIL = ("email",)
_NUMBER = ("contact id", "contact_id", "contactid", "id")
_EXT_ID = ("ext_id", "ext id", "extid")
# Cells with the channels that the contact is blocked for, as exports have them that name exportSubscriptionStatus.
_CHANNELS = ("_blocklisted", "blocklisted", "_blacklisted", "blacklisted")
_STATUS = ("email_blacklisted", "email_blocklisted", "emailblacklisted", "email_marketing", "email marketing")
_BLOCKED = dict.fromkeys(("unsubscribed", "blocklisted", "blacklisted", "blocked", "true", "yes", "1"), True)
_BLOCKED |= dict.fromkeys(("subscribed", "false", "no", "0"), False)
# Of a number that fits into 64 bits, one of them for its sign.
_MOST_DIGITS = 18
_DIGITS = re.compile(rf"[0-9]{{1,{_MOST_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: the names as they are spelled, and where the known columns stand, None for those not there."""

    delimiter: str
    names: list[str]
    email: int
    number: int | None
    ext_id: int | None
    blocked: int | None
    lists_channels: bool

    def says_blocked(self, cell: str) -> bool | None:
        """What a cell of the column `blocked` says; None where that is not known."""
        word = cell.strip().casefold()
        if word in _BLOCKED:
            return _BLOCKED[word]
        channels = re.findall(r"\w+", word)
        if not self.lists_channels or not all(channel.endswith("_marketing") for channel in channels):
            return None
        return "email_marketing" in channels


def lines_of(file: BinaryIO) -> Iterator[str]:
    """The file's lines without their ends. Raises PermanentError for a NUL byte and an endless line."""
    return chain.from_iterable(_blocks(file))


def read_header(lines: Iterator[str]) -> Header:
    """Takes the first line. Raises PermanentError where the file cannot be such a table, csv.Error for bad quotes.

    TransientError for a page in its place, as something in between sends one: the next try may get the file.
    """
    first = next(lines, "").lstrip("\ufeff")
    if not first.strip():
        raise garbled("has no header")
    if first.lstrip().startswith(("<", "{", "[")):
        raise TransientError("export_broken", "In place of Brevo's export comes a page of another kind.")
    # The delimiter is the one by which the line has more columns.
    found = [(mark, next(csv.reader([first], delimiter=mark))) for mark in ";,"]
    delimiter, cells = max(found, key=lambda each: len(each[1]))
    names = [cell.strip() for cell in cells]
    folded = [name.casefold() for name in names]
    email, number = _only(folded, _EMAIL), _only(folded, _NUMBER)
    if email is None:
        raise garbled("has no column EMAIL")
    channels = _column(folded, _CHANNELS)
    blocked = _column(folded, _STATUS) if channels is None else channels
    return Header(delimiter, names, email, number, _column(folded, _EXT_ID), blocked, channels is not None)


def read_rows(lines: Iterator[str], header: Header) -> Iterator[list[list[str]]]:
    """The rows that have an address, or anything at all, some at a time, with a cell for each column.

    Addresses have no blanks around them. Raises PermanentError for an odd row, csv.Error for bad quotes.
    """
    columns, number = len(header.names), 2
    while some := list(islice(lines, _LINES_AT_ONCE)):
        rows = _split(some, lines, header.delimiter, number)
        if set(map(len, rows)) != {columns}:
            rows = [_of_length(row, columns, at) for at, row in enumerate(rows, number)]
        addresses = [row[header.email] for row in rows]
        if not (all(map(contains, addresses, repeat("@"))) and _is_plain("".join(addresses))):
            for at, row in enumerate(rows, number):
                row[header.email] = _address(row[header.email], at)
        number += len(rows)
        if kept := rows if all(addresses) else [row for row in rows if any(row)]:
            yield kept


def numbers_in(cells: tuple[str, ...]) -> list[int]:
    """The contacts' numbers, 0 where a cell has none."""
    digits = "".join(cells)
    if digits.isascii() and digits.isdigit() and 0 < min(map(len, cells)) <= max(map(len, cells)) <= _MOST_DIGITS:
        return list(map(int, cells))
    return [int(cell) if _DIGITS.fullmatch(cell.strip()) else 0 for cell in cells]


def garbled(what: str) -> PermanentError:
    """The error for a file that is not the table that it should be."""
    return PermanentError("export_garbled", f"Brevo's export of contacts {what}.")


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    """Where the first of these names stands that is in the header."""
    return next((header.index(name) for name in names if name in header), None)


def _only(header: list[str], names: tuple[str, ...]) -> int | None:
    """The same. Raises PermanentError where it stands twice, since either could be the wrong one."""
    found = _column(header, names)
    if found is not None and header.count(header[found]) > 1:
        raise garbled(f"has the column {header[found].upper()} twice")
    return found


def _split(some: list[str], lines: Iterator[str], delimiter: str, number: int) -> list[list[str]]:
    """The cells of each row that begins in some of the lines; the last one may go on in those that follow."""
    text = "".join(some)
    if '"' not in text and "\r" not in text:
        return [line.split(delimiter) for line in some]
    here = iter(some)
    following = chain(here, lines)
    return [
        next(csv.reader(_row_from(line, following, at), delimiter=delimiter, strict=True))
        for at, line in enumerate(here, number)
    ]


def _row_from(line: str, following: Iterator[str], number: int) -> Iterator[str]:
    length = 0
    for each in chain((line,), following):
        length += len(each) + 1
        if length > LONGEST_ROW_BYTES:
            raise garbled(f"has more than {LONGEST_ROW_BYTES:,} bytes in row {number:,}")
        yield f"{each}\n"


def _of_length(row: list[str], columns: int, number: int) -> list[str]:
    if not any(row):
        return [""] * columns
    if len(row) < columns or any(row[columns:]):
        raise garbled(f"has {len(row)} cells in row {number:,}, and {columns} columns")
    return row[:columns]


def _is_plain(text: str) -> bool:
    return text.isprintable() and " " not in text


def _address(cell: str, number: int) -> str:
    address = cell.strip()
    if address and ("@" not in address or not address.isprintable()):
        raise garbled(f"has something else than an address in row {number:,}")
    return address


def _blocks(file: BinaryIO) -> Iterator[list[str]]:
    """The lines, some at a time. What is odd is refused once everything before it was given out."""
    number, rest = 1, b""
    while data := file.read(_BLOCK_BYTES):
        whole, end, rest = (rest + data).rpartition(b"\n")
        if end:
            lines = _lines(whole, number)
            number += len(lines)
            yield lines
        if len(rest) > LONGEST_ROW_BYTES:
            raise garbled(f"has more than {LONGEST_ROW_BYTES:,} bytes in line {number:,}")
    if rest:
        yield _lines(rest, number)


def _lines(block: bytes, number: int) -> list[str]:
    if b"\0" in block:
        before = block.partition(b"\0")[0].count(b"\n")
        raise garbled(f"has a NUL byte in line {number + before:,}")
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
    # Only addresses and ids matter, and an address with a byte that is no UTF-8 is not printable then.
    return block.decode("utf-8", errors="surrogateescape").split("\n")
