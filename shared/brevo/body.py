"""The body of an import request: how it is put together from contacts, and how a contact is found in it again."""

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from shared.config.mapping import PHONE_ATTRIBUTES

# Brevo's hard limit is 10 MB; it advises about 8 MB. https://developers.brevo.com/reference/importcontacts-1
LARGEST_BODY_BYTES = 8 * 1024 * 1024
BETWEEN = b",\n"  # stands behind each contact
# The vendor's own import of files takes 250 MB; nothing is said of larger ones that it fetches.
# https://help.brevo.com/hc/en-us/articles/208729849
LARGEST_FILE_BYTES = 200_000_000
_HEAD = b'{"jsonBody":['
_LONGEST_NUMBER = 1_000_000
# A JSON text, within which a quote has a backslash before it.
_TEXT = rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_CONTACT = re.compile(rb'\{"email":"([^"]+)"(?:,"ext_id":%s|,"attributes":\{"EXT_ID":%s)?' % (_TEXT, _TEXT))
# Only in these attributes a number belongs to one contact: elsewhere it is a text, which many may have.
_PHONE = re.compile(rb'"(?:%s)":"\+(\d{5,15})"' % "|".join(sorted(PHONE_ATTRIBUTES)).encode())
_START = '{"email"'


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """All of an import request but its contacts. `notify_url` gives the call-back's address for a body's number."""

    list_id: int
    erase_empty: bool
    notify_url: Callable[[int], str] | None

    def room_bytes(self) -> int:
        """How many bytes of contacts fit into a body."""
        return LARGEST_BODY_BYTES - len(_HEAD) - len(self._end(_LONGEST_NUMBER)) - len(b"],")

    def body(self, number: int, contacts: list[memoryview]) -> bytes:
        """The whole body, of contacts with BETWEEN behind each."""
        *most, last = contacts
        return b"".join((_HEAD, *most, last[: -len(BETWEEN)], b"],", self._end(number)))

    def of_file(self, number: int, link: str) -> bytes:
        """The whole body of an import whose contacts Brevo fetches from the link."""
        return b'{"fileUrl":' + json.dumps(link).encode() + b"," + self._end(number)

    def _end(self, number: int) -> bytes:
        """The blacklist fields are never sent: no import changes a subscription."""
        fields: dict[str, object] = {
            "listIds": [self.list_id],
            "updateExistingContacts": True,
            "disableNotification": True,
        }
        if self.erase_empty:
            fields["emptyContactsAttributes"] = True
        if self.notify_url:
            fields["notifyUrl"] = self.notify_url(number)
        return json.dumps(fields, separators=(",", ":")).encode().removeprefix(b"{")


@dataclass(frozen=True, slots=True)
class BodyContact:
    """A contact of a body. `index` counts from 0; `phones` are digits without the plus sign; `ext_id` may be empty."""

    index: int
    email: str
    phones: list[str]
    ext_id: str


def find_contacts(
    pieces: Iterable[bytes], emails: Container[str], phones: Container[str], ext_ids: Container[str] = ()
) -> Iterator[BodyContact]:
    """A body's contacts with one of these addresses (in lower case), phone numbers (digits alone) or EXT_IDs.

    Each comes with those of the numbers that it has, and with the EXT_ID only if it is one of these. `pieces` are the
    body's whole lines, each of which has a contact.
    """
    first = 0
    for piece in pieces:
        matches = list(_CONTACT.finditer(piece))
        for place, match in enumerate(matches):
            email, named = match[1].decode(), list[str]()
            ext_id = _text(match[2] or match[3] or b"") if ext_ids else ""
            if phones:
                end = matches[place + 1].start() if place + 1 < len(matches) else len(piece)
                named = [phone for phone in _phones(piece, match.end(), end) if phone in phones]
            if named or email.lower() in emails or ext_id in ext_ids:
                yield BodyContact(first + place, email, named, ext_id if ext_id in ext_ids else "")
        first += len(matches)


def contact_texts(pieces: Iterable[bytes], wanted: Container[int]) -> Iterator[tuple[int, str]]:
    """The JSON of some of a body's contacts, as it stands there, with their indexes, which count from 0."""
    for index, line in enumerate(lines_of(pieces)):
        if index in wanted:
            text = line.decode()
            start = text.index(_START)
            yield index, text[start : json.JSONDecoder().raw_decode(text, start)[1]]


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of pieces that are whole lines, without their ends."""
    return (line for piece in pieces for line in piece.removesuffix(b"\n").split(b"\n"))


def without_values(contact: str, attributes: Iterable[str]) -> str:
    """A contact's JSON without its values for these attributes. All else stays to the letter."""
    # A quote within a text has a backslash before it, so no text is taken for an attribute.
    names = "|".join(map(re.escape, sorted(attributes)))
    one = rf'"(?:{names})":(?:"(?:[^"\\]|\\.)+"|[-+.\dEe]+)'
    others_follow = re.sub(rf"(?<=[{{,]){one},", "", contact, flags=re.IGNORECASE)
    return re.sub(rf"(?:,|(?<={{)){one}(?=}})", "", others_follow, flags=re.IGNORECASE)


def room_whatever_the_end() -> int:
    """How many bytes of contacts fit into a body, whatever else its request says: for bodies that are written twice."""
    return LARGEST_BODY_BYTES * 9 // 10


def _text(written: bytes) -> str:
    """A JSON text without its quotes, as what it says."""
    return str(json.loads(b'"%s"' % written)) if b"\\" in written else written.decode()


def _phones(body: bytes, start: int, end: int) -> list[str]:
    return [phone.decode() for phone in _PHONE.findall(body, start, end)]
