"""From a request to its page: the sign-in, the token, the page's function, and a page for whatever goes wrong."""

import logging
import os
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import azure.functions as func
from werkzeug.exceptions import HTTPException

from export_trigger.answers import RequestError, status_of, unforeseen
from export_trigger.pages import (
    connections,
    ending,
    export_form,
    exports,
    files,
    person,
    runs,
    service,
)
from export_trigger.pages.rendering import html_answer, redirect, render
from export_trigger.pages.routes import MAP, Handler, again_of
from export_trigger.pages.token import FIELD, check_token, form_outdated
from export_trigger.pages.viewer import Viewer
from export_trigger.pages.visit import ROOT, Visit, address
from shared.access import AccessDenied, Caller, check_opened, people_sign_in, request_caller
from shared.errors import ExportError

__all__ = ["answer", "connections", "ending", "export_form", "exports", "files", "person", "runs", "service"]
_log = logging.getLogger(__name__)
_NOBODY = Caller("nobody", None)
# The platform's own address, which leads to the identity provider and back.
# https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out
_SIGN_IN = "/.auth/login/aad?post_login_redirect_uri="


def answer(req: func.HttpRequest) -> func.HttpResponse:
    """The page for a request; whatever goes wrong has a page as well, with nothing of an error but its own words."""
    visit = Visit(req, _NOBODY, Viewer.of(req.headers), {})
    try:
        handler, visit = _found(visit)
        return handler(visit)
    except ExportError as error:
        return problem_page(visit, error)
    except Exception as error:  # noqa: BLE001 - its words may hold personal data
        return problem_page(visit, unforeseen(_log, error))


def _found(visit: Visit) -> tuple[Handler, Visit]:
    """The function of the page, and the visit of a person who is signed in and has sent the form's token."""
    req = visit.req
    path = urlsplit(req.url).path[len(ROOT) :] or "/"  # the host reads the beginning in any case
    handler, values = _match(path, req.method)
    if handler is files.show_file:
        return handler, Visit(req, _NOBODY, visit.viewer, values)
    if not people_sign_in(os.environ):
        return _sign_in_is_off, visit
    check_opened(req.headers)
    try:
        caller = request_caller(req.headers, os.environ)
    except AccessDenied:
        if req.method == "GET":
            return _sign_in, visit
        raise
    known = Visit(req, caller, visit.viewer, values)
    if req.method == "POST" and not check_token(caller, known.form.get(FIELD, ""), datetime.now(UTC)):
        return _shown_again(handler), Visit(req, caller, visit.viewer, values, is_too_old=True)
    return handler, known


def _shown_again(handler: Handler) -> Handler:
    """What shows the form once more. Raises RequestError where nothing is typed into it."""
    shown = again_of(handler)
    if shown is None:
        raise form_outdated()
    return shown


def _match(path: str, method: str) -> tuple[Handler, dict[str, str]]:
    try:
        handler, values = MAP.bind("").match(path, method)
    except HTTPException as error:
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            code, message = "method_unknown", f"This page takes {' and '.join(sorted(allowed))} only."
        else:
            code, message = "route_unknown", "There is no such page."
        raise RequestError(code, message, "Begin with the exports.") from None
    return handler, dict(values)


def _sign_in_is_off(visit: Visit) -> func.HttpResponse:
    return render(visit, "sign_in_off.html", status=403)


def _sign_in(visit: Visit) -> func.HttpResponse:
    parts = urlsplit(visit.req.url)
    there = f"{parts.path}?{parts.query}" if parts.query else parts.path
    # A part of a page would be answered by another host's page: the whole one is read again, and leads there.
    return (
        html_answer("", 401, {"HX-Refresh": "true"}) if visit.is_partial else redirect(_SIGN_IN + quote(there, safe=""))
    )


def problem_page(visit: Visit, error: ExportError) -> func.HttpResponse:
    """What went wrong, and what to do."""
    status, headers = status_of(error)
    template = "problem_part.html" if visit.is_partial else "problem.html"
    sign_in = _SIGN_IN + quote(address(), safe="") if error.code == "sign_in_required" else ""
    return render(visit, template, {"error": error, "sign_in": sign_in}, status=status, headers=headers)
