"""Runs as people start and end them: the caller's permission, the audit trail, and starts that may be repeated."""

import re
from collections.abc import Sequence
from dataclasses import replace

from shared.access import Caller, Operation, is_shared, may, require
from shared.administration import audit
from shared.administration.exports import find_export
from shared.administration.start_keys import start_once
from shared.app import App
from shared.at_once import at_once
from shared.brevo.checks import check_list
from shared.config.base import ID_PATTERN
from shared.config.document import ReadyExport, ready_export
from shared.config.models import Document, Export
from shared.errors import ConfigurationError, did_you_mean, shown
from shared.runs.holding import approve, check_held_as, replace_outdated
from shared.runs.kinds import Kind, Trigger
from shared.runs.run_ids import is_run_id, run_address
from shared.runs.starting import Refused, Start, start_all, start_for_segment, start_on_demand, start_run
from shared.runs.state import Run
from shared.runs.status import active_run, find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.trial import DEFAULT_CUSTOMERS, Trial, check_no_export_has, newest_runs
from shared.runs.undoing import Undo, check_undoable
from shared.runs.verifying import Verify, check_verifiable


def require_for_export(app: App, caller: Caller, operation: Operation, export_id: str) -> None:
    """Raises AccessDenied, or ConfigurationError for an unknown export: to nobody who may do this with none."""
    require(caller, operation)
    document = app.document()
    require(caller, operation, document.connection_of(find_export(document, export_id)))


def start_export(
    app: App,
    caller: Caller,
    export_id: str,
    trigger: Trigger,
    *,
    now: bool = False,
    accept: bool = False,
    key: str = "",
    only_with_refresh: bool = False,
) -> Start:
    """Starts a run, or finds the active one.

    The same `key` of the same caller again, within a day, finds the run that it started. `only_with_refresh` refuses an
    export with another schedule. Raises AccessDenied and ConfigurationError; `run_active` where guards are to be let
    through and the run that is active does not let them: a word for one run is not taken for another.
    """
    require_for_export(app, caller, "run_export", export_id)
    if only_with_refresh and find_export(app.document(), export_id).schedule != "with_refresh":
        raise ConfigurationError(
            "schedule_not_with_refresh",
            "The webhook starts exports with the schedule with_refresh only.",
            "Set the export's schedule to with_refresh, or sign in and start it by POST exports/{id}/runs.",
        )

    def begin(run_id: str) -> Start:
        begun = start_on_demand(app, export_id, trigger, caller.name, skip_quiet=now, accept=accept, run_id=run_id)
        return _without_accept(app, begun, trigger) if accept and not begun.is_new else begun

    how = {"now": now, "accept": accept}
    start = start_once(app, caller, export_id, key, how, begin) if key else begin("")
    if start.is_new:
        audit.note_start(app, caller, "run export", export_id, start.run_id, accept=accept)
    return start


def _without_accept(app: App, start: Start, trigger: Trigger) -> Start:
    """The active run that was found, which does not follow `accept`. In a terminal, ConfigurationError says so."""
    active = app.store.load(start.run_id)
    if active is None or active.accept:
        return start
    if trigger == "terminal":
        raise ConfigurationError(
            "run_active",
            f"Nothing was started: the run {start.run_id} is active ({active.state}), and its guards still count.",
            f"Wait for its end, or `segment-export cancel {start.run_id}`; then run the export again with --accept.",
        )
    return replace(start, reason=f"{start.reason} Its guards still count: it does not follow accept.")


def start_trial(
    app: App,
    caller: Caller,
    export_id: str,
    trigger: Trigger,
    list_id: int,
    *,
    customers: int = DEFAULT_CUSTOMERS,
    customer_ids: Sequence[str] = (),
) -> Start:
    """Starts a run that sends a few customers to another list, which exists in the account and is no export's.

    The first `customers`, or those with these ids. Raises AccessDenied, ConfigurationError and, where Brevo does not
    answer, TransientError.
    """
    require_for_export(app, caller, "run_export", export_id)
    document = app.document()
    ready = ready_export(document, export_id)
    trial = Trial.of(list_id, customers, customer_ids)
    check_no_export_has(document, ready.export, list_id)
    try:
        name = check_list(app.brevo(ready.key_setting), list_id)
    except ConfigurationError as error:
        if error.code != "list_missing":
            raise
        raise ConfigurationError("list_missing", error.message, "Make it in Brevo, or name another one.") from None
    start = start_run(app, ready, trigger, caller.name, instead=trial.to_list_named(name))
    audit.note(app, caller, "try export", export_id, start.run_id)
    return start


