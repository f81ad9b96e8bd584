"""From what people typed into the form of an export to the JSON of an export. What the form does not show stays."""

from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from export_trigger.pages.phrases import N_
from export_trigger.pages.schedules import schedule_faults, schedule_of
from shared.config.mapping import STANDARD


def _decimal(text: str) -> float:
    """With a point or, as many languages write it, a comma. Raises ValueError."""
    return float(text.replace(",", "."))


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


# Shares are in per cent in the form.
SHARES = {"max_shrink": 0.5, "max_rejected": 0.5, "max_warnings": 0.5, "max_removed": 0.3}
_NUMBERS: dict[str, Callable[[str], float]] = {"max_profiles": int, "hold_hours": _decimal}
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
        "segments": _in_order(form.getlist("segments"), before.get("segments") or []),
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
    elif _is_number(number := form.get("list_id", "")) and not lists_are_of_another(form):
        found["list_id"] = int(number)
    # An empty number is the default.
    return {name: value for name, value in found.items() if value is not None or name not in (*_NUMBERS, *SHARES)}


def _in_order(ticked: list[str], before: list[str]) -> list[str]:
    """The segments as they stood before, and those that are new: of an address in several the first segment's row wins.

    The form has them in the order of storage.
    """
    return [name for name in before if name in ticked] + [name for name in ticked if name not in before]


def faults(form: MultiDict[str, str], before: Mapping[str, Any], raw: Mapping[str, Any]) -> list[str]:
    """What the JSON of the export does not show, or says in words of its own: a line each, begun by its field."""
    found = schedule_faults(form, before.get("schedule"))
    if not raw["segments"]:
        found.append(f"segments: {N_('Choose a segment.')}")
    if "list_id" not in raw and "list_name" not in raw:
        of_this = N_("Choose a list of this connection: a number is another list in another account.")
        found.append(f"list_id: {of_this if lists_are_of_another(form) else N_('Choose a list.')}")
    if not raw["mapping"]["email"]:
        found.append(f"mapping.email: {N_('Choose the column with the e-mail address.')}")
    rows = typed_attributes(form)
    if any(column and not name for name, column in rows):
        words = N_("Name the attribute of each column, or choose “not mapped” for the column.")
        found.append(f"mapping.attributes: {words}")
    if rows and raw["mapping"].get("attributes") == "all":
        words = N_("Attributes are typed beside all other columns. Untick those, or empty the attributes.")
        found.append(f"mapping.attributes: {words}")
    names = [name for name, column in rows if column]
    found += [
        f"mapping.attributes: {name} is mapped twice" for name in sorted(set(names)) if name and names.count(name) > 1
    ]
    return found


def lists_are_of_another(form: MultiDict[str, str]) -> bool:
    """True where the lists that the form offered are not those of the connection that was chosen meanwhile."""
    connection = form.get("connection", "")
    return bool(connection) and form.get("lists_of", connection) != connection


def _numbers(form: MultiDict[str, str]) -> dict[str, Any]:
    """None where the field is empty; the text as it is where it is no number, for the configuration to refuse."""
    found: dict[str, Any] = {}
    for name in (*_NUMBERS, *SHARES):
        text = form.get(name, "").strip()
        try:
            number = _NUMBERS[name](text) if name in _NUMBERS else round(_decimal(text) / 100, 6)
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
    mapping["attributes"] = {
        name: _field(column, kept.get(name)) for name, column in typed_attributes(form) if name and column
    }
    return mapping


def typed_attributes(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    """The rows of attributes that are not empty, each with its column; either may be missing yet."""
    pairs = zip(form.getlist("attribute"), form.getlist("column"), strict=False)
    return [(name.strip().upper(), column) for name, column in pairs if name.strip() or column]


def _field(column: str, old: Any) -> Any:
    """The column, with what an export that is changed says of it besides, such as its type."""
    if not column:
        return None
    return {**old, "field": column} if isinstance(old, dict) else column
