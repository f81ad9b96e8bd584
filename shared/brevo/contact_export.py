"""Contacts of a list as Brevo exports them: asked for, looked up, and read from a CSV file that is never in memory.

The file's header is not documented: names are read without regard to case, `EMAIL` must be there, a contact's number
may be, and `;` and `,` are taken. Whatever is odd is refused, since a contact that is overlooked here is treated as if
Brevo did not have it. https://developers.brevo.com/reference/requestcontactexport (November 2026)
"""

import csv
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from pydantic import BaseModel

from shared.brevo.answers import NotThere
from shared.brevo.client import ProcessState, parsed
from shared.brevo.download import Download
from shared.brevo.session import BrevoSession
from shared.errors import PermanentError

Who = Literal["allContacts", "unsubscribed", "unsubscribedPerList"]

LARGEST_BYTES = 1_000_000_000
MOST_ROWS = 10_000_000
DOWNLOAD_SECONDS = 600.0
# Of one row, and so of what is read at once; a row may go over several lines.
LONGEST_ROW_BYTES = 100_000
_ROWS_BETWEEN = 10_000
_EMAIL = ("email",)
_NUMBER = ("contact id", "contact_id", "contactid", "id")
# Some 19 digits: a number of 64 bits.
_DIGITS = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class ExportProcess:
    """An export as Brevo sees it. `url` is a secret: it opens without a key. Empty until the file is there."""

    state: ProcessState
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ExportedContact:
    """One contact of the file. `email` is as Brevo has it, empty where the contact has none; `number` 0 likewise."""

    email: str
    number: int


class _Accepted(BaseModel):
    processId: int  # noqa: N815 - Brevo's own name


class _Process(BaseModel):
    status: str
    export_url: str | None = None


def request_export(session: BrevoSession, list_id: int, who: Who) -> int:
    """Asks for an export of a list's contacts; the process's id.

    `unsubscribedPerList` are those who left this one list. Raises as `BrevoSession.call` does: where the account or
    the key may not export, and where there is no such list, Brevo refuses.
    """
    body = {
        "customContactFilter": {"actionForContacts": who, "listId": list_id},
        "exportMandatoryAttributes": True,
        "disableNotification": True,
    }
    answer = session.call("contacts", "POST", "/contacts/export", body=json.dumps(body).encode())
    return parsed(_Accepted, answer).processId


def request_nothing(session: BrevoSession) -> None:
    """Asks for an export without saying of whom, which Brevo refuses: shows who may not export, and exports nobody.

    Raises as `BrevoSession.call` does: PermanentError where only the request is at fault.
    """
    session.call("contacts", "POST", "/contacts/export", body=b'{"disableNotification": true}')


def look_up_export(session: BrevoSession, process_id: int) -> ExportProcess:
    """The export now: one of the scarce calls. One that Brevo does not know yet is open."""
    try:
        process = parsed(_Process, session.call("other", "GET", f"/processes/{process_id}"))
    except NotThere:
        return ExportProcess("open")
    status = process.status.lower()
    if status == "completed":
        return ExportProcess("completed", process.export_url or "")
    return ExportProcess("failed" if status in ("failed", "cancelled") else "open")


def read_export(url: str, base_url: str, between: Callable[[], None] = lambda: None) -> Iterator[ExportedContact]:
    """The file's contacts, once all of it has come. `between` is called now and then.

    Raises TransientError where it cannot be fetched now; PermanentError for a link that must not be followed, a file
    that is too large, and one that is not the table that it should be.
    """
    download = Download("export", LARGEST_BYTES, DOWNLOAD_SECONDS)
    with tempfile.TemporaryFile() as file:
        download.fetch(url, base_url, file)
        file.seek(0)
        try:
            for number, contact in enumerate(_contacts(_Lines(file))):
                if number >= MOST_ROWS:
                    raise download.too_large(f"has more than {MOST_ROWS:,} rows")
                if number % _ROWS_BETWEEN == 0:
                    between()
                yield contact
        except csv.Error:
            raise _garbled("is no CSV") from None


def read_columns(url: str, base_url: str) -> tuple[list[str], bool]:
    """The names in the file's header as Brevo spells them, and whether one is of the contacts' numbers.

    Raises as `read_export` does.
    """
    download = Download("export", LARGEST_BYTES, DOWNLOAD_SECONDS)
    with tempfile.TemporaryFile() as file:
        download.fetch(url, base_url, file)
        file.seek(0)
        try:
            _, names = _header(_first(_Lines(file)))
        except csv.Error:
            raise _garbled("is no CSV") from None
    header = _folded(names)
    if _column(header, _EMAIL) is None:
        raise _garbled("has no column EMAIL")
    return names, _column(header, _NUMBER) is not None


def _contacts(lines: "_Lines") -> Iterator[ExportedContact]:
    delimiter, names = _header(_first(lines))
    header = _folded(names)
    email, number = _column(header, _EMAIL), _column(header, _NUMBER)
    if email is None:
        raise _garbled("has no column EMAIL")
    lines.row_ends()
    for row in csv.reader(lines, delimiter=delimiter, strict=True):
        if any(row):
            if len(row) < len(header) or any(row[len(header) :]):
                raise _garbled(f"has {len(row)} cells in row {lines.row:,}, and {len(header)} columns")
            yield ExportedContact(_address(row[email], lines.row), 0 if number is None else _number(row[number]))
        lines.row_ends()


def _first(lines: "_Lines") -> str:
    """The line of the header. Raises PermanentError where the file cannot be a table."""
    first = next(lines, "").lstrip("\ufeff")
    if not first.strip():
        raise _garbled("has no header")
    if first.lstrip().startswith(("<", "{", "[")):
        raise _garbled("is a page of another kind")
    return first


def _header(line: str) -> tuple[str, list[str]]:
    """The delimiter by which the first line has more columns, and those."""
    found = [(mark, next(csv.reader([line], delimiter=mark))) for mark in ";,"]
    delimiter, cells = max(found, key=lambda each: len(each[1]))
    return delimiter, [cell.strip() for cell in cells]


def _folded(names: list[str]) -> list[str]:
    return [name.casefold() for name in names]


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    """Where the first of these names stands. Raises PermanentError where it stands twice."""
    for name in names:
        if header.count(name) > 1:
            raise _garbled(f"has the column {name.upper()} twice")
        if name in header:
            return header.index(name)
    return None


def _address(cell: str, row: int) -> str:
    address = cell.strip()
    if address and ("@" not in address or not address.isprintable()):
        raise _garbled(f"has something else than an address in row {row:,}")
    return address


def _number(cell: str) -> int:
    return int(cell) if _DIGITS.fullmatch(cell.strip()) else 0


class _Lines(Iterator[str]):
    """The file's lines, none of which, and no row of which, is longer than is good for memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._row_bytes = 0
        self.row = 1

    def row_ends(self) -> None:
        """The lines so far are read: the next one begins another row."""
        self._row_bytes = 0
        self.row += 1

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_ROW_BYTES + 1)
        if not line:
            raise StopIteration
        self._row_bytes += len(line)
        if self._row_bytes > LONGEST_ROW_BYTES:
            raise _garbled(f"has more than {LONGEST_ROW_BYTES:,} bytes in row {self.row:,}")
        if b"\0" in line:
            raise _garbled(f"has a NUL byte in row {self.row:,}")
        # Only addresses matter, and one with a byte that is no UTF-8 is not printable then.
        return line.decode("utf-8", errors="surrogateescape")


def _garbled(what: str) -> PermanentError:
    return PermanentError("export_garbled", f"Brevo's export of contacts {what}.")
