"""The connections: what there is, a form for one, its test step by step, consent, and its end."""

from collections.abc import Sequence
from typing import Any

import azure.functions as func

from export_trigger.answers import STATUS
from export_trigger.pages.refused import refused_words
from export_trigger.pages.rendering import redirect, render
from export_trigger.pages.routes import again, page
from export_trigger.pages.sent_twice import do_once, save_once
from export_trigger.pages.visit import Visit, address
from shared.access import ROLES, require
from shared.administration.account import list_attributes
from shared.administration.connections import (
    ConnectionTest,
    connect,
    disconnect,
    list_connections,
    remove_connection,
    save_connection,
    view_connection,
)
from shared.administration.items import parse_item, proposed_id
from shared.brevo.connecting import last_passed, probe_text
from shared.config.models import Connection
from shared.errors import ConfigurationError

_MOST_ATTRIBUTES = 500
_NUMBERS = {"imports_at_once": int, "import_deadline_hours": float}
# Left empty, they are not written down.
_DEFAULTED = (*_NUMBERS, "date_format")


@page("GET", "/connections")
def show_connections(visit: Visit) -> func.HttpResponse:
    """The connections that the caller may see."""
    found = list_connections(visit.app, visit.caller)
    return render(visit, "connections.html", {"connections": found})


@page("GET", "/new-connection")
def ask_new(visit: Visit) -> func.HttpResponse:
    """An empty form."""
    require(visit.caller, "add_connection")
    return _form(visit, {}, "")


@page("POST", "/new-connection")
def add(visit: Visit) -> func.HttpResponse:
    """Adds a connection, and leads to its test."""
    taken = {each.id for each in visit.app.configuration.read().connections}
    made = proposed_id(visit.form.get("display_name", ""), taken, "connection")
    return _saved(visit, visit.form.get("id", "").strip() or made, None)


@again(add)
def show_new_again(visit: Visit) -> func.HttpResponse:
    """The form of a new connection, as it was typed."""
    require(visit.caller, "add_connection")
    return _form(visit, _over({}, visit) | {"id": visit.form.get("id", "")}, "")


@page("POST", "/connections/<id>/connect")
def test(visit: Visit) -> func.HttpResponse:
    """Tests the connection; where the person agrees, it is connected once every step has passed."""
    agreed_by, agrees = visit.form.get("agreed_by", "").strip(), visit.form.get("agree") == "yes"
    if agrees and not agreed_by:
        return _shown(visit, None, nameless=True)
    return _shown(visit, _agreed(visit, agreed_by) if agrees else connect(visit.app, visit.caller, visit.path["id"]))


@again(test)
@page("GET", "/connections/<id>")
def show_connection(visit: Visit) -> func.HttpResponse:
    """A connection, who can use it, its exports, and its test."""
    return _shown(visit, None)


def _agreed(visit: Visit, agreed_by: str) -> ConnectionTest:
    """The test of the connection as the page has shown it, with consent; without, where the same form has given it."""
    connection_id, etag = visit.path["id"], visit.form.get("etag", "")
    try:
        return connect(visit.app, visit.caller, connection_id, agreed_by, etag)
    except ConfigurationError as error:
        there = _connection(visit)
        if error.code != "changed_meanwhile" or not there or not there.consent or there.consent.agreed_by != agreed_by:
            raise
        return connect(visit.app, visit.caller, connection_id)


def _shown(visit: Visit, tested: ConnectionTest | None, *, nameless: bool = False) -> func.HttpResponse:
    found, etag = view_connection(visit.app, visit.caller, visit.path["id"])
    document = visit.app.configuration.read()
    values = {
        "connection": found,
        "is_whole": isinstance(found, Connection),
        **(_known(visit, found) if isinstance(found, Connection) else {}),
        "etag": etag,
        "tested": tested,
        "nameless": nameless,
        "typed": visit.form,
        "exports": [export for export in document.exports if export.connection == found.id],
    }
    return render(visit, "connection.html", values)


def _known(visit: Visit, connection: Connection) -> dict[str, Any]:
    """What is known of the connection without asking Brevo."""
    accounts, now = visit.app.storage.accounts, visit.app.time()
    passed = last_passed(connection, accounts)
    return {"last_passed": passed.isoformat() if passed else "", "probe": probe_text(connection, accounts, now)}


@page("GET", "/connections/<id>/attributes")
def show_attributes(visit: Visit) -> func.HttpResponse:
    """The attributes of the connection's account; as a part of the form of an export, which does not wait for them."""
    found, _ = list_attributes(visit.app, visit.caller, visit.path["id"], limit=_MOST_ATTRIBUTES)
    template = "attributes_part.html" if visit.is_partial else "attributes.html"
    return render(visit, template, {"attributes": found})


