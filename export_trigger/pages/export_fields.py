"""From what people typed into the form of an export to the JSON of an export. What the form does not show stays."""

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from export_trigger.pages.export_sources import STANDARD
from export_trigger.pages.phrases import N_
from export_trigger.pages.schedules import schedule_faults, schedule_of

# Shares are in per cent in the form.
SHARES = {"max_shrink": 0.5, "max_rejected": 0.5, "max_warnings": 0.5, "max_removed": 0.3}
_NUMBERS = {"max_profiles": int, "hold_hours": float}
_MOST_DIGITS = 18
_CHOICES = ("erase_empty", "create_missing_attributes", "leave_out_missing_attributes", "put_back_leavers")


def sent(form: MultiDict[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    """The export as the form has it, over what it was before."""
    found: dict[str, Any] = {
        **before,
        "display_name": form.get("display_name", "").strip(),
        "connection": form.get("connection", "") or None,
        "mapping": {**(before.get("mapping") or {}), **_mapping(form, before.get("mapping") or {})},
        "schedule": schedule_of(form),
        "sync_mode": form.get("sync_mode", "full"),
        "segments": form.getlist("segments"),
        "default_country": form.get("default_country", "").strip().upper() or None,
        **{name: form.get(name) == "yes" for name in _CHOICES if name in before or name in form},
        **_numbers(form),
    }
    if "source" not in before:
        container, _, folder = form.get("source", "").partition("|")
        found["source"] = {"container": container, "folder": folder or "/"}
    found.pop("list_id", None)
    if new_list := form.get("list_name", "").strip():
        found["list_name"] = new_list
    elif (number := form.get("list_id", "")).isdecimal() and len(number) <= _MOST_DIGITS:
        found["list_id"] = int(number)
    # An empty number is the default.
    return {name: value for name, value in found.items() if value is not None or name not in (*_NUMBERS, *SHARES)}


def faults(form: MultiDict[str, str], before: Mapping[str, Any], raw: Mapping[str, Any]) -> list[str]:
    """What the JSON of the export does not show, or says in words of its own: a line each, begun by its field."""
    found = schedule_faults(form, before.get("schedule"))
    if not raw["segments"]:
        found.append(f"segments: {N_('Choose a segment.')}")
    if "list_id" not in raw and "list_name" not in raw:
        found.append(f"list_id: {N_('Choose a list.')}")
    if not raw["mapping"]["email"]:
        found.append(f"mapping.email: {N_('Choose the column with the e-mail address.')}")
    names = [name for name, _ in _pairs(form)]
    found += [f"mapping.attributes: {name} is mapped twice" for name in sorted(set(names)) if names.count(name) > 1]
    return found


def _numbers(form: MultiDict[str, str]) -> dict[str, Any]:
    """None where the field is empty; the text as it is where it is no number, for the configuration to refuse."""
    found: dict[str, Any] = {}
    for name in (*_NUMBERS, *SHARES):
        text = form.get(name, "").strip()
        try:
            number = _NUMBERS[name](text) if name in _NUMBERS else round(float(text.replace(",", ".")) / 100, 6)
            found[name] = number if text else None
        except ValueError:
            found[name] = text or None
    return found


def _mapping(form: MultiDict[str, str], before: Mapping[str, Any]) -> dict[str, Any]:
    mapping: dict[str, Any] = {"email": form.get("email", "")}
    for name in STANDARD:
        mapping[name] = _field(form.get(name, ""), before.get(name))
    if before.get("attributes") == "all" and form.get("all_attributes") == "yes":
        return mapping
    known = before.get("attributes")
    kept = known if isinstance(known, dict) else {}
    mapping["attributes"] = {name: _field(column, kept.get(name)) for name, column in _pairs(form)}
    return mapping


def _pairs(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    """The attributes that were named, each with its column."""
    pairs = zip(form.getlist("attribute"), form.getlist("column"), strict=False)
    return [(name.strip().upper(), column) for name, column in pairs if name.strip() and column]


def _field(column: str, old: Any) -> Any:
    """The column, with what an export that is changed says of it besides, such as its type."""
    if not column:
        return None
    return {**old, "field": column} if isinstance(old, dict) else column
