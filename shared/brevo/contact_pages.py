"""Contacts page by page, from a route that shows some at a time while others come and go."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from shared.brevo.models import Numbered, parsed
from shared.brevo.session import BrevoSession
from shared.config.mapping import PHONE_ATTRIBUTES
from shared.errors import ConfigurationError, TransientError

# A worker's function may take half an hour, and has the segment to read as well.
LONGEST_SECONDS = 1_200.0


@dataclass(frozen=True, slots=True)
class PagedContact:
    """A contact. `email` and `ext_id` are empty where it has none.

    `lists` are those that it is in, `left` those that it left itself.

    `phones` has the digits of its numbers, by the attribute.
    """

    number: int
    email: str
    ext_id: str
    blocked: bool
    lists: tuple[int, ...]
    left: tuple[int, ...]
    phones: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the contacts are: a path, how many a request shows at most, and whose they are, for errors.

    `too_many` makes the error for more of them than can be read in time.
    """

    path: str
    limit: int
    whose: str
    too_many: Callable[[int], ConfigurationError]


class _Contact(Numbered):
    email: str | None = None
    emailBlacklisted: bool  # noqa: N815
    listIds: list[int] | None = None  # noqa: N815
    listUnsubscribed: list[int] | None = None  # noqa: N815
    ext_id: str | int | None = None
    extId: str | int | None = None  # noqa: N815
    attributes: dict[str, Any] | None = None

    def read(self) -> PagedContact:
        attributes = self.attributes or {}
        ext_id = self.ext_id or self.extId or attributes.get("EXT_ID")
        return PagedContact(
            self.id,
            (self.email or "").strip(),
            "" if ext_id is None else str(ext_id).strip(),
            self.emailBlacklisted,
            tuple(self.listIds or ()),
            tuple(self.listUnsubscribed or ()),
            {name: re.sub(r"\D", "", str(attributes[name])) for name in PHONE_ATTRIBUTES if attributes.get(name)},
        )


class _Page(BaseModel):
    contacts: list[_Contact] = []
    count: int


def read_pages(session: BrevoSession, pages: Pages, between: Callable[[], None]) -> Iterator[PagedContact]:
    """The contacts, oldest first; one may come twice. `between` is called after each page.

    A page begins with the last contact of the one before: where it does not, some are gone and the pages have moved, so
    it is read again from further back, and nobody is skipped. Raises as `BrevoSession.call` does, TransientError where
    Brevo shows fewer than it counts, and `too_many` after LONGEST_SECONDS.
    """
    until = time.monotonic() + LONGEST_SECONDS
    offset, before = 0, set[int]()
    while True:
        page = _page(session, pages, offset)
        between()
        numbers = {contact.id for contact in page.contacts}
        end = offset + len(page.contacts)
        if before and before.isdisjoint(numbers) and offset:
            offset = max(0, offset - (pages.limit - 1))
        else:
            yield from (contact.read() for contact in page.contacts if contact.id not in before)
            if offset and numbers == before:
                end = offset + 1  # the same page again, from whichever contact was asked for
            if numbers <= before or (len(numbers) < pages.limit and end >= page.count):
                if end < page.count:
                    raise _incomplete(end, page.count, pages.whose)
                return
            offset, before = end - 1, numbers
        if time.monotonic() > until:
            raise pages.too_many(page.count)


def _page(session: BrevoSession, pages: Pages, offset: int) -> _Page:
    params: dict[str, str | int] = {"limit": pages.limit, "offset": offset, "sort": "asc"}
    return parsed(_Page, session.call("contacts", "GET", pages.path, params=params))


def _incomplete(shown: int, count: int, whose: str) -> TransientError:
    return TransientError(
        "brevo_garbled", f"Brevo shows {shown:,} of the {whose} {count:,} contacts.", "It is tried again."
    )
