"""The end of an export: it is detached or removed, and its members stay in the list or leave it first."""

from collections.abc import Callable

import azure.functions as func

from export_trigger.pages.exports import asked
from export_trigger.pages.rendering import redirect
from export_trigger.pages.routes import again, page
from export_trigger.pages.sent_twice import do_once
from export_trigger.pages.visit import Visit, address
from shared.access import Caller, Operation
from shared.administration.ending import take_members_out
from shared.administration.exports import detach_export, remove_export
from shared.app import App
from shared.runs.clearing import has_cleared


@page("POST", "/exports/<id>/detach")
def detach(visit: Visit) -> func.HttpResponse:
    """Detaches the export; its members leave the list first where that is wanted."""
    return _ended(visit, "detach_export", detach_export, "detached")


@again(detach)
@page("GET", "/exports/<id>/detach")
def ask_detach(visit: Visit) -> func.HttpResponse:
    """Says what detaching does, and to whom."""
    return asked(visit, "end.html", "detach_export")


@page("POST", "/exports/<id>/remove")
def remove(visit: Visit) -> func.HttpResponse:
    """Removes the export; its members leave the list first where that is wanted."""
    return _ended(visit, "remove_export", remove_export, "removed")


@again(remove)
@page("GET", "/exports/<id>/remove")
def ask_remove(visit: Visit) -> func.HttpResponse:
    """Says what removing does, and to whom."""
    return asked(visit, "end.html", "remove_export")


def _ended(
    visit: Visit, operation: Operation, end: Callable[[App, Caller, str, str], object], done: str
) -> func.HttpResponse:
    """Ends the export as it was shown; or starts the run that takes its members out before, and leads to that."""
    export_id, etag = visit.path["id"], visit.form.get("etag", "")
    ended = f"{address()}?done={done}"
    ended_with_members = f"{ended}_with_members" if done == "removed" else ended

    def to_end() -> str:
        if visit.form.get("members") == "remove":
            start = take_members_out(visit.app, visit.caller, operation, export_id, "http", expected=etag)
            if start:
                return address("runs", start.run_id)
        end(visit.app, visit.caller, export_id, etag)
        return ended_with_members if visit.form.get("members") == "remove" else ended

    def is_ended() -> str | None:
        export = visit.app.configuration.read().export(export_id)
        is_so = export is None if done == "removed" else export is not None and export.connection is None
        if not is_so:
            return None
        return ended_with_members if has_cleared(visit.app, export_id) else ended

    return redirect(do_once(to_end, is_ended))
