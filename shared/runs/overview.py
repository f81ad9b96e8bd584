"""What people and tools are shown of an export: its last run, its next one, and why nothing runs now."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from shared.app import App
from shared.config.models import CronSchedule, Document, Export, Schedule
from shared.errors import ExportError, described
from shared.runs.due_times import next_due
from shared.runs.state import Run
from shared.runs.status import RunSummary, Timestamp, run_summary
from shared.runs.ticks import MissedTicks
from shared.runs.trial import newest_runs
from shared.runs.why_not_running import Why, other_active, why_not_running
from shared.storage.forms import concerns_all
from shared.times import iso_text

_log = logging.getLogger(__name__)

# Why an export waits for nothing but the timer.
_LEFT_TO_TIMER = frozenset(
    ("no_new_snapshot", "waiting_for_timer", "snapshot_resting", "snapshot_incomplete", "not_due", "waiting_for_retry")
)


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
    """An export's last run, its next one, and why nothing runs now.

    `why_not_running` is null while a run is active, unless it is held.
    """

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


def export_overview(app: App, document: Document, export: Export, missed: MissedTicks | None = None) -> ExportOverview:
    """The export's overview. Where its rows cannot be read, that is why it does not run.

    `missed`: what is to be said of a timer that does not run. Raises TransientError.
    """
    try:
        newest, last = newest_runs(app, export.id)
        success = app.store.success(export.id)
        due = next_due_of(app, export)
        why = other_active(document, export, newest) or why_not_running(app, document, export, last, due)
        if missed and why and why.code in _LEFT_TO_TIMER and export.schedule != "off":
            why = replace(why, text=f"{why.text} {missed.text} See: segment-export doctor")
    except Exception as error:
        if concerns_all(error):
            raise
        _log.error("not readable: export %s: %s", export.id, described(error))
        code = error.code if isinstance(error, ExportError) else "unforeseen"
        last, success, due, why = None, None, None, Why(code, described(error))
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
