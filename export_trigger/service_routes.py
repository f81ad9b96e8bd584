"""What concerns the app itself: health, the audit trail, the OpenAPI document, and paths that are not there."""

import re

import azure.functions as func

from export_trigger.answers import RequestError, json_answer
from export_trigger.entry import ENDPOINTS, Asked, Parameter, answering, blueprint, endpoint
from export_trigger.paging import LIMIT, continuation, page_headers, page_of
from export_trigger.shapes import Health
from shared.administration.audit import KEY, AuditEntry, read_audit
from shared.administration.items import wrong_form
from shared.operating.health import Unhealthy, check_storage
from shared.version import VERSION

_DEEP = Parameter(
    "deep",
    "query",
    "1 reads from storage too, once in ten seconds: 503 where a part of it or the configuration cannot be read, "
    "which `steps` names.",
    {"type": "string", "enum": ["0", "1"]},
)


@endpoint("GET", "health", answer=Health, parameters=(_DEEP,), problems=(400, 503), anonymous=True)
def health(asked: Asked) -> func.HttpResponse:
    """Says that the app is up, and in which version; with `deep=1` also whether storage answers."""
    deep = asked.query.get("deep", "0")
    if deep not in ("0", "1"):
        raise wrong_form("deep: is 0 or 1")
    if deep == "0":
        return json_answer(Health(status="ok", version=VERSION).model_dump(exclude_none=True))
    steps = check_storage(asked.app)
    if not all(step.ok for step in steps):
        raise Unhealthy(steps)
    return json_answer(Health(status="ok", version=VERSION, steps=steps))


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


def _unknown_path(asked: Asked) -> func.HttpResponse:
    """Answers what no route takes: there is no such path, or not with this method."""
    path = str(asked.req.route_params.get("path", "")).removesuffix("/")
    methods = sorted(each.method for each in ENDPOINTS if _fits(each.route, path))
    if methods:
        allow = {"Allow": ", ".join(methods)}
        raise RequestError("method_unknown", f"This path takes {' and '.join(methods)} only.", headers=allow)
    raise RequestError("route_unknown", "There is nothing here.", "The paths are in /api/openapi.json.")


def _fits(route: str, path: str) -> bool:
    pattern = re.sub(r"\{\w+\}", "[^/]+", route.replace(".", r"\."))
    return re.fullmatch(pattern, path, re.IGNORECASE | re.ASCII) is not None


# The host knows no precedence: it tries functions in the order of their names, in capitals, and the first route that
# fits wins. This one fits every path, so its name must come last; `_` sorts behind all letters.
_unknown_path.__name__ = "zz_unknown_path"
blueprint.route("{*path}", auth_level=func.AuthLevel.ANONYMOUS)(answering(_unknown_path, anonymous=True))
