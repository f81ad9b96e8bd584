"""How a run ends: its books are closed, its slots freed, its bodies deleted, the account's other runs woken."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from shared.errors import ExportError
from shared.runs.announcing import announce
from shared.runs.app import App
from shared.runs.messages import Message, drive_by, send_for
from shared.runs.model import Problem, Run, State
from shared.runs.slots import free_slots

STAGED = "staged"


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


def succeed(app: App, run_id: str) -> Run:
    """Ends a run of which Brevo has confirmed everything."""

    def change(run: Run) -> Run:
        run = totals(app, run)
        return _ended(app, run, "succeeded_with_rejections" if run.counts.rejected else "succeeded")

    return _finish(app, run_id, change)


def fail(app: App, run_id: str, error: ExportError) -> Run:
    """Ends a run that cannot go on; says whether anything was sent."""

    def change(run: Run) -> Run:
        run = totals(app, run)
        return replace(_ended(app, run, "failed"), error=_with_what_was_sent(Problem.of(error), run))

    return _finish(app, run_id, change)


def cancel(app: App, run_id: str) -> Run:
    """Ends a run at a person's wish; says what Brevo has already."""

    def change(run: Run) -> Run:
        run = totals(app, run)
        problem = Problem("cancelled", f"Cancelled by {run.cancel_requested_by or 'a person'}.", "")
        return replace(_ended(app, run, "cancelled"), error=_with_what_was_sent(problem, run))

    return _finish(app, run_id, change)


def skip(app: App, run_id: str, problem: Problem) -> Run:
    """Ends a run that has nothing to do."""
    return _finish(app, run_id, lambda run: replace(_ended(app, run, "skipped"), error=problem))


def _ended(app: App, run: Run, state: State) -> Run:
    return replace(run.entered(state, app.storage.clock.now()), owner="", owner_until=0.0)


def _with_what_was_sent(problem: Problem, run: Run) -> Problem:
    counts = run.counts
    if not counts.contacts_delivered:
        return replace(problem, message=f"{problem.message} Nothing was sent.")
    return replace(
        problem,
        message=f"{problem.message} Brevo already has {counts.contacts_delivered:,} of {counts.contacts_mapped:,}"
        f" contacts ({counts.open_contacts:,} of them not confirmed).",
    )


def _finish(app: App, run_id: str, change: Callable[[Run], Run]) -> Run:
    run = app.store.finish(run_id, change)
    tidy(app, run)
    return run


def tidy(app: App, run: Run) -> None:
    """Clears up behind a final run. Only then is it off the list of open runs, so that a sweep can repeat this."""
    free_slots(app, run)
    app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/")
    _wake_others(app, run)
    announce(app, run)
    app.store.forget_open(run.run_id)


def _wake_others(app: App, run: Run) -> None:
    """Lets the account's other open runs look for a free slot now instead of at their next turn."""
    for run_id, account in app.store.open_runs():
        if account == run.account and run_id != run.run_id:
            other = app.store.load(run_id)
            if other is not None and other.state in ("delivering", "confirming"):
                call_confirm(app, run_id, 0)


def call_confirm(app: App, run_id: str, delay_seconds: float, changed: Callable[[Run], Run] = lambda run: run) -> None:
    """Sends the run's confirm message and makes every earlier one stale, so that one drives it.

    `changed` is what else is to be written in the run's row.
    """

    def change(run: Run) -> Run | None:
        if run.is_final:
            return None
        return replace(changed(run), confirm_number=run.confirm_number + 1, drive_by=drive_by(app, delay_seconds))

    run = app.store.update(run_id, change)
    if not run.is_final:
        send_for(app, Message(run_id, "confirm", number=run.confirm_number), delay_seconds)
