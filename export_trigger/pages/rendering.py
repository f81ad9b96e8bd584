"""From a template and its values to an answer that no cache keeps and no other site can frame."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import azure.functions as func
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from export_trigger.pages import charts, phrases, schedules
from export_trigger.pages.said import said
from export_trigger.pages.token import FIELD, token_for
from export_trigger.pages.viewer import catalogue, languages, zones
from export_trigger.pages.visit import Visit, address
from shared.access import may
from shared.version import VERSION

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@cache
def _environment(language: str) -> Environment:
    """Templates of a language. What a viewer's time zone changes comes with each page."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    texts = catalogue(language)
    install: Callable[..., None] = made.install_gettext_callables  # type: ignore[attr-defined]
    install(texts.gettext, texts.ngettext, newstyle=True)
    made.globals.update(
        address=address, charts=charts, phrases=phrases, version=VERSION, languages=languages, zones=zones
    )
    for function in (schedules.shown_schedule, schedules.schedule_text, schedules.day_names):
        made.globals[function.__name__] = function
    made.filters["json"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    made.filters["said"] = pass_context(lambda context, text: said(context["viewer"], text or ""))
    for name in ("number", "short_number", "time", "day", "duration"):
        made.filters[name] = _as_the_viewer_reads(name)
    return made


def _as_the_viewer_reads(name: str) -> Callable[[Context, Any], str]:
    @pass_context
    def text(context: Context, value: Any) -> str:
        return str(getattr(context["viewer"], name)(value))

    return text


def render(
    visit: Visit,
    template: str,
    values: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    """The template with these values, in the viewer's language. A form that only comes back is a refusal."""
    status = 403 if visit.is_too_old and not visit.is_partial else status
    known: dict[str, Any] = {
        "visit": visit,
        "viewer": visit.viewer,
        "role": visit.caller.role,
        "can": lambda operation: may(visit.caller.role, operation, shared=False),
        "could": lambda operation: may(visit.caller.role, operation, shared=True),
        "token": cache(lambda: token_for(visit.caller, datetime.now(UTC))),
        "done": phrases.DONE.get(visit.query.get("done", ""), ""),
        "token_field": FIELD,
    }
    body = _environment(visit.viewer.language).get_template(template).render(**known, **(values or {}))
    return html_answer(body, status, headers)


def html_answer(body: str, status: int, headers: Mapping[str, str] | None) -> func.HttpResponse:
    """A page."""
    all_headers = {**SAFE_HEADERS, "Cache-Control": "no-store", **(headers or {})}
    return func.HttpResponse(body, status_code=status, headers=all_headers, mimetype="text/html", charset="utf-8")


def redirect(to: str, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """Leads the browser to another page, by GET."""
    all_headers = {**SAFE_HEADERS, "Cache-Control": "no-store", "Location": to, **(headers or {})}
    return func.HttpResponse(b"", status_code=303, headers=all_headers, mimetype="text/html")
