"""An export as somebody sends it, before it is saved: its list by number or by name, or one that is to be made."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.access import Caller
from shared.administration.connections import NoSuchList, list_named
from shared.administration.items import InvalidInput, check_id, parse_item, parse_strictly
from shared.app import App
from shared.config.models import Connection, Document, Export

MOST_NAME_CHARACTERS = 200
# The number of a list that is not known yet: of none that an account has, so that an export may exclude every one.
_NO_LIST = 2**53


def read_export(app: App, caller: Caller, raw: Any, export_id: str) -> Export:
    """The export that a JSON body is. It may name its list by `list_name`, which is looked up in Brevo.

    Raises InvalidInput with a line for each fault.
    """
    if not isinstance(raw, dict) or "list_name" not in raw:
        return parse_item(Export, raw, export_id)
    others = {name: value for name, value in raw.items() if name != "list_name"}
    name = raw["list_name"]
    if "list_id" in others:
        raise InvalidInput(["list_name: choose the list by list_id or by list_name, not by both"], "body_invalid")
    if not isinstance(name, str) or not name.strip() or len(name) > MOST_NAME_CHARACTERS:
        raise InvalidInput([f"list_name: is a text of 1 to {MOST_NAME_CHARACTERS} characters"], "body_invalid")
    parsed = parse_item(Export, {**others, "list_id": _NO_LIST}, export_id)
    connection = connection_for(app.configuration.read(), parsed)
    if connection is None:
        raise InvalidInput(["list_name: takes a connection to look it up with; choose by list_id"])
    return parse_item(Export, {**others, "list_id": list_named(app, caller, connection, name)}, export_id)


def problems_of(raw: dict[str, Any], export_id: str) -> list[str]:
    """All that is wrong with an export, as far as it can be said without its list: a line for each fault."""
    body = {"list_id": _NO_LIST, **raw, "id": "export"}
    body.pop("list_name", None)
    found: list[str] = []
    for check in (partial(check_id, export_id), partial(parse_strictly, Export, body)):
        try:
            check()
        except InvalidInput as error:
            found += error.problems
    return found


@dataclass(frozen=True, slots=True)
class Draft:
    """An export that is to be saved. `new_list` names the list that is made for it then; empty: it has one."""

    export: Export
    new_list: str = ""


def read_draft(app: App, caller: Caller, raw: dict[str, Any], export_id: str) -> Draft:
    """The same as `read_export`, for which a list of the name in `list_name` is made where Brevo has none.

    Until then its `list_id` says nothing.
    """
    try:
        return Draft(read_export(app, caller, raw, export_id))
    except NoSuchList:
        others = {name: value for name, value in raw.items() if name != "list_name"}
        return Draft(parse_item(Export, {**others, "list_id": _NO_LIST}, export_id), raw["list_name"].strip())


def connection_for(document: Document, export: Export) -> Connection | None:
    """The connection that the export names; None for one that is detached. Raises InvalidInput where there is none."""
    connection = document.connection_of(export)
    if export.connection is not None and connection is None:
        raise InvalidInput([f"connection: there is no connection {export.connection}"])
    return connection
