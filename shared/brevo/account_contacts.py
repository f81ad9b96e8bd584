"""All contacts of the account, page by page: who they are, who is blocked, which lists they left.

The vendor exports contacts of a list or segment only, so the whole account is read in pages of 1,000.
https://developers.brevo.com/reference/get-contacts (November 2026)
"""

from collections.abc import Callable, Iterator

from shared.brevo.contact_pages import LONGEST_SECONDS, PagedContact, Pages, read_pages
from shared.brevo.session import BrevoSession
from shared.errors import ConfigurationError

PAGE = 1_000


def account_contacts(session: BrevoSession, between: Callable[[], None] = lambda: None) -> Iterator[PagedContact]:
    """The contacts, oldest first; one may come twice. `between` is called after each page.

    Raises as `read_pages` does: ConfigurationError for an account that takes too long.
    """
    return read_pages(session, Pages("/contacts", PAGE, "account's", _too_many), between)


def _too_many(count: int) -> ConfigurationError:
    return ConfigurationError(
        "account_too_large",
        f"The Brevo account has {count:,} contacts, which could not be read within {LONGEST_SECONDS / 60:.0f} min.",
        'Set "identify_by": "email" in the export, or ask Brevo for a plan with higher rate limits.',
    )
