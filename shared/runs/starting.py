"""Starts runs: the one operation behind every trigger."""

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from shared import telemetry
from shared.app import App
from shared.config.document import ReadyExport, make_ready, ready_export
from shared.config.models import CronSchedule, Document, Export
from shared.errors import ConfigurationError, ExportError, described
from shared.runs.due_times import due_stamp, last_due, next_due
from shared.runs.holding import supersede
from shared.runs.kinds import NAMES, Kind, Trigger
from shared.runs.queue import Message, send
from shared.runs.state import Run
from shared.runs.steps.watch import start_watch
from shared.runs.store import AlreadyActive, AlreadyStarted
from shared.runs.ticks import next_to_start, note_next_to_start
from shared.runs.trial import Trial
from shared.runs.undoing import Clear, Undo
from shared.runs.verifying import Verify
from shared.runs.why_not_running import (
    DETACHED,
    SCHEDULE_OFF,
    Why,
    why_due_time_is_not_run_again,
    why_snapshot_is_not_run_again,
)
from shared.segments.layouts import FILE_ENDINGS, below, segment_of_blob
from shared.segments.snapshot import own_snapshot
from shared.staging.completeness import wait_for_files
from shared.storage.forms import concerns_all

# The blob's name as it is, not percent-encoded. https://github.com/Azure-Samples/azure-event-grid-viewer/issues/9
_SUBJECT = re.compile(r"/blobServices/default/containers/(?P<container>[^/]+)/blobs/(?P<name>.+)")

_ACTIVE = "A run of this export is active already."
_HELD = "A run of this export is held, and waits for a person who approves or cancels it."
_log = logging.getLogger(__name__)

# A turn of the timer is to take less than a minute, and the sweep is a part of it.
_TURN_SECONDS = 40.0

# Says why somebody may not start an export; empty where they may.
Refused = Callable[[Document, Export], str]


@dataclass(frozen=True, slots=True)
class Start:
    """The result of a request to start: the run (new, or the one already active), or the reason there is none."""

    export: str
    run_id: str = ""
    is_new: bool = False
    reason: str = ""


def start_run(
    app: App,
    ready: ReadyExport,
    trigger: Trigger,
    started_by: str,
    *,
    skip_quiet: bool = False,
    accept: bool = False,
    only_new: bool = False,
    snapshot: str = "",
    due: str = "",
    run_id: str = "",
    kind: Literal["export", "plan"] = "export",
    instead: Trial | Undo | Clear | Verify | None = None,
) -> Start:
    """Starts a run of the export, or finds the one that is active. One that is held may give way to it.

    `only_new`: it is skipped where its snapshot was exported by the time that it is taken.
    `snapshot` and `due` are what a timer starts it for: each only once, and again where its run has failed.
    `started_by` names no person by address.
    `run_id` was made before, by a caller that must know it even if this call dies half-way.
    `instead` makes it a run of another kind, which waits for none. Raises ConfigurationError where one of these is
    active, and where this is to be one, or a plan, and any run is.
    """
    export = ready.export
    # Asked first, so that the clock has storage's time when the run gets its own.
    active = app.store.active(export.id)
    run_id = run_id or app.store.new_run_id(export.id)
    there = app.store.load(active) if active else None
    is_again = active == run_id  # the same start, repeated while the first call had not written its run yet
    # That whose row somebody has deleted is none any more.
    if active and there and (is_again or instead or not supersede(app, there, ready, trigger, run_id)):
        app.store.list_open(active, ready.key_setting)  # it may have fallen off the list, and would block its export
        if due and there.is_held and there.kind != "clear":
            app.store.note_due(export.id, due)  # nothing new would be due once a person has decided
        return _active(there, export.id, active, instead.kind if instead else kind)
    with telemetry.span("start", parent="", run=run_id, export=export.id, trigger=trigger):
        run = Run(
            run_id=run_id,
            export=export.id,
            key_setting=ready.key_setting,
            list_id=export.list_id,
            trigger=trigger,
            started_by=started_by[:100],
            kind=kind,
            skip_quiet=skip_quiet,
            accept=accept,
            only_new=only_new,
            token=secrets.token_urlsafe(24),
            trace=telemetry.carrier(),
        ).queued(app.time(), app.graces)
        return _write_and_send(app, instead.run(run) if instead else run, snapshot, due)