@page("GET", "/connections/<id>/edit")
def ask_edit(visit: Visit) -> func.HttpResponse:
    """The form with what is there."""
    found, etag = view_connection(visit.app, visit.caller, visit.path["id"])
    require(visit.caller, "edit_connection", found if isinstance(found, Connection) else None)
    return _form(visit, _written(found), etag)


@page("POST", "/connections/<id>/edit")
def edit(visit: Visit) -> func.HttpResponse:
    """Changes the connection."""
    return _saved(visit, visit.path["id"], visit.form.get("etag", ""))


@again(edit)
def show_edit_again(visit: Visit) -> func.HttpResponse:
    """The form of a connection, as it was typed."""
    require(visit.caller, "edit_connection")
    return _form(visit, _over(_there(visit, visit.path["id"]), visit), visit.form.get("etag", ""))


@page("POST", "/connections/<id>/disconnect")
def withdraw(visit: Visit) -> func.HttpResponse:
    """Withdraws the consent."""
    connection_id = visit.path["id"]
    done = f"{address('connections', connection_id)}?done=disconnected"

    def to_withdraw() -> str:
        disconnect(visit.app, visit.caller, connection_id, visit.form.get("etag", ""))
        return done

    def is_withdrawn() -> str | None:
        there = _connection(visit)
        return done if there and not there.consent else None

    return redirect(do_once(to_withdraw, is_withdrawn))


@page("POST", "/connections/<id>/remove")
def remove(visit: Visit) -> func.HttpResponse:
    """Removes a connection that no export uses."""
    done = f"{address('connections')}?done=connection_removed"

    def to_remove() -> str:
        remove_connection(visit.app, visit.caller, visit.path["id"], visit.form.get("etag", ""))
        return done

    return redirect(do_once(to_remove, lambda: None if _connection(visit) else done))


def _connection(visit: Visit) -> Connection | None:
    return visit.app.configuration.read().connection(visit.path["id"])


def _saved(visit: Visit, connection_id: str, expected: str | None) -> func.HttpResponse:
    """Saves what the form holds over what is there; what it does not show stays as it is."""
    require(visit.caller, "add_connection" if expected is None else "edit_connection")
    raw = _over({} if expected is None else _there(visit, connection_id), visit)
    try:
        new = parse_item(Connection, raw, connection_id)
        saved = save_once(
            new,
            expected,
            lambda: visit.app.configuration.read().connections,
            lambda: save_connection(visit.app, visit.caller, new, expected).item,
            any_id=expected is None and not visit.form.get("id", "").strip(),
        )
    except ConfigurationError as error:
        status = STATUS["changed_meanwhile"] if error.code == "changed_meanwhile" else 400
        return _form(visit, raw | {"id": connection_id}, expected or "", refused_words(error), status)
    done = "saved" if saved.consent else "connection_saved"
    return redirect(f"{address('connections', saved.id)}?done={done}")


def _there(visit: Visit, connection_id: str) -> dict[str, Any]:
    return _written(view_connection(visit.app, visit.caller, connection_id)[0])


def _written(found: object) -> dict[str, Any]:
    """What is written down of the connection; nothing for somebody who sees only its name."""
    return found.model_dump(mode="json", exclude_unset=True) if isinstance(found, Connection) else {}


def _over(before: dict[str, Any], visit: Visit) -> dict[str, Any]:
    """What the form holds over what is there."""
    return {
        name: value for name, value in (before | _sent(visit)).items() if value is not None or name not in _DEFAULTED
    }


def _sent(visit: Visit) -> dict[str, Any]:
    form = visit.form
    found: dict[str, Any] = {
        "display_name": form.get("display_name", "").strip(),
        "api_key": {"setting": form.get("key_setting", "").strip()},
        "available_to": [role for role in ROLES if role == "administrator" or form.get(f"role_{role}") == "yes"],
    }
    for name, number in _NUMBERS.items():
        text = form.get(name, "").strip()
        try:
            found[name] = number(text) if text else None  # the default
        except ValueError:
            found[name] = text
    if "date_format" in form:
        found["date_format"] = form["date_format"] or None
    return found


def _form(
    visit: Visit, raw: dict[str, Any], etag: str, problems: Sequence[str] = (), status: int = 200
) -> func.HttpResponse:
    is_outdated = status == STATUS["changed_meanwhile"]
    values = {"raw": raw, "etag": etag, "problems": problems, "roles": ROLES, "is_outdated": is_outdated}
    return render(visit, "connection_form.html", values, status=status)
