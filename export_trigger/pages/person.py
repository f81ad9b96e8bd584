"""Why is this person (not) in the list? Who is asked for travels in the body of a form, and is in no address or log.

The box keeps what was typed, so that it can be asked of another export, or corrected: in the answer to that form alone,
which no browser or proxy keeps.
"""

import azure.functions as func

from export_trigger.pages.rendering import render
from export_trigger.pages.routes import again, page
from export_trigger.pages.visit import Visit
from shared.access import is_shared, may, require
from shared.config.models import Export
from shared.errors import ExportError
from shared.operating.person import Person, customer_of, person_of
from shared.operating.why import why

# Which field a refused person was typed into.
_FIELDS = {"email_invalid": "email", "customer_id_invalid": "customer_id"}


@page("GET", "/person")
def ask_person(visit: Visit) -> func.HttpResponse:
    """The box."""
    require(visit.caller, "ask_why")
    return render(visit, "person.html", _values(visit, visit.query.get("export", "")))


@page("POST", "/person")
def answer_person(visit: Visit) -> func.HttpResponse:
    """The answer in words, its evidence, and what to do."""
    export_id = visit.form.get("export", "")
    values = _values(visit, export_id)
    try:
        values["answer"] = why(visit.app, visit.caller, export_id, _person(visit))
    except ExportError as error:
        if error.code not in _FIELDS:
            raise
        values |= {"problem": error, "problem_field": _FIELDS[error.code]}
        return render(visit, "person.html", values, status=422)
    return render(visit, "person.html", values)


@again(answer_person)
def show_person_again(visit: Visit) -> func.HttpResponse:
    """The box, as it was typed."""
    require(visit.caller, "ask_why")
    return render(visit, "person.html", _values(visit, visit.form.get("export", "")))


def _person(visit: Visit) -> Person:
    """By the address where one is typed. Raises ConfigurationError."""
    email, customer_id = visit.form.get("email", "").strip(), visit.form.get("customer_id", "").strip()
    return customer_of(customer_id) if customer_id and not email else person_of(email)


def _values(visit: Visit, chosen: str) -> dict[str, object]:
    return {
        "exports": _askable(visit),
        "chosen": chosen,
        "typed": {name: visit.form.get(name, "") for name in _FIELDS.values()},
        "answer": None,
        "problem": None,
        "problem_field": "",
    }


def _askable(visit: Visit) -> list[Export]:
    document = visit.app.configuration.read()
    return [
        export
        for export in document.exports
        if may(visit.caller.role, "ask_why", shared=is_shared(visit.caller, document.connection_of(export)))
    ]