def start_plan(app: App, caller: Caller, export_id: str, trigger: Trigger) -> Start:
    """Starts a run that is held before it sends anything, or finds the plan that is on its way.

    Raises AccessDenied and ConfigurationError.
    """
    require_for_export(app, caller, "run_export", export_id)
    start = start_run(app, ready_export(app.document(), export_id), trigger, caller.name, kind="plan")
    if start.is_new:
        audit.note(app, caller, "plan export", export_id, start.run_id)
    return start


def undoable_run(app: App, caller: Caller, run_id: str) -> tuple[Run, ReadyExport]:
    """A run that can be undone, and its export. Raises AccessDenied, and ConfigurationError where it cannot."""
    require(caller, "run_export")
    run = find_run(app, run_id)
    require_for_export(app, caller, "run_export", run.export)
    ready = ready_export(app.document(), run.export)
    check_undoable(app, ready, run)
    return run, ready


def undo_run(app: App, caller: Caller, run_id: str, trigger: Trigger) -> Start:
    """Starts a run that puts the list's members back, or finds the one under way. Raises as `undoable_run`."""
    run, ready = undoable_run(app, caller, run_id)
    there, new_run_id = active_run(app, run.export), ""
    if there is not None and there.undo_of == run.run_id:
        new_run_id = replace_outdated(app, there, ready, trigger)
        if not new_run_id:
            return Start(run.export, there.run_id, reason="This run is being undone already.")
    start = start_run(app, ready, trigger, caller.name, run_id=new_run_id, instead=Undo(run))
    if start.is_new:
        audit.note(app, caller, "undo run", run.run_id, start.run_id)
    return start


def verify_export(app: App, caller: Caller, export_id: str, trigger: Trigger, *, repair: bool = False) -> Start:
    """Starts a run that compares the export's list with its segment; with `repair` it sends whom the list misses.

    Raises AccessDenied, and ConfigurationError where a run is active or the list cannot be compared.
    """
    require_for_export(app, caller, "run_export", export_id)
    ready = ready_export(app.document(), export_id)
    check_verifiable(ready)
    kind: Kind = "repair" if repair else "verify"
    there = active_run(app, export_id)
    is_again = there is not None and there.kind == kind
    new_run_id = replace_outdated(app, there, ready, trigger) if is_again else ""
    start = start_run(app, ready, trigger, caller.name, run_id=new_run_id, instead=Verify(kind))
    audit.note(app, caller, f"{kind} export", export_id, start.run_id)
    return start


def start_exports(app: App, caller: Caller, trigger: Trigger) -> list[Start]:
    """Starts every export with an active schedule that the caller may run."""
    require(caller, "run_all")
    return _noted(app, caller, start_all(app, trigger, caller.name, _refused_to(caller)))


def start_refreshed(app: App, caller: Caller, segment: str) -> list[Start]:
    """Starts the exports that run with this segment's refresh and that the caller may run."""
    require(caller, "run_all")
    return _noted(app, caller, start_for_segment(app, segment, _refused_to(caller)))


def _refused_to(caller: Caller) -> Refused:
    def refused(document: Document, export: Export) -> str:
        shared = is_shared(caller, document.connection_of(export))
        return "" if may(caller.role, "run_export", shared=shared) else "You may not run this export."

    return refused


def _noted(app: App, caller: Caller, starts: list[Start]) -> list[Start]:
    for start in starts:
        if start.is_new:
            audit.note(app, caller, "run export", start.export, start.run_id)
    return starts


