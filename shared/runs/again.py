"""Why no trigger starts an export once more: what became of its last run, what happens next, how to run it now."""

from dataclasses import dataclass
from datetime import datetime

from shared.app import App
from shared.config.models import CronSchedule
from shared.runs.run_ids import is_run_id
from shared.runs.state import Run
from shared.runs.tries import SAVED, Started, Tries, is_guard
from shared.times import local_text

_TIME_CHARACTERS = len("2026-11-24T0500")


@dataclass(frozen=True, slots=True)
class Why:
    """Why an export does not run now."""

    code: str
    text: str


def why_snapshot_is_not_run_again(app: App, export_id: str, started: Started, exported: Why) -> Why:
    """Why no trigger starts the newest snapshot, which `started` covers. `exported` where a run has sent it."""
    time = started.snapshot[:_TIME_CHARACTERS]
    if started.unsent == SAVED:
        return Why(
            "snapshot_not_run",
            f"The snapshot {time} was there when the export was saved, and no run has taken it. "
            f"A newer snapshot starts the next run. {run_now(export_id)}",
        )
    next_start = "A newer snapshot starts the next run."
    return why_after_last_run(app, export_id, started, started.snapshot_tries, next_start) or exported


def why_due_time_is_not_run_again(
    app: App, export_id: str, started: Started, due: datetime | None, schedule: CronSchedule
) -> Why:
    """Why a cron export does not run now; `due` is its next time, in local time, where there is one."""
    when = local_text(due) if due else ""
    next_start = f"The next run is due at {when}." if when else "No further run is due."
    not_due = Why("not_due", f"It is not due before {when}." if when else "It is not due.")
    return why_after_last_run(app, export_id, started, started.due_tries, next_start) or not_due


def why_after_last_run(app: App, export_id: str, started: Started, tries: Tries, next_start: str) -> Why | None:
    """What is said where the last run did not succeed; None where it did, or there was none.

    `next_start`: what starts the next run where the last one is not tried again.
    """
    following = tries.next_words(app.now())
    last = app.store.load(started.unsent) if is_run_id(started.unsent) else None
    if last is None and not following:
        return None
    # A run that was given up waits for what starts the next one as well.
    following = f"{following} {next_start}" if tries.is_given_up else following or next_start
    happened = _happened(last) if last else "The last run failed."
    return Why(_code(last, tries), f"{happened} {following} {run_now(export_id, last)}")


def run_now(export_id: str, last: Run | None = None) -> str:
    """The command that runs the export now; past the guard that stopped its last run."""
    is_stopped = last is not None and last.error is not None and is_guard(last.error.code)
    return f"To run it now: segment-export run {export_id}{' --accept' if is_stopped else ''}"


def _happened(last: Run) -> str:
    message = last.error.message if last.error else "It has no error."
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
