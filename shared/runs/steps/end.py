"""How a run ends: its books are closed, its slots freed, its bodies deleted, the account's other runs woken."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from shared.app import App
from shared.errors import ExportError
from shared.runs.queue import schedule_confirm, send_ended
from shared.runs.slots import free_slots
from shared.runs.state import SENDING, Problem, Run
from shared.staging.bodies import STAGED

# Whether a run is still as it was when its end was decided. A decision on a row that has moved since changes nothing.
Still = Callable[[Run], bool]


def totals(app: App, run: Run) -> Run:
    """The run with its batches added up. *Delivered* counts what Brevo took, confirmed or still open."""
    if run.is_final:
        return run
    rejected: Counter[str] = Counter()
    delivered = confirmed = 0
    for batch in app.store.batches(run):
        if batch.process_id and batch.state in ("delivered", "confirmed", "failed"):
            delivered += batch.contacts
        if batch.state == "confirmed":
            rejected.update(batch.rejected)
            confirmed += batch.contacts - sum(batch.rejected.values())
    counts = replace(
        run.counts,
        contacts_delivered=delivered,
        contacts_confirmed=confirmed,
        contacts_rejected_by_brevo=dict(rejected),
    )
    return replace(run, counts=counts)


def succeed(app: App, run_id: str) -> None:
    """Ends a run of which Brevo has confirmed everything."""
    _finish(app, run_id, lambda run: totals(app, run).succeeded(app.time()))


def fail(app: App, run_id: str, error: ExportError, still: Still = lambda run: True) -> None:
    """Ends a run that cannot go on, where it is still as it was when that was decided; says what was sent."""

    def change(run: Run) -> Run | None:
        return totals(app, run).failed(Problem.of(error), app.time()) if still(run) else None

    _finish(app, run_id, change)


def cancel(app: App, run_id: str) -> None:
    """Ends a run because a person has asked for it; says what Brevo has already."""
    _finish(app, run_id, lambda run: totals(app, run).cancelled(app.time()))


def skip(app: App, run_id: str, problem: Problem, still: Still) -> None:
    """Ends a run that has nothing to do, where it is still as it was when that was decided."""
    _finish(app, run_id, lambda run: run.skipped(problem, app.time()) if still(run) else None)


def _finish(app: App, run_id: str, change: Callable[[Run], Run | None]) -> None:
    run = app.store.finish(run_id, change)
    if run.is_final:
        tidy(app, run)


def tidy(app: App, run: Run) -> None:
    """Clears up behind a final run. Only then is it off the list of open runs, so that a sweep can repeat this."""
    free_slots(app, run)
    app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/")
    _wake_others(app, run)
    send_ended(app, run)
    app.store.drop_open(run.run_id)


def _wake_others(app: App, run: Run) -> None:
    """Lets the account's other open runs look for a free slot now instead of at their next turn."""
    for run_id, key_setting in app.store.open_runs():
        if key_setting == run.key_setting and run_id != run.run_id:
            other = app.store.load(run_id)
            if other is not None and other.state in SENDING:
                schedule_confirm(app, run_id, 0)
