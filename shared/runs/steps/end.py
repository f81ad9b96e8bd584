"""How a run ends: its books are closed, its slots freed, its bodies deleted, the account's other runs woken."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from shared.app import App
from shared.brevo.processes import NUMBER_TAKEN
from shared.runs.batch import SPLIT, Batch
from shared.runs.delivered import drop_undelivered
from shared.runs.left_imports import leave_slots, wake_waiting
from shared.runs.measuring import ended_line, measure_end
from shared.runs.problem import Problem
from shared.runs.queue import send_ended
from shared.runs.state import Run
from shared.staging.bodies import STAGED

_log = logging.getLogger(__name__)

# Whether a run is still as it was when its end was decided. A decision on a row that has moved since changes nothing.
Still = Callable[[Run], bool]


def totals(run: Run, batches: Sequence[Batch]) -> Run:
    """The run with its batches added up, unless it has ended: then they are."""
    return run if run.is_final else _added_up(run, batches)


def _added_up(run: Run, batches: Sequence[Batch]) -> Run:
    """*Delivered* counts what Brevo took, confirmed or still open.

    Contacts that move stay delivered with their first batch, and are open until their last one is confirmed.
    """
    rejected: Counter[str] = Counter()
    warnings = Counter(run.counts.warnings)
    delivered = confirmed = 0
    for batch in batches:
        if batch.process_id and batch.state in ("delivered", "confirmed", "failed") and not batch.holds_moved:
            delivered += batch.contacts
        if batch.state == "confirmed":
            rejected.update(batch.rejected)
            taken = batch.contacts - sum(batch.rejected.values()) - batch.moved
            confirmed += taken
            warnings[NUMBER_TAKEN] += taken * batch.holds_moved
    counts = replace(
        run.counts,
        contacts_delivered=delivered,
        contacts_confirmed=confirmed,
        contacts_rejected_by_brevo=dict(rejected),
        warnings={reason: count for reason, count in warnings.items() if count},
        batches=max(run.counts.batches, len(batches)),
    )
    return replace(run, counts=counts)


def succeed(app: App, run: Run, batches: list[Batch]) -> None:
    """Ends a run of which Brevo has confirmed every batch."""
    all_read = not any(batch.note for batch in batches)
    _finish(app, run, lambda now: _added_up(now, batches).succeeded(app.time(), all_read=all_read))


def skip(app: App, run: Run, problem: Problem, still: Still) -> None:
    """Ends a run that has nothing to do, where it is still as it was when that was decided."""
    _finish(app, run, lambda now: now.skipped(problem, app.time()) if still(now) else None)


def fail_unsent(app: App, run_id: str, problem: Problem, still: Still, tried: Callable[[Run], str]) -> Run:
    """Ends a run that cannot go on and has posted nothing, where it is still as it was when that was decided.

    `tried` gives the snapshot that it was to send, empty for none. Returns it as it is.
    """

    def change(run: Run) -> Run | None:
        return replace(run, snapshot=tried(run)).failed(problem, 0, app.time()) if still(run) else None

    return _finish(app, run_id, change)


def end_hold(app: App, run_id: str, problem: Problem, still: Still) -> Run:
    """Ends a run that is held and that nobody has approved, where it is still as it was when that was decided."""
    return _finish(app, run_id, lambda run: run.hold_ended(problem, app.time()) if still(run) else None)


def stop(app: App, run: Run) -> Run:
    """Ends a run as was decided, and says what Brevo has; returns it as it is. No worker may be posting for it."""

    def change(now: Run) -> Run | None:
        batches = app.store.batches(now)
        return _added_up(now, batches).stopped(_unanswered(batches), app.time())

    return _finish(app, run, change)


def _unanswered(batches: Sequence[Batch]) -> int:
    """How many contacts Brevo may have of which nobody knows. Those that move have counted with their first batch."""
    sent = [batch for batch in batches if batch.may_be_there and not batch.holds_moved]
    in_files = sum(batch.contacts for batch in sent if batch.state == "splitting")
    in_bodies = sum(batch.contacts for batch in sent) - in_files
    return in_bodies + min(in_files, _in_no_body_yet(batches))


def _in_no_body_yet(batches: Sequence[Batch]) -> int:
    """How many contacts of files that were posted are still to be put into bodies: the others count with theirs."""
    files = sum(batch.contacts for batch in batches if batch.state in SPLIT and batch.posts)
    return files - sum(batch.contacts for batch in batches if batch.was_in_file)


def _finish(app: App, run: Run | str, change: Callable[[Run], Run | None]) -> Run:
    ended, is_ours = app.store.finish(run, change)
    if is_ours:
        measure_end(ended)
    if ended.is_final:
        tidy(app, ended)
    return ended


def tidy(app: App, run: Run) -> None:
    """Logs the end, clears up behind it, and only then takes the run off the list: a sweep can repeat this.

    Others hear of the end first: what is to be deleted may be denied for as long as nobody hears of it.
    """
    _log.info("%s", ended_line(run))
    leave_slots(app, run)
    wake_waiting(app, run.key_setting, but=run.run_id)
    send_ended(app, run)
    app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/")
    drop_undelivered(app, run)
    app.store.drop_open(run.run_id)
