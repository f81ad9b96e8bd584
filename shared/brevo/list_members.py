"""The members of a list, page by page, for accounts that do not export contacts: 2,000 requests a million.

https://developers.brevo.com/reference/get-contacts-from-list (November 2026)
"""

from collections.abc import Callable, Iterator

from shared.brevo.answers import NotThere
from shared.brevo.checks import check_list
from shared.brevo.client import BrevoClient
from shared.brevo.contact_export import ExportedContact
from shared.brevo.contact_pages import LONGEST_SECONDS, Pages, read_pages
from shared.brevo.session import BrevoSession
from shared.errors import ConfigurationError

PAGE = 500


def list_members(
    session: BrevoSession, list_id: int, between: Callable[[], None] = lambda: None
) -> Iterator[ExportedContact]:
    """Each that was a member all the time, oldest contact first; one may come twice.

    Those who come or go meanwhile may be among them. `between` is called after each page. Raises as `read_pages` does:
    ConfigurationError for a list that takes too long, or is not there.
    """
    pages = Pages(f"/contacts/lists/{list_id}/contacts", PAGE, "list's", lambda count: _too_many(list_id, count))
    try:
        for member in read_pages(session, pages, between):
            yield ExportedContact(member.email, member.number, member.blocked, member.ext_id)
    except NotThere:
        check_list(BrevoClient(session), list_id)
        raise


def _too_many(list_id: int, count: int) -> ConfigurationError:
    return ConfigurationError(
        "list_too_large",
        f"List {list_id} has {count:,} members, which could not be read within {LONGEST_SECONDS / 60:.0f} min.",
        "Let the account and its key export contacts: then the list is read with one request.",
    )
