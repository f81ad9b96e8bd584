"""The form of an export: which segment goes to which list, which column becomes what, and what is checked as one goes.

What the form does not show stays as it is in an export that is changed.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func

from export_trigger.pages import phrases
from export_trigger.pages.exports import schedule_of
from export_trigger.pages.rendering import redirect, render
from export_trigger.pages.routes import page
from export_trigger.pages.visit import Visit, address
from shared.access import is_shared, may, require
from shared.administration.account import ListedAttribute, list_attributes, list_lists
from shared.administration.checking import check_export
from shared.administration.exports import read_export, save_export, view_export
from shared.administration.items import InvalidInput
from shared.administration.previewing import preview_of, previewed_unsaved
from shared.administration.running import require_for_export
from shared.administration.sample_values import sample_values
from shared.administration.stored_segments import StoredSegment, list_segments
from shared.brevo.account_lists import AccountList
from shared.config.models import Connection, Export
from shared.errors import ConfigurationError, ExportError
from shared.staging.preview import Preview

_STANDARD = ("first_name", "last_name", "phone")
_SPARE_ATTRIBUTES = 2
_MOST_LISTS = 200
_MOST_ATTRIBUTES = 500
# Texts that are left out where they are empty, numbers, and choices that are yes or no.
_NUMBERS = {
    "max_profiles": int,
    "max_shrink": float,
    "max_rejected": float,
    "max_warnings": float,
    "max_removed": float,
    "hold_hours": float,
}
_CHOICES = ("erase_empty", "create_missing_attributes", "leave_out_missing_attributes", "put_back_leavers")
_UNSAVED = "unsaved"


@dataclass
class Sources:
    """What the form offers: connections, the account's lists and attributes, segments; and what could not be read."""

    connections: list[Connection] = field(default_factory=list)
    lists: list[AccountList] = field(default_factory=list)
    attributes: list[ListedAttribute] = field(default_factory=list)
    segments: list[StoredSegment] = field(default_factory=list)
    unread: list[ExportError] = field(default_factory=list)


@dataclass
class Checked:
    """What a check has found: faults by field, notes, and what a run would send where that was asked for."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    preview: Preview | None = None
    is_checked: bool = False

    def of(self, *fields: str) -> list[str]:
        """The faults of these fields."""
        return [text.partition(": ")[2] for text in self.problems if text.partition(": ")[0] in fields]

    @property
    def others(self) -> list[str]:
        """The faults that stand beside no field of the form."""
        return [text for text in self.problems if text.partition(": ")[0] not in SHOWN]


SHOWN = frozenset(
    ("id", "display_name", "connection", "list_id", "list_name", "segments", "mapping.email", "default_country")
)


@page("GET", "/new-export")
def ask_new(visit: Visit) -> func.HttpResponse:
    """First the connection and the segment; then all the rest, with what is likely."""
    require_any(visit)
    connection, segment = visit.query.get("connection", ""), visit.query.get("segment", "")
    sources = read_sources(visit, connection)
    chosen = next((each for each in sources.segments if segment_key(each) == segment), None)
    if not connection or chosen is None:
        values = {"sources": sources, "connection": connection, "segment": segment}
        return render(visit, "export_begin.html", values)
    return _form(visit, likely(chosen, connection), "", sources, Checked())


def require_any(visit: Visit) -> None:
    """Lets in who may add exports on some connection."""
    if not may(visit.caller.role, "add_export", shared=True):
        require(visit.caller, "add_export")


def segment_key(segment: StoredSegment) -> str:
    """What identifies a segment in a form."""
    return "|".join((segment.container, segment.folder, segment.segment))


def likely(segment: StoredSegment, connection: str) -> dict[str, Any]:
    """The export that the segment's columns suggest."""
    mapping: dict[str, Any] = {}
    if proposed := segment.proposed_mapping:
        standard = {name: getattr(proposed, name) for name in ("email", *_STANDARD)}
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


@page("POST", "/new-export")
def add(visit: Visit) -> func.HttpResponse:
    """Adds an export; or checks, previews, or gives one more row for an attribute."""
    require_any(visit)
    return _acted(visit, visit.form.get("id", "").strip(), {}, None)


