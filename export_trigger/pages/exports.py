"""The exports: what there is, what became of each, and what may be done with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import azure.functions as func

from export_trigger.answers import STATUS
from export_trigger.pages import phrases
from export_trigger.pages.refused import refused_words
from export_trigger.pages.rendering import redirect, render
from export_trigger.pages.routes import again, page
from export_trigger.pages.schedules import schedule_faults, schedule_of
from export_trigger.pages.sent_twice import do_once, save_once
from export_trigger.pages.visit import Visit, address
from shared.access import Operation, is_shared, may, require
from shared.administration.exports import (
    copy_of,
    duplicate_export,
    exports_found,
    find_export,
    permissions,
    schedule_export,
)
from shared.administration.items import InvalidInput, item_etag, parse_strictly
from shared.administration.ledgers import reset_ledger
from shared.administration.running import require_for_export, start_export, start_exports, start_plan, verify_export
from shared.at_once import at_once
from shared.config.models import Connection, CronSchedule, Document, Export
from shared.errors import ConfigurationError
from shared.runs.clearing import members_of, open_clear
from shared.runs.overview import ExportOverview, export_overview
from shared.runs.state import SUCCEEDED, Run
from shared.runs.status import active_run
from shared.runs.ticks import MissedTicks, last_tick, missed_ticks

_EXPORTS_A_PAGE = 50
_EXPORTS_WITH_STATE = 10
_RUNS_IN_SPARKLINE = 30


@dataclass(frozen=True)
class ExportState:
    """What became of an export: its overview, its newest runs that send its segment, oldest first, and `of_list`: those
    of any kind at the list that it has now, newest first. `held` waits for a person.
    """

    overview: ExportOverview
    runs: Sequence[Run]
    of_list: Sequence[Run]
    held: Run | None

    @property
    def last(self) -> Run | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None

    @property
    def list_name(self) -> str:
        """The list's name, as the newest run knew it; empty where none knew."""
        return name_in(self.of_list)

    @property
    def members(self) -> int | None:
        """The list's members after the newest run that read them; before it where it has not succeeded."""
        found = (run.list_after if run.state in SUCCEEDED else run.list_before for run in self.of_list)
        return next((members for members in found if members is not None), None)

    @property
    def plotted(self) -> list[Run]:
        """As `plotted`."""
        return plotted(self.runs)

    @property
    def sent(self) -> list[int]:
        """How many contacts of the segment each run left in the list."""
        return [run.counts.in_list for run in self.plotted]

    @property
    def failed(self) -> list[bool]:
        """Which of the runs failed."""
        return [run.state == "failed" for run in self.plotted]


def plotted(runs: Sequence[Run]) -> list[Run]:
    """Those of the runs that say how many are in the list, and failed ones: others would look like an empty list."""
    return [run for run in runs if run.sends_segment and (run.state in SUCCEEDED or run.state == "failed")]


@page("GET", "/")
def show_exports(visit: Visit) -> func.HttpResponse:
    """The first page. What became of each export costs several calls to storage, so the script asks for it piece by
    piece; with `state`, for who has no script, it comes with the page.
    """
    search, sort, after = (visit.query.get(name, "") for name in ("search", "sort", "after"))
    with_state = "state" in visit.query
    limit = _EXPORTS_WITH_STATE if with_state else _EXPORTS_A_PAGE
    document, exports, more = exports_found(visit.app, visit.caller, search=search, sort=sort, limit=limit, after=after)
    states: dict[str, ExportState] = {}
    if with_state:
        missed = missed_ticks(visit.app, last_tick(visit.app))
        found = at_once(lambda each: _state(visit, document, each, missed), exports)
        states = dict(zip((each.id for each in exports), found, strict=True))
    values = {
        "rows": [(each, permissions(document, visit.caller, each)) for each in exports],
        "states": states,
        "names": {each.id: name_of(visit, each) for each in document.connections},
        "more": {"search": search, "sort": sort, "after": more, **({"state": "1"} if with_state else {})}
        if more
        else {},
        "search": search,
        "sort": sort,
        "after": after,
    }
    return render(visit, "exports.html", values)


