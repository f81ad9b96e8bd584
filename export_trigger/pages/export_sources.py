"""What the form of an export offers: connections, lists and segments, and the likely use of their columns."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from export_trigger.pages.visit import Visit
from shared.access import is_shared, may
from shared.administration.account import list_lists
from shared.administration.sample_values import sample_values
from shared.administration.stored_segments import FoundSegment, StoredSegment, segments_found
from shared.brevo.account_lists import AccountList
from shared.config.mapping import STANDARD
from shared.config.models import Connection
from shared.errors import ExportError

_MOST_LISTS = 200


@dataclass
class Sources:
    """What the form offers: connections, the account's lists, segments; and what could not be read."""

    connections: list[Connection] = field(default_factory=list)
    lists: list[AccountList] = field(default_factory=list)
    segments: list[FoundSegment] = field(default_factory=list)
    unread: list[ExportError] = field(default_factory=list)


def segment_key(segment: StoredSegment) -> str:
    """What identifies a segment in a form."""
    return "|".join((segment.container, segment.folder, segment.segment))


def place_in(key: str) -> tuple[str, str]:
    """The container and the folder of a segment, by what identifies it in a form."""
    container, _, below = key.partition("|")
    return container, below.rpartition("|")[0]


def likely(segment: StoredSegment, connection: str) -> dict[str, Any]:
    """The export that the segment's columns suggest."""
    mapping: dict[str, Any] = {}
    if proposed := segment.proposed_mapping:
        standard = {name: getattr(proposed, name) for name in ("email", *STANDARD)}
        mapping = {name: column for name, column in standard.items() if column}
        mapping["attributes"] = dict(proposed.attributes)
    return {
        "connection": connection,
        "display_name": segment.segment.replace("_", " "),
        "source": {"container": segment.container, "folder": segment.folder or "/"},
        "segments": [segment.segment],
        "mapping": mapping,
        "sync_mode": "changes_only",
        "schedule": "with_refresh",
    }


def read_sources(visit: Visit, connection_id: str, place: tuple[str, str | None] = ("", None)) -> Sources:
    """What the form offers. What cannot be read now is said, and the rest is offered all the same.

    Of the segments, those that lie in a container, or in a folder of it; all, where no container is named.
    """
    document = visit.app.configuration.read()
    found = Sources(
        connections=[
            each
            for each in document.connections
            if may(visit.caller.role, "add_export", shared=is_shared(visit.caller, each))
        ]
    )
    container, folder = place
    of_account = any(each.id == connection_id for each in found.connections)

    def read[T](listed: Callable[[], list[T]], *, wanted: bool = True) -> list[T]:
        try:
            return listed() if wanted else []
        except ExportError as error:
            found.unread.append(error)
            return []

    app, caller = visit.app, visit.caller
    # At the same time: each waits for storage or for Brevo.
    with ThreadPoolExecutor(2, "form") as pool:
        segments = pool.submit(read, lambda: segments_found(app, caller, container, folder if container else None))
        lists = pool.submit(
            read, lambda: list_lists(app, caller, connection_id, limit=_MOST_LISTS)[0], wanted=of_account
        )
    found.segments, found.lists = segments.result(), lists.result()
    return found


def samples_of(
    visit: Visit, chosen: FoundSegment | None, sources: Sources, connection_id: str
) -> Mapping[str, list[str]]:
    """Masked values by column; none where they cannot be read now."""
    connection = next((each for each in sources.connections if each.id == connection_id), None)
    if chosen is None or connection is None:
        return {}
    try:
        return sample_values(visit.app, visit.caller, chosen, connection)
    except ExportError:
        return {}