@page("GET", "/exports/<id>/edit")
def ask_edit(visit: Visit) -> func.HttpResponse:
    """The form with what is there."""
    export, etag = view_export(visit.app, visit.caller, visit.path["id"])
    connection = visit.app.document().connection_of(export)
    require(visit.caller, "edit_export", connection)
    raw = export.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return _form(visit, raw, etag, read_sources(visit, export.connection or "", export), Checked())


@page("POST", "/exports/<id>/edit")
def edit(visit: Visit) -> func.HttpResponse:
    """Changes the export; or checks, previews, or gives one more row for an attribute."""
    require_for_export(visit.app, visit.caller, "edit_export", visit.path["id"])
    export, _ = view_export(visit.app, visit.caller, visit.path["id"])
    before = export.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return _acted(visit, visit.path["id"], before, visit.form.get("etag", ""))


def _acted(visit: Visit, export_id: str, before: Mapping[str, Any], expected: str | None) -> func.HttpResponse:
    raw = {**before, **sent(visit, before), "id": export_id}
    # An empty number is the default.
    raw = {name: value for name, value in raw.items() if value is not None or name not in _NUMBERS}
    action = visit.form.get("action", "check")
    checked = Checked()
    if action == "save":
        try:
            export = read_export(visit.app, visit.caller, raw, export_id)
            saved = save_export(visit.app, visit.caller, export, expected)
            return redirect(f"{address('exports', saved.item.id)}?done=saved")
        except InvalidInput as error:
            checked.problems = error.problems
    elif action in ("check", "preview"):
        checked = check(visit, raw, with_preview=action == "preview")
    if visit.is_partial:
        return render(visit, "export_check.html", {"checked": checked, "raw": raw})
    sources = read_sources(visit, str(raw.get("connection") or ""))
    more = 1 if action == "add" else 0
    return _form(visit, raw, expected or "", sources, checked, more, status=400 if checked.problems else 200)


def check(visit: Visit, raw: Mapping[str, Any], *, with_preview: bool) -> Checked:
    """What is wrong with an export as the form has it. Nothing is saved."""
    found = Checked(is_checked=True)
    given = dict(raw) if raw.get("id") else {**raw, "id": _UNSAVED}
    try:
        export = read_export(visit.app, visit.caller, given, given["id"])
        connection = visit.app.configuration.read().connection_of(export)
        require(visit.caller, "preview_export", connection)
        found.notes = check_export(visit.app, export, connection)
        if with_preview:
            found.preview = preview_of(visit.app, previewed_unsaved(visit.app, visit.caller, given))
    except InvalidInput as error:
        found.problems = error.problems
    except ConfigurationError as error:
        found.problems = [f"body: {error}"]
    return found


def sent(visit: Visit, before: Mapping[str, Any]) -> dict[str, Any]:
    """What the form holds, as the JSON of an export."""
    form = visit.form
    found: dict[str, Any] = {
        "display_name": form.get("display_name", "").strip(),
        "connection": form.get("connection", "") or None,
        "mapping": {**(before.get("mapping") or {}), **_mapping(visit, before)},
        "schedule": _schedule(visit),
        "sync_mode": form.get("sync_mode", "full"),
        **{name: form.get(name) == "yes" for name in _CHOICES if name in before or name in form},
    }
    if "source" not in before:
        container, _, folder = form.get("source", "").partition("|")
        found["source"] = {"container": container, "folder": folder or "/"}
    found["segments"] = form.getlist("segments")
    if new_list := form.get("list_name", "").strip():
        found["list_name"] = new_list
    else:
        number = form.get("list_id", "")
        found["list_id"] = int(number) if number.isascii() and number.isdigit() else None
    found["default_country"] = form.get("default_country", "").strip().upper() or None
    for name, number_of in _NUMBERS.items():
        text = form.get(name, "").strip()
        try:
            found[name] = number_of(text) if text else None
        except ValueError:
            found[name] = text
    return found


def _schedule(visit: Visit) -> Any:
    schedule = schedule_of(visit)
    return schedule if isinstance(schedule, str) else schedule.model_dump()


