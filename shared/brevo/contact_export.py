"""Contacts of a list as Brevo exports them: requested, looked up, and read from a CSV file that is never in memory.

https://developers.brevo.com/reference/request-contact-export (November 2026); what the file may be: `export_table.py`
"""

import csv
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, Literal, NamedTuple

from shared.brevo.download import Download
from shared.brevo.export_table import garbled, lines_of, numbers_in, read_header, read_rows
from shared.brevo.models import Accepted, Numbered, parsed, parsed_of
from shared.brevo.processes import ProcessState
from shared.brevo.session import BrevoSession
from shared.errors import PermanentError

Who = Literal["allContacts", "unsubscribed", "unsubscribedPerList"]

LARGEST_BYTES = 1_000_000_000
MOST_ROWS = 10_000_000
DOWNLOAD_SECONDS = 600.0
_ROWS_BETWEEN = 10_000
_FEW_WORDS = 100


@dataclass(frozen=True, slots=True)
class ExportProcess:
    """An export as Brevo sees it. `url` is a secret: it opens without a key. Empty until the file is there."""

    state: ProcessState
    url: str = field(default="", repr=False)


class ExportedContact(NamedTuple):
    """One contact of the file. `email` is as Brevo has it, empty where the contact has none; `number` 0 likewise.

    `blocked` is for e-mails, None where the file does not say; `ext_id` is empty where there is none.
    """

    email: str
    number: int
    blocked: bool | None = None
    ext_id: str = ""


# As `ExportedContact._make`, without a call of Python for each contact.
_contact: Callable[[Iterable[Any]], ExportedContact] = partial(tuple.__new__, ExportedContact)


class _Process(Numbered):
    status: str
    export_url: str | None = None


def request_export(session: BrevoSession, list_id: int, who: Who) -> int:
    """Requests an export of a list's contacts; the process's id.

    `unsubscribedPerList` are those who left this one list. Of `allContacts` it also has who is blocked, and the EXT_ID
    where the account has this attribute. Raises as `BrevoSession.call` does: where the account or the key may not
    export, and where there is no such list, Brevo refuses.
    """
    body: dict[str, Any] = {
        "customContactFilter": {"actionForContacts": who, "listId": list_id},
        "exportMandatoryAttributes": True,
        "disableNotification": True,
    }
    if who == "allContacts":
        body["exportSubscriptionStatus"] = ["email_marketing"]
        # An attribute that the account does not have is refused, and not every account has this one.
        with suppress(PermanentError):
            return _requested(session, body | {"exportAttributes": ["EXT_ID"]})
    return _requested(session, body)


def _requested(session: BrevoSession, body: dict[str, Any]) -> int:
    answer = session.call("contacts", "POST", "/contacts/export", body=json.dumps(body).encode())
    return parsed(Accepted, answer).processId


def request_nothing(session: BrevoSession) -> None:
    """Asks for an export without saying of whom, which Brevo refuses: shows who may not export, and exports nobody.

    Raises as `BrevoSession.call` does: PermanentError where only the request is at fault.
    """
    session.call("contacts", "POST", "/contacts/export", body=b'{"disableNotification": true}')


def look_up_export(session: BrevoSession, process_id: int) -> ExportProcess:
    """The export now: one of the scarce calls. One that Brevo does not know yet is open."""
    try:
        process = parsed_of(_Process, process_id, session.call("other", "GET", f"/processes/{process_id}"))
    except PermanentError:
        return ExportProcess("open")
    status = process.status.lower()
    if status == "completed":
        return ExportProcess("completed", process.export_url or "")
    return ExportProcess("failed" if status in ("failed", "cancelled") else "open")


def read_export(url: str, base_url: str, between: Callable[[], None] = lambda: None) -> Iterator[ExportedContact]:
    """The file's contacts, once all of it has come. `between` is called now and then.

    Raises TransientError where it cannot be fetched now, or a page comes in its place; PermanentError for a link that
    must not be followed, a file that is too large, and one that is not the table that it should be.
    """
    download = Download("export", LARGEST_BYTES, DOWNLOAD_SECONDS)
    with tempfile.TemporaryFile() as file:
        download.fetch(url, base_url, file)
        file.seek(0)
        try:
            yield from _contacts(lines_of(file), download, between)
        except csv.Error:
            raise garbled("is no CSV") from None


def read_columns(url: str, base_url: str) -> tuple[list[str], bool]:
    """The names in the file's header as Brevo spells them, and whether one is of the contacts' numbers.

    Raises as `read_export` does.
    """
    download = Download("export", LARGEST_BYTES, DOWNLOAD_SECONDS)
    with tempfile.TemporaryFile() as file:
        download.fetch(url, base_url, file)
        file.seek(0)
        try:
            header = read_header(lines_of(file))
        except csv.Error:
            raise garbled("is no CSV") from None
    return header.names, header.number is not None


def _contacts(lines: Iterator[str], download: Download, between: Callable[[], None]) -> Iterator[ExportedContact]:
    header = read_header(lines)
    says_blocked = lru_cache(_FEW_WORDS)(header.says_blocked)
    read = turn_at = 0
    for rows in read_rows(lines, header):
        if read >= turn_at:
            turn_at = read + _ROWS_BETWEEN
            between()
        read += len(rows)
        if read > MOST_ROWS:
            raise download.too_large(f"has more than {MOST_ROWS:,} rows")
        # A column at a time: that takes half as long as a row at a time.
        columns = list(zip(*rows, strict=True))
        fields = zip(
            columns[header.email],
            repeat(0) if header.number is None else numbers_in(columns[header.number]),
            repeat(None) if header.blocked is None else map(says_blocked, columns[header.blocked]),
            repeat("") if header.ext_id is None else map(str.strip, columns[header.ext_id]),
            strict=False,
        )
        yield from map(_contact, fields)