def _active(run: Run | None, export_id: str, run_id: str, kind: Kind) -> Start:
    """The run that is active, which a start of this kind finds: a trial is no run to wait for, and a run no plan."""
    if run is not None and run.is_trial:
        raise ConfigurationError(
            "trial_active",
            f"A trial of this export is active: {run_id}.",
            "Wait for its end, or cancel it. An export has one open run at a time.",
        )
    if kind not in ("export", "plan") or (run is not None and _is_other(run, kind)):
        name = NAMES.get(run.kind, "a run") if run else "a run"
        name = name[0].upper() + name[1:]
        if run is not None and run.is_held:
            raise ConfigurationError(
                "run_active",
                f"{name} of this export is held: {run_id}.",
                "Approve it or cancel it, and start this when it has ended. An export has one open run at a time.",
            )
        raise ConfigurationError(
            "run_active",
            f"{name} of this export is active: {run_id}.",
            "Start this when it has ended. An export has one open run at a time.",
        )
    return Start(export_id, run_id, reason=_HELD if run is not None and run.is_held else _ACTIVE)


def _is_other(run: Run, kind: Kind) -> bool:
    """True for an active run that a start of this kind, of a run or a plan, does not take for its own."""
    return not run.sends_segment or (kind == "plan" and run.kind != "plan")


def _write_and_send(app: App, run: Run, snapshot: str, due: str) -> Start:
    try:
        app.store.start(start_watch(app, run), snapshot=snapshot, due=due)
    except AlreadyActive as other:
        telemetry.note_error("already_active")
        return _active(app.store.load(other.run_id), run.export, other.run_id, run.kind)
    except AlreadyStarted:
        telemetry.note_error("already_started")
        app.store.drop_open(run.run_id)
        return Start(run.export, reason="This was started before.")
    send(app, Message(run.run_id, "stage"))
    return Start(run.export, run.run_id, is_new=True)


def start_on_demand(
    app: App,
    export_id: str,
    trigger: Trigger,
    started_by: str,
    *,
    skip_quiet: bool = False,
    accept: bool = False,
    run_id: str = "",
) -> Start:
    """Starts the export because somebody says so, whatever ran before. Raises ConfigurationError."""
    ready = ready_export(app.document(), export_id)
    return start_run(app, ready, trigger, started_by, skip_quiet=skip_quiet, accept=accept, run_id=run_id)


def start_all(app: App, trigger: Trigger, started_by: str, refused: Refused = lambda *_: "") -> list[Start]:
    """Starts every export with an active schedule, unless `refused` says why not."""
    document = app.document()
    return [
        Start(export.id, reason=reason)
        if (reason := refused(document, export))
        else _start_or_reason(export, lambda each: start_run(app, make_ready(document, each), trigger, started_by))
        for export in document.exports
        if export.schedule != "off"
    ]


def start_due(app: App) -> list[Start]:
    """Starts what is due now: new snapshots of `with_refresh` exports, and cron exports at their local time.

    Where they are too many for one turn of the timer, the next one goes on with the first that was left.
    """
    document = app.document()
    until = app.now() + _TURN_SECONDS
    starts: list[Start] = []
    due = [each for each in document.exports if each.schedule != "off" and each.connection]
    exports = _beginning_with(first := next_to_start(app), due)
    for number, export in enumerate(exports):
        if app.now() > until:
            _log.warning("the timer has looked at %d of %d exports; its next turn goes on", number, len(exports))
            note_next_to_start(app, export.id)
            return starts
        try:
            start = _start_if_due(app, make_ready(document, export))
        except Exception as error:  # noqa: BLE001 - the other exports are due as well
            start = _not_started(export, error)
        starts.append(start)
    if first:
        note_next_to_start(app, "")
    return starts


def _beginning_with(export_id: str, exports: list[Export]) -> list[Export]:
    at = next((number for number, export in enumerate(exports) if export.id == export_id), 0)
    return exports[at:] + exports[:at]


