"""Calls for single contacts. `why` and `forget` look one up; `probe` alone makes the others, for contacts of its own.

No run writes, blocks or deletes a contact by itself: what these calls change is somebody's subscription.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel

from shared.brevo.answers import NotThere
from shared.brevo.models import Numbered, parsed, parsed_of
from shared.brevo.session import BrevoSession
from shared.errors import TransientError

_PAGE = 500

By = Literal["email_id", "ext_id", "phone_id", "contact_id"]


@dataclass(frozen=True, slots=True)
class SingleContact:
    """A contact with all that Brevo shows of it: the lists that it is in, those that it left, whether it is blocked."""

    id: int
    email: str = field(repr=False)
    lists: tuple[int, ...]
    left: tuple[int, ...]
    is_blocked: bool
    attributes: Mapping[str, Any] = field(repr=False)


class _Contact(Numbered):
    email: str | None = None
    emailBlacklisted: bool = False  # noqa: N815 - Brevo's own names
    listIds: list[int] | None = None  # noqa: N815
    listUnsubscribed: list[int] | None = None  # noqa: N815
    attributes: dict[str, Any] | None = None


class _Contacts(BaseModel):
    contacts: list[_Contact] = []


def find_single(session: BrevoSession, value: str, by: By = "email_id") -> SingleContact | None:
    """The contact with this identifier, or None. https://developers.brevo.com/reference/get-contact-info"""
    try:
        answer = session.call("contacts", "GET", _path(value), params={"identifierType": by})
    except NotThere:
        return None
    return _single(parsed_of(_Contact, int(value), answer) if by == "contact_id" else parsed(_Contact, answer))


def create_single(session: BrevoSession, email: str, attributes: Mapping[str, Any]) -> None:
    """Makes a contact. Brevo refuses where there is one already. https://developers.brevo.com/reference/create-contact"""
    session.call("contacts", "POST", "/contacts", body=_json({"email": email, "attributes": attributes}))


def block_single(session: BrevoSession, contact_id: int) -> None:
    """Blocks a contact for e-mails. https://developers.brevo.com/reference/update-contact"""
    params = {"identifierType": "contact_id"}
    session.call("contacts", "PUT", _path(contact_id), params=params, body=b'{"emailBlacklisted":true}')


def delete_single(session: BrevoSession, contact_id: int) -> None:
    """Deletes a contact; none is no fault. https://developers.brevo.com/reference/delete-contact"""
    with suppress(NotThere):
        session.call("contacts", "DELETE", _path(contact_id), params={"identifierType": "contact_id"})


def take_out_of_list(session: BrevoSession, list_id: int, email: str) -> None:
    """Takes a contact out of a list. https://developers.brevo.com/reference/remove-contact-from-list"""
    session.call("contacts", "POST", f"/contacts/lists/{list_id}/contacts/remove", body=_json({"emails": [email]}))


def put_into_list(session: BrevoSession, list_id: int, email: str) -> None:
    """Puts a contact into a list. https://developers.brevo.com/reference/add-contact-to-list"""
    session.call("contacts", "POST", f"/contacts/lists/{list_id}/contacts/add", body=_json({"emails": [email]}))


def members(session: BrevoSession, list_id: int) -> Iterator[SingleContact]:
    """All members of a list, 500 a request. https://developers.brevo.com/reference/get-contacts-from-list

    Raises as `BrevoSession.call` does, and TransientError where Brevo shows nobody new on a further page.
    """
    offset, shown = 0, set[int]()
    while True:
        params: dict[str, str | int] = {"limit": _PAGE, "offset": offset, "sort": "asc"}
        answer = session.call("contacts", "GET", f"/contacts/lists/{list_id}/contacts", params=params)
        page = parsed(_Contacts, answer).contacts
        if page and shown.issuperset(each.id for each in page):
            raise TransientError("brevo_garbled", f"Brevo shows {len(shown):,} of the list's contacts again and again.")
        shown.update(each.id for each in page)
        yield from map(_single, page)
        if len(page) < _PAGE:
            return
        offset += _PAGE


def _single(found: _Contact) -> SingleContact:
    return SingleContact(
        found.id,
        found.email or "",
        tuple(found.listIds or ()),
        tuple(found.listUnsubscribed or ()),
        found.emailBlacklisted,
        found.attributes or {},
    )


def _path(value: str | int) -> str:
    return f"/contacts/{quote(str(value), safe='')}"


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
