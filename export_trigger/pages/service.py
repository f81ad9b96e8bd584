"""What concerns the app itself: the audit trail and older configurations, what doctor says, how a viewer reads."""

from itertools import groupby
from urllib.parse import urlsplit

import azure.functions as func

from export_trigger.answers import RequestError
from export_trigger.pages.rendering import redirect, render
from export_trigger.pages.routes import opens, page
from export_trigger.pages.viewer import Viewer, is_zone, languages
from export_trigger.pages.visit import ROOT, Visit, address
from shared.access import require
from shared.administration.audit import KEY, read_audit
from shared.administration.history import Restored, is_last_change, list_versions, restore_version
from shared.errors import ConfigurationError
from shared.operating.doctor import examine

_ENTRIES_A_PAGE = 50
_VERSIONS = 20


@page("GET", "/history")
def show_history(visit: Visit) -> func.HttpResponse:
    """Who did what when, and the versions that the configuration had."""
    return _history(visit, None)


def _history(visit: Visit, restored: Restored | None) -> func.HttpResponse:
    entries, more = read_audit(visit.app, visit.caller, after=visit.after(KEY), limit=_ENTRIES_A_PAGE)
    versions, _, etag = list_versions(visit.app, visit.caller, limit=_VERSIONS)
    values = {"entries": entries, "more": more, "versions": versions, "etag": etag, "restored": restored}
    return render(visit, "history.html", values)


@page("POST", "/history/restore")
def restore(visit: Visit) -> func.HttpResponse:
    """Puts an older version back, where the configuration is still the one that the page has shown."""
    version, etag = visit.form.get("version", ""), visit.form.get("etag", "")
    try:
        return _history(visit, restore_version(visit.app, visit.caller, version, etag)[0])
    except ConfigurationError as error:
        if error.code == "changed_meanwhile" and is_last_change(visit.app, visit.caller, version):
            return redirect(f"{address('history')}?done=restored")
        raise


@page("GET", "/health")
def show_health(visit: Visit) -> func.HttpResponse:
    """What doctor says, group by group: at once with `now`, else the page asks for it, since it takes a while."""
    require(visit.caller, "operate")
    if "now" not in visit.query:
        return render(visit, "health.html", {"groups": None})
    findings = list(examine(visit.caller))
    groups = [(name, list(found)) for name, found in groupby(findings, key=lambda each: each.group)]
    bad = [each for each in findings if each.state != "ok"]
    template = "health_part.html" if visit.is_partial else "health.html"
    return render(visit, template, {"groups": groups, "bad": bad})


@page("GET", "/view")
def ask_view(visit: Visit) -> func.HttpResponse:
    """Language and time zone."""
    return render(visit, "view.html")


@page("POST", "/view")
def choose_view(visit: Visit) -> func.HttpResponse:
    """Keeps language and time zone in a cookie."""
    language, zone = visit.form.get("language", ""), visit.form.get("time_zone", "")
    if language not in languages() or not is_zone(zone):
        raise RequestError("body_invalid", "There is no such language or time zone.", "Choose them from the lists.")
    return redirect(_page_to_open(visit.form.get("back", "")), {"Set-Cookie": Viewer(language, zone).cookie})


def _page_to_open(back: str) -> str:
    """The address of this page; of one that only a form leads to, such as its answer, that of the page above it."""
    parts = urlsplit(back)
    is_plain = back.isascii() and back.isprintable() and "\\" not in back
    if parts.netloc or not parts.path.startswith(f"{ROOT}/") or not is_plain:
        return address()
    path, query = parts.path.removeprefix(ROOT), parts.query
    while not opens(path):
        path, query = path.rpartition("/")[0], ""
    return f"{ROOT}{path or '/'}{'?' if query else ''}{query}"
