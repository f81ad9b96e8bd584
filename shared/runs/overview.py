"""What people and tools are shown of an export: its last run, its next one, and why nothing runs now."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from shared.app import App
from shared.config.models import CronSchedule, Document, Export, Schedule
from shared.errors import ExportError, TransientError, described
from shared.runs.again import (
    Why,
    why_after_last_run,
    why_due_time_is_not_run_again,
    why_snapshot_is_not_run_again,
)
from shared.runs.starting import next_due
from shared.runs.state import Run
from shared.runs.status import RunSummary, Timestamp, run_summary
from shared.runs.trial import newest_runs
from shared.runs.tries import Started, Tries
from shared.segments.snapshot import find_snapshot
from shared.staging.completeness import wait_for_files
from shared.times import iso_text

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LastRun(RunSummary):
    """An export's last run, however it ended. A trial is none."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class LastSuccess:
    """An export's last run that succeeded."""

    run_id: str
    finished_at: Timestamp


@dataclass(frozen=True, kw_only=True)
class ExportOverview:
    """An export's last run, its next one, and why nothing runs now. `why_not_running` is null while a run is active."""

    id: str
    display_name: str
    connection: str | None
    list_id: int
    segments: list[str]
    schedule: Schedule
    schedule_text: str
    next_due: Timestamp | None
    last_run: LastRun | None
    last_success: LastSuccess | None
    why_not_running: Why | None


def export_overview(app: App, document: Document, export: Export) -> ExportOverview:
    """The export's overview. Where its rows cannot be read, that is why it does not run. Raises TransientError."""
    try:
        newest, last = newest_runs(app, export.id)
        success = app.store.success(export.id)
        due = next_due_of(app, export)
        why = _trial_active(newest) or _why_not_running(app, document, export, last, due)
    except TransientError:
        raise
    except Exception as error:  # noqa: BLE001 - the other exports are listed all the same
        _log.error("export %s: %s", export.id, described(error))
        last, success, due, why = None, None, None, Why("unforeseen", described(error))
    return ExportOverview(
        id=export.id,
        display_name=export.display_name,
        connection=export.connection,
        list_id=export.list_id,
        segments=export.segments,
        schedule=export.schedule,
        schedule_text=schedule_text(export),
        next_due=iso_text(due) if due else None,
        last_run=_last_run(last) if last else None,
        last_success=LastSuccess(success.run_id, success.finished_at) if success else None,
        why_not_running=why,
    )


def _last_run(run: Run) -> LastRun:
    return LastRun(**vars(run_summary(run)), reason=run.error.message if run.error else None)


def _trial_active(newest: Run | None) -> Why | None:
    if newest is None or newest.is_final or not newest.is_trial:
        return None
    return Why("trial_active", f"The trial {newest.run_id} is active. A run can start when it has ended.")


def _why_not_running(
    app: App, document: Document, export: Export, last: Run | None, due: datetime | None
) -> Why | None:
    """None while a run is on its way."""
    if last is not None and not last.is_final:
        return None
    connection = document.connection_of(export)
    if connection is None:
        return Why("detached", "It is detached: choose a connection for it.")
    if connection.consent is None:
        return Why("consent_withdrawn", f"Consent for {connection.id} is missing or was withdrawn.")
    started = _with_last_run(app.store.started(export.id), last)
    if export.schedule == "off":
        off = Why("schedule_off", "Its schedule is off: it runs on demand only.")
        return why_after_last_run(app, export.id, started, Tries(), off.text) or off
    if isinstance(export.schedule, CronSchedule):
        return why_due_time_is_not_run_again(app, export.id, started, due, export.schedule)
    return _why_no_refresh(app, export, started)


def _with_last_run(started: Started, last: Run | None) -> Started:
    """Rows of before release 0.3 do not say that the last run did not succeed."""
    has_failed = last is not None and last.state in ("failed", "cancelled")
    return replace(started, unsent=last.run_id) if last and has_failed else started


def _why_no_refresh(app: App, export: Export, started: Started) -> Why:
    try:
        snapshot = find_snapshot(app.storage.segment_blobs, export.source, export.segments)
    except TransientError:
        raise
    except ExportError as error:
        return Why(error.code, error.message)
    if started.covers(snapshot.id):
        passed_over = "".join(f" {text}." for text in snapshot.passed_over)
        exported = Why("no_new_snapshot", f"There is no new snapshot since {started.snapshot[:15]}.{passed_over}")
        return why_snapshot_is_not_run_again(app, export.id, started, exported)
    if snapshot.quiet_seconds_left(app.settings.snapshot_quiet_seconds, app.now()) > 0:
        return Why(
            "snapshot_resting",
            f"The snapshot {snapshot.id[:15]} is new; the run starts when it has been unchanged for long enough.",
        )
    if wait := wait_for_files(export.source, snapshot, app.settings.snapshot_complete_hours, app.now()):
        return Why("snapshot_incomplete", wait.reason)
    return Why("waiting_for_timer", f"The snapshot {snapshot.id[:15]} is new; the timer starts it when it next looks.")


def next_due_of(app: App, export: Export) -> datetime | None:
    """When the export's schedule next starts it, in local time; None where no time does."""
    if export.connection is None or not isinstance(export.schedule, CronSchedule):
        return None
    return next_due(export.schedule, app.storage.clock.now())


def schedule_text(export: Export) -> str:
    """The export's schedule for people."""
    if isinstance(export.schedule, CronSchedule):
        return f"{export.schedule.cron} {export.schedule.time_zone}"
    return export.schedule.replace("_", " ")
