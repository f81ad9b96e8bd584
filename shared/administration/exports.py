"""Exports: add, edit, duplicate, detach, schedule, remove. None of it runs anything."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from shared.access import Caller, Operation, is_shared, may, require
from shared.administration import audit
from shared.administration.checking import check_export
from shared.administration.drafts import connection_for
from shared.administration.items import (
    Saved,
    check_expected,
    check_id,
    is_saved_already,
    item_etag,
    parse_strictly,
    with_item,
    without_item,
    wrong_form,
)
from shared.administration.known import known_once_saved
from shared.administration.leaving import forget_lists, leaving
from shared.administration.made_lists import made_list
from shared.app import App
from shared.at_once import at_once
from shared.config.document import export_unknown
from shared.config.models import Document, Export, Schedule
from shared.errors import ConfigurationError
from shared.runs.clearing import members_of, staying_words
from shared.runs.overview import ExportOverview, export_overview, next_due_of, schedule_text
from shared.runs.ticks import MissedTicks, last_tick, missed_ticks
from shared.runs.trial import newest_runs
from shared.storage.forms import concerns_all

# What a caller may be allowed to do with one export, as the list of exports tells it.
_PERMISSIONS: dict[str, Operation] = {
    "view": "view_export",
    "edit": "edit_export",
    "duplicate": "duplicate_export",
    "detach": "detach_export",
    "schedule": "schedule_export",
    "preview": "preview_export",
    "run": "run_export",
    "remove": "remove_export",
}
SORT_KEYS = ("id", "display_name", "connection", "list_id", "schedule", "next_due", "last_run", "last_success")


@dataclass(frozen=True, kw_only=True)
class ListedExport(ExportOverview):
    """An export's overview, what the caller may do with it, and its ETag."""

    permissions: list[str]
    etag: str


def find_export(document: Document, export_id: str) -> Export:
    """Raises ConfigurationError where there is none."""
    export = document.export(export_id)
    if export is None:
        raise export_unknown(export_id)
    return export


def list_exports(app: App, caller: Caller, *, search: str = "", sort: str = "") -> list[ListedExport]:
    """All exports, as `page_of_exports` has them."""
    return page_of_exports(app, caller, search=search, sort=sort)[0]


def page_of_exports(
    app: App, caller: Caller, *, search: str = "", sort: str = "", limit: int | None = None, after: str = ""
) -> tuple[list[ListedExport], str]:
    """The exports that come after the one with the id `after`, and the id that the next page comes after, if any.

    `search` is looked for in names, ids and segments; `sort` is one of SORT_KEYS, with `-` before it the other way
    round. An export costs several calls to storage, so only those of the page are looked at, some at a time. Raises
    InvalidInput for another key, ConfigurationError for an id that is not in the list any more.
    """
    document, page, more = exports_found(app, caller, search=search, sort=sort, limit=limit, after=after)
    missed = missed_ticks(app, last_tick(app))
    return at_once(lambda each: _listed(app, document, caller, each, missed), page), more


def exports_found(
    app: App, caller: Caller, *, search: str = "", sort: str = "", limit: int | None = None, after: str = ""
) -> tuple[Document, list[Export], str]:
    """The configuration, and the exports of a page of it as `page_of_exports` has them, without their runs."""
    require(caller, "view_export")
    key = sort.removeprefix("-")
    if sort and key not in SORT_KEYS:
        raise wrong_form(f"sort: is none of {', '.join(SORT_KEYS)}")
    document = app.configuration.read()
    found = [export for export in document.exports if _matches(export, search)]
    if sort:
        values = at_once(lambda each: _sort_value(app, each, key), found)
        ordered = sorted(zip(values, found, strict=True), key=itemgetter(0), reverse=sort.startswith("-"))
        found = [export for _, export in ordered]
    first = _place_after(found, after)
    page = found[first : None if limit is None else first + limit]
    return document, page, page[-1].id if page and first + len(page) < len(found) else ""


def _place_after(exports: list[Export], after: str) -> int:
    places = (place for place, export in enumerate(exports, start=1) if export.id == after)
    place = next(places, None) if after else 0
    if place is None:
        raise ConfigurationError(
            "list_changed", "continuation: its export is not in the list any more.", "Begin with the first page again."
        )
    return place


