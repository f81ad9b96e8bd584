"""Connections: add, edit, connect, remove. Who may use one is the connection's own word, `available_to`."""

from dataclasses import dataclass
from datetime import UTC
from typing import Literal

from shared.access import Caller, is_shared, may, require
from shared.administration import audit
from shared.administration.items import (
    ANY,
    InvalidInput,
    Saved,
    check_expected,
    item_etag,
    parse_strictly,
    with_item,
    without_item,
)
from shared.administration.known import known_once_saved
from shared.administration.leaving import forget_lists, leaving
from shared.app import App
from shared.brevo.connecting import CheckStep, check_connection
from shared.config.models import Connection, Consent, Document, Export
from shared.errors import ConfigurationError, shown


class ConnectionInUse(ConfigurationError):
    """Exports use the connection: it is not removed under them."""

    def __init__(self, connection_id: str, exports: list[str]) -> None:
        super().__init__(
            "connection_in_use",
            f"The connection {connection_id} is used by: {', '.join(exports)}.",
            "Remove these exports, or detach them, which keeps their settings; then remove the connection.",
        )
        self.exports = exports


class NotConnected(ConfigurationError):
    """A step of the test failed, so that nothing was saved as connected."""

    def __init__(self, connection_id: str, steps: list[CheckStep]) -> None:
        failed = steps[-1]
        super().__init__(
            "connection_failed",
            f"The connection {connection_id} does not work: {failed.step}: {failed.message}",
            "Fix this step and connect again. Nothing was saved.",
        )
        self.steps = steps


