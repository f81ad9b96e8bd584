"""All contacts of the account, page by page: who they are, who is blocked, which lists they left.

The vendor exports contacts of a list or segment only, so the whole account is read in pages of 1,000.
https://developers.brevo.com/reference/get-contacts (November 2026)
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from shared.brevo.client import parsed
from shared.brevo.session import BrevoSession
from shared.config.mapping import PHONE_ATTRIBUTES
from shared.errors import ConfigurationError, TransientError

PAGE = 1_000
# A worker's function may take half an hour, and has the segment to read as well.
LONGEST_SECONDS = 1_200.0
# How far to go back where contacts were deleted meanwhile, so that the next page still shows one of the last.
_BACK = PAGE - 1


@dataclass(frozen=True, slots=True)
class AccountContact:
    """A contact. `email` and `ext_id` are empty where it has none; `left` are the lists that it left itself.

    `phones` has the digits of its numbers, by the attribute.
    """

    number: int
    email: str
    ext_id: str
    blocked: bool
    left: tuple[int, ...]
    phones: Mapping[str, str]


class _Contact(BaseModel):
    id: int
    email: str | None = None
    emailBlacklisted: bool  # noqa: N815
    listUnsubscribed: list[int] | None = None  # noqa: N815
    ext_id: str | int | None = None
    extId: str | int | None = None  # noqa: N815
    attributes: dict[str, Any] | None = None

    def read(self) -> AccountContact:
        attributes = self.attributes or {}
        ext_id = self.ext_id or self.extId or attributes.get("EXT_ID")
        return AccountContact(
            self.id,
            (self.email or "").strip(),
            "" if ext_id is None else str(ext_id).strip(),
            self.emailBlacklisted,
            tuple(self.listUnsubscribed or ()),
            {name: re.sub(r"\D", "", str(attributes[name])) for name in PHONE_ATTRIBUTES if attributes.get(name)},
        )


class _Contacts(BaseModel):
    contacts: list[_Contact] = []
    count: int


def account_contacts(session: BrevoSession, between: Callable[[], None] = lambda: None) -> Iterator[AccountContact]:
    """The contacts, oldest first; one may come twice. `between` is called after each page.

    A page begins with the last contact of the one before: where it does not, some were deleted meanwhile and the pages
    have moved, so it is read again from further back, and nobody is skipped. Raises as `BrevoSession.call` does, and
    ConfigurationError for an account that takes longer than LONGEST_SECONDS.
    """
    until = time.monotonic() + LONGEST_SECONDS
    offset, before = 0, set[int]()
    while True:
        page = _page(session, offset)
        between()
        numbers = {contact.id for contact in page.contacts}
        if before and before.isdisjoint(numbers) and offset:
            offset = max(0, offset - _BACK)
            continue
        yield from (contact.read() for contact in page.contacts if contact.id not in before)
        end = offset + len(page.contacts)
        if numbers <= before or (len(numbers) < PAGE and end >= page.count):
            if end < page.count:
                raise _incomplete(end, page.count)
            return
        if time.monotonic() > until:
            raise _too_many(page.count)
        offset, before = end - 1, numbers


def _page(session: BrevoSession, offset: int) -> _Contacts:
    params: dict[str, str | int] = {"limit": PAGE, "offset": offset, "sort": "asc"}
    return parsed(_Contacts, session.call("contacts", "GET", "/contacts", params=params))


def _incomplete(shown: int, count: int) -> TransientError:
    return TransientError(
        "brevo_garbled", f"Brevo shows {shown:,} of the account's {count:,} contacts.", "It is tried again."
    )


def _too_many(count: int) -> ConfigurationError:
    return ConfigurationError(
        "account_too_large",
        f"The Brevo account has {count:,} contacts, which could not be read within {LONGEST_SECONDS / 60:.0f} min.",
        'Set "identify_by": "email" in the export, or ask Brevo for a plan with higher rate limits.',
    )
