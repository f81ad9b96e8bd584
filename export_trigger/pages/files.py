"""The style sheet and the script: the same for everybody, and kept by the browser until the next version."""

import gzip
from functools import cache
from pathlib import Path

import azure.functions as func

from export_trigger.answers import RequestError
from export_trigger.pages.rendering import SAFE_HEADERS
from export_trigger.pages.routes import page
from export_trigger.pages.visit import Visit

_FOLDER = Path(__file__).parent / "static"
# htmx.js is htmx 2.0.11 (https://htmx.org, 0BSD), as its package has it: it polls, and swaps parts of a page.
_TYPES = {"style.css": "text/css", "htmx.js": "text/javascript", "icon.svg": "image/svg+xml"}
_WEEK_SECONDS = 7 * 24 * 3600


@page("GET", "/static/<name>")
def show_file(visit: Visit) -> func.HttpResponse:
    """A file; packed, where the browser takes it so: the host packs nothing by itself."""
    name = visit.path["name"]
    if name not in _TYPES:
        raise RequestError("route_unknown", "There is no such file.")
    headers = {**SAFE_HEADERS, "Cache-Control": f"public, max-age={_WEEK_SECONDS}", "Vary": "Accept-Encoding"}
    is_packed = "gzip" in (visit.req.headers.get("accept-encoding") or "")
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    return func.HttpResponse(_content(name, is_packed), headers=headers, mimetype=_TYPES[name], charset="utf-8")


@cache
def _content(name: str, is_packed: bool) -> bytes:
    plain = (_FOLDER / name).read_bytes()
    return gzip.compress(plain, 9, mtime=0) if is_packed else plain