def _mapping(visit: Visit, before: Mapping[str, Any]) -> dict[str, Any]:
    form, old = visit.form, before.get("mapping") or {}
    mapping: dict[str, Any] = {"email": form.get("email", "")}
    for name in _STANDARD:
        mapping[name] = _field(form.get(name, ""), old.get(name))
    if old.get("attributes") == "all" and form.get("all_attributes") == "yes":
        return mapping
    known = old.get("attributes")
    kept = known if isinstance(known, dict) else {}
    pairs = zip(form.getlist("attribute"), form.getlist("column"), strict=False)
    named = {name.strip().upper(): column for name, column in pairs if name.strip() and column}
    mapping["attributes"] = {name: _field(column, kept.get(name)) for name, column in named.items()}
    return mapping


def _field(column: str, old: Any) -> Any:
    """The column, with what an export that is changed says of it besides, such as its type."""
    if not column:
        return None
    return {**old, "field": column} if isinstance(old, dict) else column


def read_sources(visit: Visit, connection_id: str, export: Export | None = None) -> Sources:
    """What the form offers. What cannot be read now is said, and the rest is offered all the same."""
    document = visit.app.document()
    found = Sources(
        connections=[
            each
            for each in document.connections
            if may(visit.caller.role, "add_export", shared=is_shared(visit.caller, each))
        ]
    )
    container = export.source.container if export else ""
    of_account = any(each.id == connection_id for each in found.connections)

    def read[T](listed: Callable[[], tuple[list[T], str]], *, wanted: bool = True) -> list[T]:
        try:
            return listed()[0] if wanted else []
        except ExportError as error:
            found.unread.append(error)
            return []

    app, caller = visit.app, visit.caller
    # At the same time: each waits for storage or for Brevo.
    with ThreadPoolExecutor(3, "form") as pool:
        segments = pool.submit(read, lambda: list_segments(app, caller, container))
        lists = pool.submit(read, lambda: list_lists(app, caller, connection_id, limit=_MOST_LISTS), wanted=of_account)
        attributes = pool.submit(
            read, lambda: list_attributes(app, caller, connection_id, limit=_MOST_ATTRIBUTES), wanted=of_account
        )
    found.segments, found.lists, found.attributes = segments.result(), lists.result(), attributes.result()
    return found


def _form(
    visit: Visit,
    raw: Mapping[str, Any],
    etag: str,
    sources: Sources,
    checked: Checked,
    more: int = 0,
    *,
    status: int = 200,
) -> func.HttpResponse:
    mapping = raw.get("mapping") or {}
    attributes = mapping.get("attributes") or {}
    rows = [(name, _column(value)) for name, value in attributes.items()] if isinstance(attributes, dict) else []
    spare: Sequence[tuple[str, str]] = [("", "")] * (_SPARE_ATTRIBUTES + more)
    source, segments = raw.get("source") or {}, raw.get("segments") or []
    place = source.get("container", ""), str(source.get("folder", "")).strip("/")
    beside = [each for each in sources.segments if (each.container, each.folder.strip("/")) == place]
    chosen = next((each for each in beside if each.segment in segments), None)
    values = {
        "raw": raw,
        "etag": etag,
        "sources": sources,
        "checked": checked,
        "source": "|".join(place),
        "beside": beside,
        "samples": _samples(visit, chosen, sources, str(raw.get("connection") or "")),
        "done": phrases.DONE.get(visit.query.get("done", ""), ""),
        "here": urlsplit(visit.req.url).path,
        "missing": [name for name in segments if name not in {each.segment for each in beside}],
        "columns": chosen.columns if chosen else [],
        "mapped": {name: _column(mapping.get(name)) for name in ("email", *_STANDARD)},
        "all_attributes": attributes == "all",
        "rows": [*rows, *spare],
        "modes": phrases.MODES,
        "picture": phrases.MODE_PICTURE,
    }
    return render(visit, "export_form.html", values, status=status)


def _samples(
    visit: Visit, chosen: StoredSegment | None, sources: Sources, connection_id: str
) -> Mapping[str, list[str]]:
    """Masked values by column; none where they cannot be read now."""
    connection = next((each for each in sources.connections if each.id == connection_id), None)
    if chosen is None or connection is None:
        return {}
    try:
        return sample_values(visit.app, visit.caller, chosen, connection)
    except ExportError:
        return {}


def _column(value: Any) -> str:
    return value.get("field", "") if isinstance(value, dict) else value or ""
