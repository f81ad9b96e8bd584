"""What an account has that an export may name: its lists and its attributes. Nothing of a person is read."""

from dataclasses import dataclass

from shared.access import Caller
from shared.administration.connections import seen_connection
from shared.administration.paging import slice_of
from shared.app import App
from shared.brevo.account_lists import AccountList, read_lists
from shared.brevo.attributes import AccountAttribute, Kind
from shared.config.mapping import IDENTIFIERS


@dataclass(frozen=True, slots=True)
class ListedAttribute:
    """An attribute as a mapping may name it. `type` is `read_only` or `unknown` where no export can fill it.

    `options` is what a cell may hold: of a category its labels and values, of a multiple choice its choices.
    """

    name: str
    type: Kind
    options: list[str]


def list_lists(
    app: App, caller: Caller, connection_id: str, *, limit: int, after: str = ""
) -> tuple[list[AccountList], str]:
    """A page of the account's lists, oldest first, and where the next one begins; empty on the last.

    Raises AccessDenied, ConfigurationError for an unknown connection, and as `BrevoSession.call` does.
    """
    connection = seen_connection(app.configuration.read(), caller, connection_id)
    first = int(after or 0)
    found, more = read_lists(app.brevo(connection.api_key.setting).session, first, limit)
    return found, str(first + len(found)) if more else ""


def list_attributes(
    app: App, caller: Caller, connection_id: str, *, limit: int, after: str = ""
) -> tuple[list[ListedAttribute], str]:
    """A page of the account's attributes in the order of their names. Raises as `list_lists` does."""
    connection = seen_connection(app.configuration.read(), caller, connection_id)
    known = app.brevo(connection.api_key.setting).attributes()
    page, more = slice_of(sorted(known.values(), key=lambda each: each.name), limit, after)
    return [_listed(each) for each in page], more


def _listed(attribute: AccountAttribute) -> ListedAttribute:
    kind: Kind = "read_only" if attribute.name in IDENTIFIERS else attribute.kind
    return ListedAttribute(attribute.name, kind, list(attribute.options))
