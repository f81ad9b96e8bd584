"""What people and tools are told of an export."""

from typing import Any

from shared.config.models import CronSchedule, Export
from shared.runs.app import App
from shared.runs.starting import next_due


def export_overview(app: App, export: Export) -> dict[str, Any]:
    """The export's facts and its last run, as plain values."""
    last = next(app.store.latest(export.id, 1), None)
    success = app.store.success(export.id)
    due = next_due(export.schedule, app.storage.clock.now()) if isinstance(export.schedule, CronSchedule) else None
    return {
        "id": export.id,
        "display_name": export.display_name,
        "connection": export.connection,
        "list_id": export.list_id,
        "segments": export.segments,
        "schedule": export.model_dump(mode="json")["schedule"],
        "schedule_text": _schedule_text(export),
        "next_due": due.isoformat() if due else None,
        "last_run": {"run_id": last.run_id, "status": last.state, "started_at": last.times.get("queued")}
        if last
        else None,
        "last_success": {"run_id": success.run_id, "finished_at": success.finished_at} if success else None,
    }


def _schedule_text(export: Export) -> str:
    if isinstance(export.schedule, CronSchedule):
        return f"{export.schedule.cron} {export.schedule.time_zone}"
    return export.schedule.replace("_", " ")
