"""What people and tools are told of a run."""

from collections.abc import Iterator
from typing import Any

from shared.errors import ConfigurationError
from shared.runs import ending
from shared.runs.app import App
from shared.runs.model import Run, is_run_id
from shared.runs.rejected import rejected_csv


def find_run(app: App, run_id: str) -> Run:
    """The run. Raises ConfigurationError where there is none."""
    run = app.store.load(run_id) if is_run_id(run_id) else None
    if run is None:
        raise ConfigurationError(
            "run_unknown", "There is no such run.", "The ids of an export's runs are listed by `status`."
        )
    return run


def run_status(app: App, run: Run, *, story: bool = False) -> dict[str, Any]:
    """The run's whole status as plain values.

    Books: rows_read = contacts_mapped + rows_merged + rows_rejected;
    contacts_delivered = contacts_confirmed + contacts_rejected_by_brevo + still open.
    """
    notes = (
        [*run.notes, *(batch.note for batch in app.store.batches(run) if batch.note)]
        if run.counts.batches
        else run.notes
    )
    if run.left_out:
        notes = [*notes, f"Sent without attributes that the account lacks: {', '.join(run.left_out)}."]
    run = ending.totals(app, run)
    status: dict[str, Any] = {
        "run_id": run.run_id,
        "export": run.export,
        "status": run.state,
        "trigger": run.trigger,
        "started_by": run.started_by,
        "started_at": run.times.get("queued"),
        "finished_at": run.times.get(run.state) if run.is_final else None,
        "times": dict(sorted(run.times.items(), key=lambda item: item[1])),
        "snapshot": run.snapshot or None,
        "segments": run.segments,
        "rows_read": run.counts.rows_read,
        "rows_merged": run.counts.rows_merged,
        "rows_rejected": run.counts.rows_rejected,
        "warnings": run.counts.warnings,
        "contacts_mapped": run.counts.contacts_mapped,
        "contacts_delivered": run.counts.contacts_delivered,
        "contacts_confirmed": run.counts.contacts_confirmed,
        "contacts_rejected_by_brevo": run.counts.contacts_rejected_by_brevo,
        "contacts_removed": 0,
        "batches": run.counts.batches,
        "requests": run.counts.requests,
        "bytes_sent": run.counts.bytes_sent,
        "allowance": run.allowance or None,
        "waiting": None if run.is_final else run.waiting or None,
        "notes": notes,
        "error": None,
    }
    if run.error is not None:
        status["error"] = {"code": run.error.code, "message": run.error.message, "advice": run.error.advice}
    if story:
        status["story"] = app.store.events(run.run_id)
    return status


def rejected_rows(app: App, run: Run) -> Iterator[bytes]:
    """The run's rejected rows and warnings as CSV, in chunks."""
    return rejected_csv(app.storage.app_blobs, run.run_id, run.rejected_id)