def _listed(app: App, document: Document, caller: Caller, export: Export, missed: MissedTicks | None) -> ListedExport:
    return ListedExport(
        **vars(export_overview(app, document, export, missed)),
        permissions=permissions(document, caller, export),
        etag=item_etag(export),
    )


def permissions(document: Document, caller: Caller, export: Export) -> list[str]:
    """What the caller may do with the export."""
    shared = is_shared(caller, document.connection_of(export))
    return [name for name, operation in _PERMISSIONS.items() if may(caller.role, operation, shared=shared)]


def view_export(app: App, caller: Caller, export_id: str) -> tuple[Export, str]:
    """The export, and its ETag."""
    require(caller, "view_export")
    export = find_export(app.configuration.read(), export_id)
    return export, item_etag(export)


def save_export(app: App, caller: Caller, new: Export, expected: str | None, new_list: str = "") -> Saved[Export]:
    """Adds or changes an export, once it is checked. Raises InvalidInput with a line for each fault.

    With `new_list` a list of this name is made for it, once all else is in order. Where the save fails behind that, the
    list is there, and a repeated one finds it by its name.
    """
    operation: Operation = "add_export" if expected is None else "edit_export"
    require(caller, operation)
    document = app.configuration.read()
    before = document.export(new.id)
    _require_for(document, caller, operation, before, new)
    app.configuration.require_writable()
    if is_saved_already(before, new, expected):
        return Saved(new)
    check_expected(f"export {new.id}", before, expected)
    connection = document.connection_of(new)
    notes = check_export(app, new, connection, has_list=not new_list)
    if new_list and connection is not None:
        new = new.model_copy(update={"list_id": made_list(app, caller, connection, new_list)})
    staying = _save(app, caller, operation, new, expected)
    notes += _staying_note(staying, before)
    return Saved(new, is_new=before is None, notes=tuple(notes), members_stay=staying)


def copy_of(export: Export, new_id: str, display_name: str, schedule: Schedule | None) -> Export:
    """The export under another id, as `duplicate_export` adds it. Raises InvalidInput."""
    name = display_name or f"{export.display_name[:93]} (copy)"
    changes = {"id": new_id, "display_name": name} | ({"schedule": schedule} if schedule else {})
    copied = export.model_copy(update=changes)
    return parse_strictly(Export, copied.model_dump(mode="json", exclude_unset=True))


def duplicate_export(
    app: App, caller: Caller, export_id: str, new_id: str, display_name: str = "", schedule: Schedule | None = None
) -> Saved[Export]:
    """Adds a copy under another id; with the schedule that it has, unless another one is named."""
    check_id(new_id)
    require(caller, "duplicate_export")
    document = app.configuration.read()
    export = find_export(document, export_id)
    require(caller, "duplicate_export", document.connection_of(export))
    check_expected(f"export {new_id}", document.export(new_id), None)
    copy = copy_of(export, new_id, display_name, schedule)
    _save(app, caller, "duplicate_export", copy, None, f"from {export_id}")
    return Saved(copy, is_new=True)


def detach_export(app: App, caller: Caller, export_id: str, expected: str | None = None) -> Saved[Export]:
    """Takes the connection away: the export is inactive, and keeps its settings. Its list's members stay."""
    return _update(app, caller, "detach_export", export_id, {"connection": None}, expected)


def schedule_export(
    app: App, caller: Caller, export_id: str, schedule: Schedule, expected: str | None = None
) -> Saved[Export]:
    """Switches the schedule on or off."""
    return _update(app, caller, "schedule_export", export_id, {"schedule": schedule}, expected)


