"""Why is this person (not) in the list? The address travels in the body of a form, and is on no page and in no log."""

import azure.functions as func

from export_trigger.pages.rendering import render
from export_trigger.pages.routes import page
from export_trigger.pages.visit import Visit
from shared.access import is_shared, may, require
from shared.config.models import Export
from shared.errors import ExportError
from shared.operating.why import why


@page("GET", "/person")
def ask_person(visit: Visit) -> func.HttpResponse:
    """The box."""
    require(visit.caller, "ask_why")
    return render(visit, "person.html", _values(visit, visit.query.get("export", "")))


@page("POST", "/person")
def answer_person(visit: Visit) -> func.HttpResponse:
    """The answer in words, its evidence, and what to do."""
    export_id, email = visit.form.get("export", ""), visit.form.get("email", "").strip()
    values = _values(visit, export_id)
    try:
        values["answer"] = why(visit.app, visit.caller, export_id, email)
    except ExportError as error:
        if error.code != "email_invalid":
            raise
        values["problem"] = error
        return render(visit, "person.html", values, status=422)
    return render(visit, "person.html", values)


def _values(visit: Visit, chosen: str) -> dict[str, object]:
    return {"exports": _askable(visit), "chosen": chosen, "answer": None, "problem": None}


def _askable(visit: Visit) -> list[Export]:
    document = visit.app.configuration.read()
    return [
        export
        for export in document.exports
        if may(visit.caller.role, "ask_why", shared=is_shared(visit.caller, document.connection_of(export)))
    ]