@dataclass(frozen=True, slots=True)
class ConnectionName:
    """A connection as callers see it who may not see its settings."""

    id: str
    type: Literal["brevo"]
    display_name: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection without its consent. `was_connected`: false where it had none before.

    `exports` use it and send nothing from now on; `runs` are open, and fail before their next batch.
    """

    connection: str
    was_connected: bool
    exports: list[str]
    runs: list[str]


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """The test of a connection, step by step. `connected`: every step passed; one after a failed one is not tried."""

    connection: str
    connected: bool
    steps: list[CheckStep]


def find_connection(document: Document, connection_id: str) -> Connection:
    """Raises ConfigurationError where there is none."""
    found = document.connection(connection_id)
    if found is None:
        raise ConfigurationError(
            "connection_unknown",
            f"There is no connection {shown(connection_id)!r}.",
            "`segment-export connections` and GET /api/connections list them.",
        )
    return found


def connection_view(caller: Caller, connection: Connection) -> Connection | ConnectionName:
    """The connection as the caller may see it: with its settings, or its name and type."""
    if may(caller.role, "view_connection", shared=is_shared(caller, connection)):
        return connection
    return ConnectionName(connection.id, connection.type, connection.display_name)


def list_connections(app: App, caller: Caller) -> list[Connection | ConnectionName]:
    """Those that the caller may see. Raises AccessDenied for a caller without any role."""
    if caller.role is None:
        require(caller, "see_connection")
    document = app.configuration.read()
    return [
        connection_view(caller, each)
        for each in document.connections
        if may(caller.role, "see_connection", shared=is_shared(caller, each))
    ]


def view_connection(app: App, caller: Caller, connection_id: str) -> tuple[Connection | ConnectionName, str]:
    """The connection, and its ETag."""
    document = app.configuration.read()
    connection = seen_connection(document, caller, connection_id)
    return connection_view(caller, connection), item_etag(connection)


def save_connection(app: App, caller: Caller, new: Connection, expected: str | None) -> Saved[Connection]:
    """Adds or changes a connection. One that is saved with consent has passed the test first.

    With a key of another setting its exports know nothing of their lists any more, and what they have sent does not
    count as sent, as with another list. Raises ConfigurationError, such as while a run takes members of one of them out
    of its list.
    """
    require(caller, "add_connection" if expected is None else "edit_connection", new)
    app.configuration.require_writable()
    there = app.configuration.read()
    before = there.connection(new.id)
    check_expected(f"connection {new.id}", before, expected)
    if new.consent and (before is None or before.consent != new.consent or before.api_key != new.api_key):
        _require_passed(app, there.connections, new)

    left: list[Export] = []

    def change(document: Document) -> Document:
        nonlocal left
        check_expected(f"connection {new.id}", document.connection(new.id), expected)
        changed = with_item(document, "connections", new)
        left = leaving(app, document, changed, [each for each in document.exports if each.connection == new.id])
        for export in left:
            note_as_known(document, changed, export)
        return changed

    what = f"{'change' if before else 'add'} connection"
    with known_once_saved(app) as note_as_known:
        app.configuration.change(caller.name, f"{what} {new.id}", change)
    forget_lists(app, left)
    audit.note(app, caller, what, new.id, _consent_change(before, new))
    return Saved(new, is_new=before is None)


def connect(
    app: App, caller: Caller, connection_id: str, agreed_by: str | None = None, expected: str = ANY
) -> ConnectionTest:
    """Tests the connection step by step. With `agreed_by`, and every step passed, the consent is saved.

    Raises InvalidInput for what can be nobody's name, and ConfigurationError where it has not the ETag `expected`.
    """
    require(caller, "connect")
    document = app.configuration.read()
    connection = find_connection(document, connection_id)
    require(caller, "connect", connection)
    check_expected(f"connection {connection_id}", connection, expected)
    if agreed_by is not None:
        app.configuration.require_writable()
        today = app.storage.clock.now().astimezone(UTC).date()
        given = {"agreed_by": agreed_by.strip(), "agreed_on": today.isoformat()}
        tested = connection.model_copy(update={"consent": parse_strictly(Consent, given)})
    else:
        tested = connection
    steps = check_connection(tested, document.connections, app.brevo, app.storage.accounts, app.time())
    connected = all(step.ok for step in steps)
    if connected and agreed_by is not None:
        seen = item_etag(connection)

        def change(document: Document) -> Document:
            check_expected(f"connection {connection_id}", document.connection(connection_id), seen)
            return with_item(document, "connections", tested)

        app.configuration.change(caller.name, f"connect {connection_id}", change)
        audit.note(app, caller, "give consent", connection_id)
    return ConnectionTest(connection_id, connected, steps)


def disconnect(app: App, caller: Caller, connection_id: str, expected: str | None) -> tuple[Disconnected, str]:
    """Withdraws the consent; and the ETag of what the connection then is. Asks nothing of Brevo.

    `expected` is an ETag, or ANY or None for whatever is there.
    """
    require(caller, "edit_connection")
    before = find_connection(app.configuration.read(), connection_id)
    require(caller, "edit_connection", before)

    def change(document: Document) -> Document:
        current = find_connection(document, connection_id)
        check_expected(f"connection {connection_id}", current, expected or ANY)
        return with_item(document, "connections", current.model_copy(update={"consent": None}))

    after = change(app.configuration.read())
    if before.consent is not None:
        after = app.configuration.change(caller.name, f"disconnect {connection_id}", change)
        audit.note(app, caller, "withdraw consent", connection_id)
    exports = [each.id for each in after.exports if each.connection == connection_id]
    runs = [run_id for each in exports if (run_id := app.store.active(each))]
    etag = item_etag(find_connection(after, connection_id))
    return Disconnected(connection_id, before.consent is not None, exports, runs), etag


def remove_connection(app: App, caller: Caller, connection_id: str, expected: str | None) -> None:
    """Removes a connection that no export uses. Raises ConnectionInUse."""
    require(caller, "remove_connection")

    def change(document: Document) -> Document:
        connection = find_connection(document, connection_id)
        require(caller, "remove_connection", connection)
        check_expected(f"connection {connection_id}", connection, expected)
        if exports := [each.id for each in document.exports if each.connection == connection_id]:
            raise ConnectionInUse(connection_id, exports)
        return without_item(document, "connections", connection_id)

    change(app.configuration.read())
    app.configuration.change(caller.name, f"remove connection {connection_id}", change)
    audit.note(app, caller, "remove connection", connection_id)


class NoSuchList(InvalidInput):
    """No list of the account has this name."""


def list_named(app: App, caller: Caller, connection: Connection, name: str) -> int:
    """The one list of this name. Raises NoSuchList, and InvalidInput where there is more than one."""
    require(caller, "add_export", connection)
    found = app.brevo(connection.api_key.setting).lists_named(name)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoSuchList(["list_name: Brevo has no list of this name"])
    raise InvalidInput([f"list_name: several lists have this name: {', '.join(map(str, found))}; choose by list_id"])


def seen_connection(document: Document, caller: Caller, connection_id: str) -> Connection:
    """The connection, where the caller may see it. Raises AccessDenied and ConfigurationError."""
    require(caller, "see_connection")
    connection = find_connection(document, connection_id)
    require(caller, "see_connection", connection)
    return connection


def _require_passed(app: App, others: list[Connection], connection: Connection) -> None:
    steps = check_connection(connection, others, app.brevo, app.storage.accounts, app.time())
    if not steps[-1].ok:
        raise NotConnected(connection.id, steps)


def _consent_change(before: Connection | None, new: Connection) -> str:
    had = before.consent if before else None
    if had == new.consent:
        return ""
    return "consent given" if new.consent else "consent withdrawn"