def remove_export(app: App, caller: Caller, export_id: str, expected: str | None) -> int | None:
    """Removes the export, and its ledger with it. Its list's members stay: how many, None where that is not known.

    A run of it sends nothing after the batch that is on its way. Raises ConfigurationError, such as while a run takes
    its members out of the list.
    """

    require(caller, "remove_export")

    left: list[Export] = []
    staying = None

    def change(document: Document) -> Document:
        nonlocal left, staying
        export = find_export(document, export_id)
        require(caller, "remove_export", document.connection_of(export))
        check_expected(f"export {export_id}", export, expected)
        changed = _untold(without_item(document, "exports", export_id), export_id)
        left = leaving(app, document, changed, [export])
        staying = members_of(app, document, export)
        return changed

    app.configuration.change(caller.name, f"remove export {export_id}", change)
    forget_lists(app, left)
    audit.note(app, caller, "remove export", export_id)
    return staying


def _untold(document: Document, export_id: str) -> Document:
    """The document with no notification for this export alone: none may name what is not there."""
    if not any(export_id in each.exports for each in document.notifications if each.exports != "all"):
        return document
    changed = [
        each.model_copy(update={"exports": [name for name in each.exports if name != export_id]})
        if each.exports != "all"
        else each
        for each in document.notifications
    ]
    return document.model_copy(update={"notifications": changed})


def _update(
    app: App, caller: Caller, operation: Operation, export_id: str, values: dict[str, Any], expected: str | None
) -> Saved[Export]:
    require(caller, operation)
    document = app.configuration.read()
    export = find_export(document, export_id)
    require(caller, operation, document.connection_of(export))
    seen = item_etag(export)
    if expected is not None:
        check_expected(f"export {export_id}", export, expected)
    changed = parse_strictly(Export, export.model_copy(update=values).model_dump(mode="json", exclude_unset=True))
    staying = _save(app, caller, operation, changed, seen)
    return Saved(changed, notes=tuple(_staying_note(staying, export)), members_stay=staying)


def _staying_note(staying: int | None, before: Export | None) -> list[str]:
    return [f"The {staying_words(staying, before.list_id)}."] if staying and before else []


def _save(
    app: App, caller: Caller, operation: Operation, new: Export, expected: str | None, detail: str = ""
) -> int | None:
    """The conditional write behind them all. What is there now counts as started, so that saving runs nothing.

    Where the export goes to another list from now on, what it has put into the one before is not its own any more: how
    many that are, None where it stays at its list or that is not known.
    """
    what, staying = operation.replace("_", " "), None
    left: list[Export] = []

    def change(document: Document) -> Document:
        nonlocal left, staying
        before = document.export(new.id)
        check_expected(f"export {new.id}", before, expected)
        _require_for(document, caller, operation, before, new)
        changed = with_item(document, "exports", new)
        left = leaving(app, document, changed, [before] if before else [])
        staying = members_of(app, document, left[0]) if left else None
        if before is None:  # a run of one that had this id may have ended behind it, or its end was cut off
            forget_lists(app, [new])
        note_as_known(document, changed, new)
        return changed

    with known_once_saved(app) as note_as_known:
        app.configuration.change(caller.name, f"{what} {new.id}", change)
    forget_lists(app, left)
    audit.note(app, caller, what, new.id, detail)
    return staying


def _require_for(document: Document, caller: Caller, operation: Operation, before: Export | None, new: Export) -> None:
    """The caller needs the connection that the export has, and the one that it is to have."""
    if before is not None:
        require(caller, operation, document.connection_of(before))
    require(caller, operation, connection_for(document, new))


def _matches(export: Export, search: str) -> bool:
    wanted = search.strip().casefold()
    looked_at = [export.id, export.display_name, export.connection or "detached", *export.segments]
    return not wanted or any(wanted in text.casefold() for text in looked_at)


def _sort_value(app: App, export: Export, key: str) -> tuple[bool, Any]:
    values: dict[str, Callable[[], Any]] = {
        "last_run": lambda: (last := newest_runs(app, export.id)[1]) and last.times.get("queued"),
        "last_success": lambda: (success := app.store.success(export.id)) and success.finished_at,
        "next_due": lambda: next_due_of(app, export),
        "display_name": lambda: export.display_name.casefold(),
        "schedule": lambda: schedule_text(export),
    }
    try:
        value = values.get(key, lambda: getattr(export, key))()
    except Exception as error:
        if concerns_all(error):
            raise
        value = None
    return value is not None, value if value is not None else ""
