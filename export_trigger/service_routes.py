"""What concerns the app itself: health, the audit trail, the OpenAPI document, and paths that are not there."""

import re

import azure.functions as func

from export_trigger.answers import RequestError, json_answer
from export_trigger.entry import ENDPOINTS, Asked, answering, blueprint, endpoint
from export_trigger.pages import LIMIT, continuation, page_headers, page_of
from export_trigger.shapes import AuditEntry, Health
from shared.administration.audit import KEY, read_audit


@endpoint("GET", "health", answer=Health, anonymous=True)
def health(asked: Asked) -> func.HttpResponse:
    """Says that the app is up."""
    return json_answer({"status": "ok"})


@endpoint("GET", "audit", answer=list[AuditEntry], parameters=(LIMIT, continuation(KEY)), problems=(400,))
def show_audit(asked: Asked) -> func.HttpResponse:
    """Who did what when, newest first; for administrators. `Link` leads to the next page."""
    limit, after = page_of(asked, KEY)
    entries, more = read_audit(asked.app, asked.caller, after=after, limit=limit)
    return json_answer(entries, headers=page_headers(asked, more))


@endpoint("GET", "openapi.json", answer=dict)
def show_openapi(asked: Asked) -> func.HttpResponse:
    """This API's description, OpenAPI 3.1."""
    from export_trigger.openapi import openapi_document

    return json_answer(openapi_document())


def _not_there(asked: Asked) -> func.HttpResponse:
    """Answers what no route takes: the path is not there, or not with this method."""
    path = str(asked.req.route_params.get("path", "")).strip("/")
    methods = sorted(each.method for each in ENDPOINTS if _fits(each.route, path))
    if methods:
        allow = {"Allow": ", ".join(methods)}
        raise RequestError("method_unknown", f"This path takes {' and '.join(methods)} only.", headers=allow)
    raise RequestError("route_unknown", "There is nothing here.", "The paths are in /api/openapi.json.")


def _fits(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.replace(".", r"\.")), path) is not None


_not_there.__name__ = "not_there"
blueprint.route("{*path}", auth_level=func.AuthLevel.ANONYMOUS)(answering(_not_there, anonymous=True))