def approve_run(app: App, caller: Caller, run_id: str, *, shown: str | None = None) -> Run:
    """Lets a held run go on, to send what it has shown. Raises AccessDenied, and as `approve`.

    `shown` is the run's `rejected_id` as the caller has seen it: a plan that was made again since is not approved.
    """
    require(caller, "run_export")
    run = find_run(app, run_id)
    require_for_export(app, caller, "run_export", run.export)
    if shown is not None:
        check_held_as(run, shown)
    approved = approve(app, run, caller.name)
    audit.note(app, caller, "approve run", run.run_id)
    return approved


def cancel_run(app: App, caller: Caller, run_id: str, *, shown: str | None = None) -> Run:
    """Ends a run because the caller asks for it. Raises AccessDenied, and as `request_cancel`.

    `shown` is as `approve_run` has it, of a caller who rejects a held run: once that was approved, it is not cancelled.
    While the configuration cannot be read, nobody can say whose connection it is: then who may put it right may do it.
    """
    require(caller, "cancel_run")
    run = find_run(app, run_id)
    try:
        document = app.document()
    except ConfigurationError:
        require(caller, "restore_configuration")
    else:
        export = document.export(run.export)
        require(caller, "cancel_run", document.connection_of(export) if export else None)
    if shown is not None:
        check_held_as(run, shown)
    cancelled = request_cancel(app, run, caller.name)
    audit.note(app, caller, "cancel run", run.run_id)
    return cancelled


def list_runs(app: App, caller: Caller, export_id: str, *, limit: int, after: str = "") -> tuple[list[Run], str]:
    """A page of the export's runs, newest first, and the id that the next page comes after; empty on the last one."""
    require(caller, "view_run")
    runs = list(app.store.latest(export_id, limit + 1, after=after)) if re.fullmatch(ID_PATTERN, export_id) else []
    if not runs:  # what has run is listed also while the configuration is broken
        find_export(app.document(), export_id)
    return runs[:limit], runs[limit - 1].run_id if len(runs) > limit else ""


def last_runs(app: App, caller: Caller) -> dict[str, Run | None]:
    """The last run of each export, by the export's id; None where it has not run yet.

    While the configuration cannot be read, those with an open run. Raises ConfigurationError where there are none.
    """
    require(caller, "view_run")
    try:
        exports = [export.id for export in app.document().exports]
    except ConfigurationError:
        exports = sorted({run_address(run_id)[0] for run_id, _ in app.store.open_runs()})
        if not exports:
            raise
    return dict(zip(exports, at_once(lambda export: newest_runs(app, export)[1], exports), strict=True))


def run_or_last(app: App, caller: Caller, name: str) -> Run | None:
    """The run of this id, or the last run of the export of this id; None where the export has not run yet.

    The two cannot be mistaken: a run's id holds a capital T, an export's has small letters only.
    Raises ConfigurationError that names what is nearest where there is neither.
    """
    require(caller, "view_run")
    if is_run_id(name):
        export, run = run_address(name)[0], app.store.load(name)
        if run is not None:
            return run
        known = [each.run_id for each in app.store.latest(export)]
    else:
        try:
            document = app.document()
        except ConfigurationError:  # what has run can be looked at, and cancelled, all the same
            if re.fullmatch(ID_PATTERN, name) and (last := newest_runs(app, name)[1]):
                return last
            raise
        if document.export(name) is not None:
            return newest_runs(app, name)[1]
        known = [each.id for each in document.exports]
    what = "There is no such run" if is_run_id(name) else f"There is neither a run nor an export {shown(name)!r}"
    raise ConfigurationError(
        "run_unknown",
        f"{what}{did_you_mean(name, known)}.",
        "`segment-export exports` and `segment-export runs EXPORT` list them.",
    )


def open_run(app: App, caller: Caller, name: str) -> Run:
    """The run of this id, or the open run of the export of this id. Raises ConfigurationError where there is none."""
    run = run_or_last(app, caller, name)
    if is_run_id(name) and run is not None:
        return run
    active = app.store.active(name)
    if active is None:
        last = f" Its last run, {run.run_id}, has ended: {run.state}." if run else ""
        raise ConfigurationError("run_none", f"No run of {name} is open.{last}")
    return find_run(app, active)
