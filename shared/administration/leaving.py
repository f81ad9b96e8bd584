"""Exports that leave their list by a change of the configuration: what they have put there is theirs no more."""

from collections.abc import Iterable

from shared.app import App
from shared.config.models import Document, Export
from shared.runs.clearing import check_no_open_clear
from shared.sync.stored import drop_ledgers


def leaving(app: App, before: Document, after: Document, exports: Iterable[Export]) -> list[Export]:
    """Those of the exports of `before` that leave their list by the change.

    Raises ConfigurationError where a run takes members of one of them out of its list: they would stay.
    """
    found = [each for each in exports if goes_elsewhere(before, after, each)]
    for each in found:
        check_no_open_clear(app, each.id)
    return found


def goes_elsewhere(before: Document, after: Document, export: Export) -> bool:
    """Whether the export of `before` is gone by the change, or has another list or the key of another setting."""
    new = after.export(export.id)
    if new is None or new.list_id != export.list_id:
        return True
    connections = before.connection_of(export), after.connection_of(new)
    if connections[0] is None or connections[1] is None:  # detached, or of a configuration that cannot be read
        return export.connection != new.connection
    return connections[0].api_key != connections[1].api_key


def forget_lists(app: App, left: Iterable[Export]) -> None:
    """Drops what is known of the lists that the exports have left, once the change is saved.

    It must not be met again where they come back: meanwhile others may have changed the list, or they themselves with
    another key of the account.
    """
    for each in left:
        drop_ledgers(app.storage.app_blobs, each.id)
