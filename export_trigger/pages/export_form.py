"""The form of an export: which segment goes to which list, which column becomes what, and what is checked as one goes.

Whatever is wrong is said in the form, with all that was typed.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

import azure.functions as func

from export_trigger.pages import phrases
from export_trigger.pages.checked import FIELDS, Checked, field_of
from export_trigger.pages.export_fields import SHARES, faults, lists_are_of_another, sent, typed_attributes
from export_trigger.pages.export_sources import (
    Sources,
    likely,
    place_in,
    read_sources,
    samples_of,
    segment_key,
)
from export_trigger.pages.phrases import N_
from export_trigger.pages.rendering import redirect, render
from export_trigger.pages.routes import again, page
from export_trigger.pages.sent_twice import save_once
from export_trigger.pages.visit import Visit, address
from shared.access import require
from shared.administration.checking import check_export
from shared.administration.drafts import Draft, problems_of, read_draft, read_export
from shared.administration.exports import save_export, view_export
from shared.administration.items import InvalidInput, proposed_id
from shared.administration.previewing import losses_by_path, preview_of, previewed_draft
from shared.administration.running import require_for_export
from shared.brevo.attributes import AskAttributes
from shared.config.mapping import STANDARD
from shared.config.models import Document, Export
from shared.errors import ConfigurationError, ExportError

_SPARE_ATTRIBUTES = 2


@page("GET", "/new-export")
def ask_new(visit: Visit) -> func.HttpResponse:
    """First the connection and the segment; then all the rest, with what is likely."""
    require(visit.caller, "add_export")
    connection, segment = visit.query.get("connection", ""), visit.query.get("segment", "")
    if connection and segment:
        sources = read_sources(visit, connection, place_in(segment))
        chosen = next((each.listed for each in sources.segments if segment_key(each.listed) == segment), None)
        if chosen:
            return _form(visit, likely(chosen, connection), "", sources, Checked())
    container = visit.query.get("container", "").strip()
    sources = read_sources(visit, "", (container, None))
    values = {"sources": sources, "connection": connection, "segment": segment, "container": container}
    return render(visit, "export_begin.html", values)


@page("POST", "/new-export")
def add(visit: Visit) -> func.HttpResponse:
    """Adds an export; or checks, previews, or gives one more row for an attribute."""
    require(visit.caller, "add_export")
    return _acted(visit, _typed_id(visit), {}, None)


@again(add)
def show_new_again(visit: Visit) -> func.HttpResponse:
    """The form of a new export, as it was typed, with a check."""
    return add(visit)


@page("GET", "/exports/<id>/edit")
def ask_edit(visit: Visit) -> func.HttpResponse:
    """The form with what is there."""
    require_for_export(visit.app, visit.caller, "edit_export", visit.path["id"])
    export, etag = view_export(visit.app, visit.caller, visit.path["id"])
    raw = _json_of(export)
    return _form(visit, raw, etag, read_sources(visit, export.connection or "", _place(raw)), Checked())


@page("POST", "/exports/<id>/edit")
def edit(visit: Visit) -> func.HttpResponse:
    """Changes the export; or checks, previews, or gives one more row for an attribute."""
    require_for_export(visit.app, visit.caller, "edit_export", visit.path["id"])
    export, _ = view_export(visit.app, visit.caller, visit.path["id"])
    return _acted(visit, visit.path["id"], _json_of(export), visit.form.get("etag", ""))


@again(edit)
def show_edit_again(visit: Visit) -> func.HttpResponse:
    """The form of an export, as it was typed, with a check."""
    return edit(visit)


def _action(visit: Visit) -> str:
    """What the person has asked for: never to save where the form only comes back, or where the script checks it.

    The script sends the name of the button that was pressed last: while a save is under way it would save once more.
    """
    action = visit.form.get("action", "check")
    return "check" if action == "save" and (visit.is_too_old or visit.is_partial) else action


def _json_of(export: Export) -> dict[str, Any]:
    found: dict[str, Any] = export.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return found


def _typed_id(visit: Visit) -> str:
    """The id of the new export; where none is typed, one is made from its name."""
    typed = visit.form.get("id", "").strip()
    if typed:
        return typed
    taken = {each.id for each in visit.app.configuration.read().exports}
    return proposed_id(visit.form.get("display_name", ""), taken, "export")


def _acted(visit: Visit, export_id: str, before: Mapping[str, Any], expected: str | None) -> func.HttpResponse:
    action, checked = _action(visit), Checked()
    raw = {**sent(visit.form, before), "id": export_id}
    try:
        if action != "add" and (found := _faults(visit, before, raw)):
            raise InvalidInput(found)
        if action == "save":
            return _saved(visit, raw, expected)
        if action != "add":
            _check(visit, raw, expected, checked, with_preview=action == "preview")
    except ConfigurationError as error:
        checked.refuse(error, was_to_save=action == "save")
    new_sources = partial(read_sources, visit, str(raw.get("connection") or ""), _place(raw))
    if visit.is_partial:
        sources = new_sources() if lists_are_of_another(visit.form) else None
        names = [name.strip().upper() for name in visit.form.getlist("attribute")]
        values = {"checked": checked, "fields": list(FIELDS), "raw": raw, "names": names, "is_new": expected is None}
        made_id = "" if visit.form.get("id", "").strip() else raw["id"]
        return render(visit, "export_marks.html", {**values, "new_id": made_id, "sources": sources})
    return _form(visit, raw, expected or "", new_sources(), checked, more=int(action == "add"))


def _faults(visit: Visit, before: Mapping[str, Any], raw: dict[str, Any]) -> list[str]:
    """All that can be said at once; of a field that the form speaks of itself, nothing more."""
    found = faults(visit.form, before, raw) + _excluded_elsewhere(visit, before, raw)
    spoken_of = set(map(field_of, found))
    return found + [line for line in problems_of(raw, raw["id"]) if field_of(line) not in spoken_of - {""}]


def _excluded_elsewhere(visit: Visit, before: Mapping[str, Any], raw: Mapping[str, Any]) -> list[str]:
    """What is wrong where excluded lists, which the form does not show, would be other lists in another account.

    Of a detached export its last run says which account they are of; where there is none, nobody knows.
    """
    if not (before.get("exclude") or {}).get("list_ids"):
        return []
    settings = {each.id: each.api_key.setting for each in visit.app.configuration.read().connections}
    was, now = (settings.get(each.get("connection") or "") for each in (before, raw))
    if not was:
        was = next((run.key_setting for run in visit.app.store.latest(before["id"], 1)), "")
    if not now or was == now:
        return []
    words = N_(
        "Its excluded lists are numbers of the connection before, and other lists in this account. Change both at "
        "once, with `segment-export export save` or the API."
    )
    return [f"exclude.list_ids: {words}"]


def _saved(visit: Visit, raw: dict[str, Any], expected: str | None) -> func.HttpResponse:
    draft = _draft(visit, raw)
    saved = save_once(
        draft.export,
        expected,
        lambda: visit.app.configuration.read().exports,
        lambda: save_export(visit.app, visit.caller, draft.export, expected, draft.new_list).item,
        any_id=expected is None and not visit.form.get("id", "").strip(),
    )
    done = "list_made" if draft.new_list else "list_used" if _is_list_to_be_made(visit) else "saved"
    return redirect(f"{address('exports', saved.id)}?done={done}")


def _draft(visit: Visit, raw: dict[str, Any]) -> Draft:
    """The export as the form has it. Raises ConfigurationError."""
    if _is_list_to_be_made(visit):
        return read_draft(visit.app, visit.caller, raw, raw["id"])
    return Draft(read_export(visit.app, visit.caller, raw, raw["id"]))


def _is_list_to_be_made(visit: Visit) -> bool:
    return visit.form.get("make_list") == "yes" and bool(visit.form.get("list_name", "").strip())


def _check(visit: Visit, raw: dict[str, Any], expected: str | None, checked: Checked, *, with_preview: bool) -> None:
    """What is wrong with an export as the form has it. Nothing is saved. Raises ConfigurationError."""
    app, document = visit.app, visit.app.configuration.read()
    if expected is None and document.export(raw["id"]):
        raise InvalidInput([phrases.ID_TAKEN])
    draft = _draft(visit, raw)
    connection = document.connection_of(draft.export)
    require(visit.caller, "preview_export", connection)
    ask = cache(app.attributes)  # each of the three below needs them
    checked.notes = check_export(app, draft.export, connection, ask, has_list=not draft.new_list)
    checked.notes += _of_list(visit, document, draft)
    checked.is_checked = True
    if connection is not None:
        _mark_losses(visit, draft.export, ask, checked)
    if with_preview:
        checked.preview = preview_of(app, previewed_draft(app, visit.caller, draft.export), ask)


def _mark_losses(visit: Visit, export: Export, ask: AskAttributes, checked: Checked) -> None:
    """What cannot be read now marks nothing, and the check stays what it is."""
    try:
        checked.losses = losses_by_path(visit.app, previewed_draft(visit.app, visit.caller, export), ask)
    except ExportError as error:
        checked.notes.append(f"It is not known how many values would be lost: {error.message}")


def _of_list(visit: Visit, document: Document, draft: Draft) -> list[str]:
    """What is to be known of the list: that it is made, or is there already, and who else puts people into it."""
    export, number = draft.export, draft.export.list_id
    if draft.new_list:
        return [f"The list {draft.new_list} is made in Brevo when the export is saved."]
    used = [f"Brevo has a list of this name already, number {number}: it is used."]
    others = (each for each in document.exports if each.id != export.id and each.connection == export.connection)
    return [
        *(used if _is_list_to_be_made(visit) else []),
        *(
            f"The export {each.display_name} puts people into this list as well."
            for each in others
            if each.list_id == number
        ),
    ]


def _form(
    visit: Visit, raw: Mapping[str, Any], etag: str, sources: Sources, checked: Checked, *, more: int = 0
) -> func.HttpResponse:
    mapping = raw.get("mapping") or {}
    attributes = mapping.get("attributes") or {}
    mapped = attributes.items() if isinstance(attributes, dict) else ()
    rows = typed_attributes(visit.form) or [(name, _column(value)) for name, value in mapped]
    spare: Sequence[tuple[str, str]] = [("", "")] * (_SPARE_ATTRIBUTES + more)
    segments = raw.get("segments") or []
    chosen = next((each for each in sources.segments if each.listed.segment in segments), None)
    values = {
        "raw": raw,
        "etag": etag,
        "sources": sources,
        "checked": checked,
        "source": "|".join(_place(raw)),
        "samples": samples_of(visit, chosen, sources, str(raw.get("connection") or "")),
        "here": visit.here,
        "missing": [name for name in segments if name not in {each.listed.segment for each in sources.segments}],
        "columns": chosen.listed.columns if chosen else [],
        "mapped": {name: _column(mapping.get(name)) for name in ("email", *STANDARD)},
        "all_attributes": attributes == "all",
        "rows": [*rows, *spare],
        "shares": {name: _per_cent(raw.get(name), default) for name, default in SHARES.items()},
    }
    return render(visit, "export_form.html", values, status=checked.status)


def _place(raw: Mapping[str, Any]) -> tuple[str, str]:
    """The container and the folder of the export's segments."""
    source = raw.get("source") or {}
    return source.get("container", ""), str(source.get("folder", "")).strip("/")


def _per_cent(value: Any, default: float) -> str:
    share = default if value is None else value
    return f"{share * 100:g}" if isinstance(share, int | float) else str(share)


def _column(value: Any) -> str:
    return value.get("field", "") if isinstance(value, dict) else value or ""
