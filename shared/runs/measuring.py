"""What is counted of runs. docs/operate.md has the list; no measure is about a single person or run."""

from datetime import UTC, datetime

from shared import telemetry
from shared.runs.run_ids import started_at
from shared.runs.state import Run


def measure_end(run: Run) -> None:
    """Counts a run that has just ended: once, by the worker whose write ended it. Only what sends a segment counts."""
    if not run.sends_segment:
        return
    telemetry.count("segment_export.contacts.delivered", run.counts.contacts_delivered, export=run.export)
    telemetry.count("segment_export.contacts.confirmed", run.counts.contacts_confirmed, export=run.export)
    telemetry.count("segment_export.contacts.removed", run.counts.contacts_removed, export=run.export)
    for reason, rows in (run.counts.rows_rejected | run.counts.contacts_rejected_by_brevo).items():
        telemetry.count("segment_export.contacts.rejected", rows, export=run.export, reason=reason)
    took = datetime.fromisoformat(run.times[run.state]) - started_at(run.run_id)
    telemetry.record("segment_export.run.duration", took.total_seconds(), export=run.export, state=run.state)


def measure_open(run_ids: list[str], now: datetime) -> None:
    """Tells the age of the oldest of these runs, which work or should; 0 where there is none."""
    oldest = min(map(started_at, run_ids), default=now)
    telemetry.gauge("segment_export.runs.oldest_open", max(0.0, (now.astimezone(UTC) - oldest).total_seconds()))


def ended_line(run: Run) -> str:
    """How a run ended, or why it is held, in the one line that alerts and queries read (infra/queries).

    It holds names and counts alone. A trial's and an undo's begin otherwise, so that they pass them over: they would
    count as the export's success.
    """
    happened, problem = ("held", run.held_for) if run.is_held else ("ended", run.error)
    return (
        f"{'run' if run.sends_segment else run.kind} {happened}: run={run.run_id} export={run.export} state={run.state}"
        f" code={problem.code if problem else 'none'}"
        f" rows_read={run.counts.rows_read} rows_rejected={sum(run.counts.rows_rejected.values())}"
        f" delivered={run.counts.contacts_delivered} confirmed={run.counts.contacts_confirmed}"
        f" rejected_by_brevo={run.counts.rejected_by_brevo}"
    )