@page("GET", "/exports/<id>/state")
def show_state(visit: Visit) -> func.HttpResponse:
    """What became of one export, as a part of the first page."""
    require(visit.caller, "view_export")
    document = visit.app.configuration.read()
    export = find_export(document, visit.path["id"])
    missed = missed_ticks(visit.app, last_tick(visit.app))
    return render(visit, "export_state.html", {"export": export, "state": _state(visit, document, export, missed)})


def _state(visit: Visit, document: Document, export: Export, missed: MissedTicks | None) -> ExportState:
    runs = list(visit.app.store.latest(export.id, _RUNS_IN_SPARKLINE))
    return ExportState(
        export_overview(visit.app, document, export, missed),
        [run for run in reversed(runs) if run.sends_segment],
        at_list_of(document, export, runs),
        runs[0] if runs and runs[0].is_held else None,
    )


def name_of(visit: Visit, connection: Connection) -> str:
    """The connection's name; to who may not see that its id, which its exports have."""
    may_see = may(visit.caller.role, "see_connection", shared=is_shared(visit.caller, connection))
    return connection.display_name if may_see else connection.id


def at_list_of(document: Document, export: Export, runs: Sequence[Run]) -> list[Run]:
    """Those of the runs that were at the list that the export has now: trials and runs before a change were not."""
    connection = document.connection_of(export)
    settings = {connection.api_key.setting} if connection else {run.key_setting for run in runs}
    return [run for run in runs if run.list_id == export.list_id and run.key_setting in settings]


def name_in(runs: Sequence[Run]) -> str:
    """The list's name by the newest of these runs that knew it; empty where none did. They are newest first."""
    return next((run.list_name for run in runs if run.list_name), "")


@page("POST", "/exports/run-all")
def run_all(visit: Visit) -> func.HttpResponse:
    """Starts all exports with a schedule that the caller may run."""
    begun = [bool(start.run_id) for start in start_exports(visit.app, visit.caller, "http")]
    done = "started" if begun and all(begun) else "started_some" if any(begun) else "started_none"
    return redirect(f"{address()}?done={done}")


@page("POST", "/exports/<id>/run")
def run(visit: Visit) -> func.HttpResponse:
    """Starts a run, and leads to it; asks first where a plan waits, which would end by it: `sure` names that one."""
    if (waiting := _waiting_plan(visit)) and visit.form.get("sure") != waiting.run_id:
        return asked(visit, "run_over_plan.html", "run_export", plan=waiting)
    start = start_export(visit.app, visit.caller, visit.path["id"], "http", now=visit.form.get("now") == "yes")
    return redirect(address("runs", start.run_id))


def _waiting_plan(visit: Visit) -> Run | None:
    run = active_run(visit.app, visit.path["id"])
    return run if run is not None and run.is_held else None


@page("POST", "/exports/<id>/plan")
def plan(visit: Visit) -> func.HttpResponse:
    """Starts a plan, and leads to it."""
    return redirect(address("runs", start_plan(visit.app, visit.caller, visit.path["id"], "http").run_id))


@page("POST", "/exports/<id>/verify")
def verify(visit: Visit) -> func.HttpResponse:
    """Starts a comparison of the list with the segment, and leads to it."""
    repair = visit.form.get("repair") == "yes"
    export_id = visit.path["id"]

    def is_started() -> str | None:
        run = active_run(visit.app, export_id)
        is_ours = run is not None and run.started_by == visit.caller.name and not run.is_held
        return run.run_id if run and is_ours and run.kind == ("repair" if repair else "verify") else None

    def start() -> str:
        return verify_export(visit.app, visit.caller, export_id, "http", repair=repair).run_id

    return redirect(address("runs", do_once(start, is_started)))


