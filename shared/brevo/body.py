"""The body of an import request: how it is put together from contacts, and how a contact is found in it again."""

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

# Brevo's hard limit is 10 MB; it advises about 8 MB. https://developers.brevo.com/reference/importcontacts-1
LARGEST_BODY_BYTES = 8 * 1024 * 1024
BETWEEN = b",\n"  # stands behind each contact
_HEAD = b'{"jsonBody":['
_LONGEST_NUMBER = 1_000_000
_CONTACT = re.compile(rb'\{"email":"([^"]+)"(?:,"ext_id":"([^"]+)"|,"attributes":\{"EXT_ID":"([^"]+)")?')
_PHONE = re.compile(rb'"[^"]+":"\+(\d{5,15})"')
_START = '{"email"'


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """All of an import request but its contacts. `notify_url` gives the call-back's address for a body's number."""

    list_id: int
    erase_empty: bool
    notify_url: Callable[[int], str] | None

    def room_bytes(self) -> int:
        """How many bytes of contacts fit into a body."""
        return LARGEST_BODY_BYTES - len(_HEAD) - len(self._end(_LONGEST_NUMBER))

    def body(self, number: int, contacts: list[memoryview]) -> bytes:
        """The whole body, of contacts with BETWEEN behind each."""
        *most, last = contacts
        return b"".join((_HEAD, *most, last[: -len(BETWEEN)], self._end(number)))

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
        return b"]," + json.dumps(fields, separators=(",", ":")).encode().removeprefix(b"{")


@dataclass(frozen=True, slots=True)
class BodyContact:
    """A contact of a body. `index` counts from 0; `phones` are digits without the plus sign; `ext_id` may be empty."""

    index: int
    email: str
    phones: list[str]
    ext_id: str


def find_contacts(
    body: bytes, emails: Container[str], phones: Container[str], ext_ids: Container[str] = ()
) -> Iterator[BodyContact]:
    """The body's contacts with one of these addresses (in lower case), phone numbers (digits alone) or EXT_IDs.

    Each comes with those of the numbers that it has, and with the EXT_ID only if it is one of these.
    """
    matches = list(_CONTACT.finditer(body)) if phones else _CONTACT.finditer(body)
    starts = [match.start() for match in matches] if phones else []
    for index, match in enumerate(matches):
        email, named = match[1].decode(), list[str]()
        ext_id = (match[2] or match[3] or b"").decode() if ext_ids else ""
        if phones:
            end = starts[index + 1] if index + 1 < len(starts) else len(body)
            named = [phone for phone in _phones(body, match.end(), end) if phone in phones]
        if named or email.lower() in emails or ext_id in ext_ids:
            yield BodyContact(index, email, named, ext_id if ext_id in ext_ids else "")


def contact_texts(body: bytes, wanted: Container[int]) -> Iterator[tuple[int, str]]:
    """The JSON of some of the body's contacts, as it stands there, with their indexes, which count from 0."""
    for index, line in enumerate(body.split(BETWEEN[-1:])):
        if index in wanted:
            text = line.decode()
            start = text.index(_START)
            yield index, text[start : json.JSONDecoder().raw_decode(text, start)[1]]


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


def _phones(body: bytes, start: int, end: int) -> list[str]:
    return [phone.decode() for phone in _PHONE.findall(body, start, end)]
