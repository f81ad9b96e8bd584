"""A list that is made as an export is saved: of two saves at the same moment, as by a second click, one makes it."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shared.access import Caller
from shared.administration import audit
from shared.app import App
from shared.brevo.new_list import make_list
from shared.config.models import Connection
from shared.errors import ConfigurationError
from shared.storage.failures import Conflict
from shared.storage.tables import Row

# Another save that has begun to look for a list of the name before this one has made it comes within so long.
_CLAIMED_SECONDS = 120.0


def made_list(app: App, caller: Caller, connection: Connection, name: str) -> int:
    """Makes a list of this name in the connection's account; its number.

    Raises as `make_list` does, and ConfigurationError where another save is making it, or has just made it.
    """
    claim = _claim(app, connection, name)
    try:
        number = make_list(app.brevo(connection.api_key.setting).session, name)
    except Exception:
        with suppress(Conflict):
            app.storage.requests.delete(claim)
        raise
    audit.note(app, caller, "make list", str(number))
    return number


def _claim(app: App, connection: Connection, name: str) -> Row:
    """It stays for its time where the list was made: who comes later finds that by its name."""

    def claimed(row: Row | None) -> Mapping[str, Any] | None:
        is_free = row is None or app.now() - row.values["at"] >= _CLAIMED_SECONDS
        return {"at": app.now()} if is_free else None

    digest = hashlib.sha256(f"list\n{name.strip().casefold()}".encode()).hexdigest()
    claim = app.storage.requests.take(connection.id, digest, claimed)
    if claim is None:
        raise ConfigurationError(
            "list_being_made", "Another save makes the list of this name just now.", "Save again in a moment."
        )
    return claim
