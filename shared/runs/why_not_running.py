"""Why an export does not run now: what became of its last run, what happens next, and how to run it now."""

from dataclasses import dataclass, replace
from datetime import datetime

from shared.app import App
from shared.config.document import ReadyExport
from shared.config.models import CronSchedule, Document, Export
from shared.counting import counted
from shared.errors import ConfigurationError, ExportError, TransientError
from shared.runs.kinds import CHANGES_LIST, command_again
from shared.runs.run_ids import is_run_id
from shared.runs.state import Run
from shared.runs.tries import SAVED, Started, Tries, is_guard
from shared.segments.snapshot import own_snapshot, time_of
from shared.staging.completeness import wait_for_files
from shared.staging.excluded import find_excluded
from shared.times import local_text

# What a run fails with where a segment, one that it excludes, or their container is not in storage.
_NOT_THERE = frozenset(("snapshot_missing", "segment_unknown", "container_missing", "exclude_missing"))

_GONE = "The last run did not send the segment, and is not kept any more."


@dataclass(frozen=True, slots=True)
class Why:
    """Why an export does not run now."""

    code: str
    text: str


DETACHED = Why("detached", "It is detached: choose a connection for it.")
SCHEDULE_OFF = Why("schedule_off", "Its schedule is off: it runs on demand only.")


def other_active(document: Document, export: Export, newest: Run | None) -> Why | None:
    """What is said while the export's newest run is one that does not send its segment, and is not over."""
    if newest is None or newest.is_final or newest.sends_segment:
        return None
    if newest.is_held:
        return Why("held", " ".join(held_words(newest, _ready(document, export))))
    if newest.is_trial:
        return Why("trial_active", f"The trial {newest.run_id} is active. A run can start when it has ended.")
    if newest.kind == "verify":
        return Why("verify_active", f"The verification {newest.run_id} is active. A run can start when it has ended.")
    if newest.kind == "clear":
        return Why(
            "clear_active", f"The removal of members {newest.run_id} is active. A run can start when it has ended."
        )
    return Why("undo_active", f"The undo {newest.run_id} is active. A run can start when it has ended.")


def why_not_running(app: App, document: Document, export: Export, last: Run | None, due: datetime | None) -> Why | None:
    """`last` is the last run that was no trial, `due` the next time of its schedule. None while a run is on its way."""
    if last is not None and not last.is_final:
        return Why("held", " ".join(held_words(last, _ready(document, export)))) if last.is_held else None
    connection = document.connection_of(export)
    if connection is None:
        return DETACHED
    if connection.consent is None:
        return Why("consent_withdrawn", f"Consent for {connection.id} is missing or was withdrawn.")
    started = _with_last_run(app.store.started(export.id), last)
    to_run = once_it_is_there(app, export, last) if last else ""
    if export.schedule == "with_refresh":
        return _why_no_refresh(app, export, started, to_run)
    if isinstance(export.schedule, CronSchedule):
        return why_due_time_is_not_run_again(app, export.id, started, due, to_run)
    return why_after_last_run(app, export.id, started, Tries(), SCHEDULE_OFF.text, to_run) or SCHEDULE_OFF


def _ready(document: Document, export: Export) -> ReadyExport | None:
    connection = document.connection_of(export)
    return ReadyExport(export, connection) if connection else None


def _with_last_run(started: Started, last: Run | None) -> Started:
    """The row of an earlier release does not say that the last run did not succeed."""
    has_failed = last is not None and last.state in ("failed", "cancelled")
    return replace(started, unsent=last.run_id) if last and has_failed else started


def _why_no_refresh(app: App, export: Export, started: Started, to_run: str) -> Why:
    try:
        snapshot = own_snapshot(app.storage.segment_blobs, export)
    except TransientError:
        raise
    except ExportError as error:
        return Why(error.code, f"{error.message} {_once_it_is_there(export, error)}".strip())
    if started.covers(snapshot.id):
        passed_over = "".join(f" {text}." for text in snapshot.passed_over)
        exported = Why("no_new_snapshot", f"There is no new snapshot since {time_of(started.snapshot)}.{passed_over}")
        return why_snapshot_is_not_run_again(app, export.id, started, exported, to_run)
    if snapshot.quiet_seconds_left(app.settings.snapshot_quiet_seconds, app.now()) > 0:
        return Why(
            "snapshot_resting",
            f"The snapshot {time_of(snapshot.id)} is new; the run starts when it has been unchanged for long enough.",
        )
    if wait := wait_for_files(export.source, snapshot, app.settings.snapshot_complete_hours, app.now()):
        return Why("snapshot_incomplete", wait.reason)
    return Why(
        "waiting_for_timer", f"The snapshot {time_of(snapshot.id)} is new; the timer starts it when it next looks."
    )


def why_snapshot_is_not_run_again(app: App, export_id: str, started: Started, exported: Why, to_run: str = "") -> Why:
    """Why no trigger starts the newest snapshot, which `started` covers. `exported` where a run has sent it.

    `to_run` as in `why_after_last_run`.
    """
    time = time_of(started.snapshot)
    if started.unsent == SAVED:
        return Why(
            "snapshot_not_run",
            f"The snapshot {time} was there when the export was saved, and no run has taken it since. "
            f"A newer snapshot starts the next run. {run_now(export_id)}",
        )
    next_start = "A newer snapshot starts the next run."
    return why_after_last_run(app, export_id, started, started.snapshot_tries, next_start, to_run) or exported


