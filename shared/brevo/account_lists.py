"""The lists of an account, page by page, for people who choose one. https://developers.brevo.com/reference/getlists-1"""

from dataclasses import dataclass

from pydantic import BaseModel

from shared.brevo.models import parsed
from shared.brevo.session import BrevoSession

_PAGE = 50


@dataclass(frozen=True, slots=True)
class AccountList:
    """A list. `contacts` are its members, blocked or not; null where Brevo does not say."""

    id: int
    name: str
    folder_id: int | None
    contacts: int | None


class _List(BaseModel):
    id: int
    name: str = ""
    folderId: int | None = None  # noqa: N815 - Brevo's own names
    uniqueSubscribers: int | None = None  # noqa: N815


class _Lists(BaseModel):
    count: int = 0
    lists: list[_List] = []


def read_lists(session: BrevoSession, first: int, limit: int) -> tuple[list[AccountList], bool]:
    """At most `limit` lists, oldest first, from the one with the number `first` (from 0); and whether more follow.

    Raises as `BrevoSession.call` does.
    """
    found: list[AccountList] = []
    while True:
        page = min(_PAGE, limit - len(found))
        # Oldest first: a list that is made meanwhile does not move those of the next page.
        params: dict[str, str | int] = {"limit": page, "offset": first + len(found), "sort": "asc"}
        answer = parsed(_Lists, session.call("contacts", "GET", "/contacts/lists", params=params))
        found += [AccountList(each.id, each.name, each.folderId, each.uniqueSubscribers) for each in answer.lists]
        if len(found) >= limit or len(answer.lists) < page:
            return found[:limit], answer.count > first + len(found)