@page("POST", "/exports/<id>/reset")
def reset(visit: Visit) -> func.HttpResponse:
    """Forgets what was sent."""
    reset_ledger(visit.app, visit.caller, visit.path["id"])
    return redirect(f"{address('exports', visit.path['id'])}?done=reset")


@page("POST", "/exports/<id>/duplicate")
def duplicate(visit: Visit) -> func.HttpResponse:
    """Makes the copy."""
    new_id, name = visit.form.get("id", "").strip(), visit.form.get("display_name", "").strip()
    made = f"{address('exports', new_id, 'edit')}?done=duplicated"

    def to_copy() -> str:
        # The copy goes to the same list: a person starts it, until it has a list and a schedule of its own.
        duplicate_export(visit.app, visit.caller, visit.path["id"], new_id, name, "off")
        return made

    def is_copied() -> str | None:
        document = visit.app.configuration.read()
        export, there = document.export(visit.path["id"]), document.export(new_id)
        return made if export and there and copy_of(export, new_id, name, "off") == there else None

    try:
        return redirect(do_once(to_copy, is_copied))
    except ConfigurationError as error:
        if error.code not in ("already_there", "body_invalid"):
            raise
        problems = error.problems if isinstance(error, InvalidInput) else [phrases.ID_TAKEN]
        return asked(visit, "duplicate.html", "duplicate_export", problems, status=400)


@again(duplicate)
@page("GET", "/exports/<id>/duplicate")
def ask_duplicate(visit: Visit) -> func.HttpResponse:
    """Asks for the copy's id and name."""
    return asked(visit, "duplicate.html", "duplicate_export")


@page("POST", "/exports/<id>/schedule")
def schedule(visit: Visit) -> func.HttpResponse:
    """Changes the schedule."""
    export_id, etag = visit.path["id"], visit.form.get("etag", "") or None
    require_for_export(visit.app, visit.caller, "schedule_export", export_id)
    before = find_export(visit.app.configuration.read(), export_id)
    try:
        if found := schedule_faults(visit.form, before.schedule):
            raise InvalidInput(found)
        wanted = schedule_of(visit.form)
        parsed = parse_strictly(CronSchedule, wanted) if isinstance(wanted, dict) else wanted
        save_once(
            before.model_copy(update={"schedule": parsed}),
            etag,
            lambda: visit.app.configuration.read().exports,
            lambda: schedule_export(visit.app, visit.caller, export_id, parsed, etag).item,
        )
    except ConfigurationError as error:
        if not isinstance(error, InvalidInput) and error.code != "changed_meanwhile":
            raise
        status = STATUS["changed_meanwhile"] if error.code == "changed_meanwhile" else 400
        return asked(visit, "schedule.html", "schedule_export", refused_words(error), status=status)
    return redirect(f"{address()}?done=scheduled")


@again(schedule)
@page("GET", "/exports/<id>/schedule")
def ask_schedule(visit: Visit) -> func.HttpResponse:
    """Asks when the export is to run by itself."""
    return asked(visit, "schedule.html", "schedule_export")


def asked(
    visit: Visit,
    template: str,
    operation: Operation,
    problems: Sequence[str] = (),
    status: int = 200,
    plan: Run | None = None,
) -> func.HttpResponse:
    """A page that asks before something is done to an export, with the ETag of what was shown first. `plan` waits."""
    export_id = visit.path["id"]
    require_for_export(visit.app, visit.caller, operation, export_id)
    document = visit.app.configuration.read()
    export = find_export(document, export_id)
    is_end = template == "end.html"
    values = {
        "export": export,
        "etag": visit.form.get("etag") or item_etag(export),
        "operation": operation,
        "leaving": open_clear(visit.app, export_id) if is_end else None,
        "staying": members_of(visit.app, document, export) if is_end else None,
        "plan": plan,
        "problems": problems,
        "is_outdated": status == STATUS["changed_meanwhile"],
        "may": permissions(document, visit.caller, export),
        "sent": visit.form,
    }
    return render(visit, template, values, status=status)