def why_due_time_is_not_run_again(
    app: App, export_id: str, started: Started, due: datetime | None, to_run: str = ""
) -> Why:
    """Why a cron export does not run now; `due` is its next time, in local time, where there is one.

    `to_run` as in `why_after_last_run`.
    """
    when = local_text(due) if due else ""
    next_start = f"The next run is due at {when}." if when else "No further run is due."
    not_due = Why("not_due", f"It is not due before {when}." if when else "It is not due.")
    return why_after_last_run(app, export_id, started, started.due_tries, next_start, to_run) or not_due


def why_after_last_run(
    app: App, export_id: str, started: Started, tries: Tries, next_start: str, to_run: str = ""
) -> Why | None:
    """What is said where the last run did not succeed, is held or under way; None where it did, or there was none.

    `next_start`: what starts the next run where the last one is not tried again. `to_run`: what a person can do, where
    that is known already.
    """
    following = tries.next_words(app.now())
    last = app.store.load(started.unsent) if is_run_id(started.unsent) else None
    if last is not None and last.is_held:
        return Why("held", " ".join(held_words(last)))
    if last is not None and not last.is_final:
        return Why("run_active", f"The run {last.run_id} is under way: it is {last.state}.")
    is_gone = last is None and is_run_id(started.unsent)
    if last is None and not following and not is_gone:
        return None
    # A run that was given up waits for what starts the next one as well.
    following = f"{following} {next_start}" if tries.is_given_up else following or next_start
    happened = _happened(last) if last else _GONE if is_gone else "The last run failed."
    return Why(_code(last, tries), f"{happened} {following} {to_run or run_now(export_id, last)}")


def run_now(export_id: str, last: Run | None = None) -> str:
    """What a person can do. The command that runs the export now, past the guard that stopped its last run.

    Of a run that was held and that nobody has approved: the command that shows again what it would send.
    """
    if last and _is_not_approved(last):
        again = command_again(last.kind, export_id, last.undo_of)
        return f"To look at it again: {again}"
    return f"To run it now: segment-export run {export_id}{' --accept' if last and needs_accept(last) else ''}"


def once_it_is_there(app: App, export: Export, last: Run) -> str:
    """What helps where the run has failed for want of a segment that is still not in storage; else empty."""
    code = last.error.code if last.error else ""
    missing = _missing(app, export) if code in _NOT_THERE else None
    return _once_it_is_there(export, missing) if missing else ""


def _missing(app: App, export: Export) -> ConfigurationError | None:
    """What of the export's segments is not in storage now, as far as storage says."""
    blobs = app.storage.segment_blobs
    try:
        own_snapshot(blobs, export)
        find_excluded(blobs, export)
    except ConfigurationError as error:
        return error if error.code in _NOT_THERE else None
    except ExportError:
        return None
    return None


def _once_it_is_there(export: Export, error: ExportError) -> str:
    if error.code not in _NOT_THERE:
        return ""
    container = "" if error.code == "container_missing" else f" {export.source.container}"
    # A snapshot is new to the timer once it is there; of one that only lacks an excluded segment a run was started.
    is_new = export.schedule == "with_refresh" and error.code != "exclude_missing"
    following = "its run starts by itself" if is_new else f"segment-export run {export.id}"
    return f"To see what is in storage: segment-export segments{container} · Once the segment is there: {following}"


def needs_accept(last: Run) -> bool:
    """True where a guard has stopped the run, or would have, had no person let it through."""
    return last.error is not None and (is_guard(last.error.code) or last.accept)


def _is_not_approved(last: Run) -> bool:
    """True for a run that was held, and has ended since a person rejected it or nobody came in time."""
    return last.state == "cancelled" and last.held_for is not None and not last.is_approved


def held_words(run: Run, ready: ReadyExport | None = None) -> tuple[str, str]:
    """Why a held run waits for a person and until when; and how to decide.

    `ready` is its export as it is now, where that is known: with other settings nobody can approve it any more.
    """
    if ready and run.settings != ready.digest:
        return (
            f"The run {run.run_id} is held, and cannot be approved any more: the export or its connection has other "
            "settings now.",
            f"To look at it again: {command_again(run.kind, run.export, run.undo_of)}",
        )
    why = f" {run.held_for.message}" if run.held_for else ""
    does = _does(run)
    return (
        f"The run {run.run_id} is held until {local_text(run.held_until)}.{why}",
        f"To {does}: segment-export approve {run.run_id} · To reject it: segment-export cancel {run.run_id}",
    )


def _does(run: Run) -> str:
    """What a held run does once it is approved."""
    counts = run.counts
    if run.kind in CHANGES_LIST:
        return "do it"
    sent, removed = counted(counts.contacts_to_send, "contact"), counts.contacts_to_remove
    return f"send its {sent} and take {removed:,} out of the list" if removed else f"send its {sent}"


def _happened(last: Run) -> str:
    if last.kind == "clear":
        return f"The run {last.run_id} has taken its members out of the list."
    if last.kind == "undo":
        return f"The run {last.undo_of} was undone."
    message = last.error.message if last.error else "It has no error."
    if last.held_for and last.cancel_requested_by and _is_not_approved(last):
        why = f"which was held: {last.held_for.message} Nothing was sent."
        return f"{last.cancel_requested_by} has rejected the last run, {why}"
    if last.error and is_guard(last.error.code):
        return f"A guard stopped the last run: {message} {last.error.advice}".strip()
    opening = {"failed": "The last run failed:", "cancelled": "The last run ended early:"}
    return f"{opening.get(last.state, 'The last run sent nothing:')} {message}"


def _code(last: Run | None, tries: Tries) -> str:
    if last and last.error and is_guard(last.error.code):
        return "guard"
    if tries.is_given_up:
        return "given_up"
    if tries.again_at:
        return "waiting_for_retry"
    return "last_run_failed" if last and last.state == "failed" else "last_run_not_sent"
