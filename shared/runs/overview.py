"""What people and tools are told of an export: its last run, its next one, and why nothing runs now."""

from dataclasses import dataclass
from datetime import datetime

from shared.app import App
from shared.config.models import CronSchedule, Document, Export, Schedule
from shared.errors import ConfigurationError
from shared.runs.guards import is_guard
from shared.runs.starting import next_due
from shared.runs.state import Run
from shared.runs.status import RunSummary, Timestamp, run_summary
from shared.segments.snapshot import find_snapshot
from shared.staging.completeness import wait_for_files


@dataclass(frozen=True, kw_only=True)
class LastRun(RunSummary):
    """An export's last run, however it ended."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class LastSuccess:
    """An export's last run that succeeded."""

    run_id: str
    finished_at: Timestamp


@dataclass(frozen=True, slots=True)
class Why:
    """Why an export does not run now."""

    code: str
    text: str


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
    """The export's overview."""
    last = next(app.store.latest(export.id, 1), None)
    success = app.store.success(export.id)
    due = _next_due(app, export)
    return ExportOverview(
        id=export.id,
        display_name=export.display_name,
        connection=export.connection,
        list_id=export.list_id,
        segments=export.segments,
        schedule=export.schedule,
        schedule_text=_schedule_text(export),
        next_due=due.isoformat() if due else None,
        last_run=_last_run(last) if last else None,
        last_success=LastSuccess(success.run_id, success.finished_at) if success else None,
        why_not_running=_why_not_running(app, document, export, last, due),
    )


def _last_run(run: Run) -> LastRun:
    return LastRun(**vars(run_summary(run)), reason=run.error.message if run.error else None)


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
        return Why("consent_withdrawn", f"Nobody has agreed to sending data through {connection.id}, or no longer.")
    if last is not None and last.error is not None and is_guard(last.error.code):
        return Why("guard", f"A guard stopped the last run: {last.error.message} {last.error.advice}".strip())
    if export.schedule == "off":
        return Why("schedule_off", "Its schedule is off: it runs on demand only.")
    if isinstance(export.schedule, CronSchedule):
        words = f"It is not due before {due:%Y-%m-%d %H:%M} ({export.schedule.time_zone})." if due else "It is not due."
        return Why("not_due", words)
    return _why_no_refresh(app, export)


def _why_no_refresh(app: App, export: Export) -> Why:
    try:
        snapshot = find_snapshot(app.storage.segment_blobs, export.source, export.segments)
    except ConfigurationError as error:
        return Why(error.code, error.message)
    if app.store.started(export.id).snapshot == snapshot.id:
        passed_over = "".join(f" {text}." for text in snapshot.passed_over)
        return Why("no_new_snapshot", f"There is no new snapshot since {snapshot.id[:15]}.{passed_over}")
    if snapshot.quiet_seconds_left(app.settings.snapshot_quiet_seconds, app.now()) > 0:
        return Why("snapshot_resting", f"The snapshot {snapshot.id[:15]} is new; it is taken when it has rested.")
    if wait := wait_for_files(export.source, snapshot, app.settings.snapshot_complete_hours, app.now()):
        return Why("snapshot_incomplete", wait.reason)
    return Why("waiting_for_timer", f"The snapshot {snapshot.id[:15]} is new; the timer starts it when it next looks.")


def _next_due(app: App, export: Export) -> datetime | None:
    if export.connection is None or not isinstance(export.schedule, CronSchedule):
        return None
    return next_due(export.schedule, app.storage.clock.now())


def _schedule_text(export: Export) -> str:
    if isinstance(export.schedule, CronSchedule):
        return f"{export.schedule.cron} {export.schedule.time_zone}"
    return export.schedule.replace("_", " ")