def start_for_blob(app: App, subject: str) -> list[Start]:
    """Starts the `with_refresh` exports that the blob of an event is part of. Any other blob starts nothing.

    `subject` is the event's: it names container and blob the same way in every cloud and behind every domain, and for
    created and renamed blobs alike. https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        return []
    container, name = match["container"], match["name"]
    if not name.endswith((*FILE_ENDINGS, "model.json")):
        return []
    return _start_matching(
        app, app.document(), "event", lambda export: export.source.container == container and _is_part_of(export, name)
    )


def start_for_segment(app: App, segment: str, refused: Refused = lambda *_: "") -> list[Start]:
    """A webhook names a segment that was refreshed: starts the `with_refresh` exports that have it.

    The result also says of the others that have it why they are not started.
    """
    document = app.document()
    starts = _start_matching(app, document, "webhook", lambda export: segment in export.segments, refused)
    others = [each for each in document.exports if segment in each.segments and not _runs_with_refresh(each)]
    return starts + [Start(each.id, reason=_why_not_with_refresh(each)) for each in others]


def _runs_with_refresh(export: Export) -> bool:
    return export.schedule == "with_refresh" and export.connection is not None


def _why_not_with_refresh(export: Export) -> str:
    if export.connection is None:
        return DETACHED.text
    if export.schedule == "off":
        return SCHEDULE_OFF.text
    return "It runs by its cron schedule, and not with the refresh of its segments."


def _start_if_due(app: App, ready: ReadyExport) -> Start:
    export = ready.export
    if isinstance(export.schedule, CronSchedule):
        return _start_by_cron(app, ready, export.schedule)
    looked_at, snapshot = app.now(), own_snapshot(app.storage.segment_blobs, export)
    if snapshot.quiet_seconds_left(app.settings.snapshot_quiet_seconds, looked_at) > 0:
        return Start(
            export.id,
            reason="The snapshot was written a moment ago. The run starts when it has been unchanged for long enough.",
        )
    started = app.store.started(export.id)
    if started.covers(snapshot.id) and not started.snapshot_tries.is_due(app.now()):
        exported = Why("no_new_snapshot", "There is no new snapshot.")
        return Start(export.id, reason=why_snapshot_is_not_run_again(app, export.id, started, exported).text)
    # Where they have not come in time, a run is started that fails: that is how people hear of it.
    if wait := wait_for_files(export.source, snapshot, app.settings.snapshot_complete_hours, app.now()):
        return Start(export.id, reason=wait.reason)
    return start_run(app, ready, "timer", "timer", snapshot=snapshot.id)


def _start_by_cron(app: App, ready: ReadyExport, schedule: CronSchedule) -> Start:
    due = last_due(schedule, app.storage.clock.now())
    if due is None:
        return Start(ready.export.id, reason="The schedule has never been due.")
    stamp = due_stamp(due)
    started = app.store.started(ready.export.id)
    if not started.due:
        # A new schedule is not due for what lies before it was first seen.
        app.store.note_due(ready.export.id, stamp)
        return Start(ready.export.id, reason="The schedule is new; it starts at its next time.")
    if started.due >= stamp and not started.due_tries.is_due(app.now()):
        following = next_due(schedule, app.storage.clock.now())
        why = why_due_time_is_not_run_again(app, ready.export.id, started, following)
        return Start(ready.export.id, reason=why.text)
    return start_run(app, ready, "timer", "timer", due=stamp)


def _start_matching(
    app: App,
    document: Document,
    trigger: Trigger,
    matches: Callable[[Export], bool],
    refused: Refused = lambda *_: "",
) -> list[Start]:
    return [
        Start(export.id, reason=reason)
        if (reason := refused(document, export))
        else _start_or_reason(export, lambda each: _start_for_snapshot(app, document, each, trigger))
        for export in document.exports
        if _runs_with_refresh(export) and matches(export)
    ]


def _start_for_snapshot(app: App, document: Document, export: Export, trigger: Trigger) -> Start:
    ready = make_ready(document, export)
    snapshot = own_snapshot(app.storage.segment_blobs, export)
    started = app.store.started(export.id)
    if not started.covers(snapshot.id):
        return start_run(app, ready, trigger, trigger, only_new=True)
    if started.snapshot_tries.is_due(app.now()):
        return start_run(app, ready, trigger, trigger, snapshot=snapshot.id)
    exported = Why("snapshot_known", "This snapshot was exported already.")
    return Start(export.id, reason=why_snapshot_is_not_run_again(app, export.id, started, exported).text)


def _start_or_reason(export: Export, start: Callable[[Export], Start]) -> Start:
    """The start of one of several exports. Raises TransientError, but for a row of another release: that stays."""
    try:
        return start(export)
    except Exception as error:
        if concerns_all(error):
            raise
        return _not_started(export, error)


def _not_started(export: Export, error: Exception) -> Start:
    """Why one of several exports is not started. What nobody foresaw is logged: its reason may be read nowhere."""
    if not isinstance(error, ExportError):
        _log.error("not started: export %s: %s", export.id, described(error))
    return Start(export.id, reason=described(error))


def _is_part_of(export: Export, name: str) -> bool:
    """True for the model.json of the export's folder, and for a file of one of its segments."""
    folder = export.source.folder.strip("/")
    return name == f"{below(folder)}model.json" or segment_of_blob(name, folder, export.segments) is not None
