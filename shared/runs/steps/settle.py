"""What follows once Brevo has confirmed all imports: who left the segment leaves the list, and the ledger is written.

Whom to remove was written down when the run was staged. Each request is safe to repeat: who is not in the list any more
is done. So the run's row notes now and then how many are done, and a worker that is lost repeats only a few requests.
"""

from itertools import batched

from shared.app import App
from shared.brevo.removal import MOST_A_REQUEST, removal_bodies, remove_contacts
from shared.counting import counted
from shared.errors import PermanentError
from shared.runs.batch import Batch
from shared.runs.ledgers import keep_ledger, leave_whom_others_keep, read_removals
from shared.runs.queue import schedule_confirm
from shared.runs.state import Run
from shared.storage.failures import NotFound

# A step takes less than the host lets a function take.
_STEP_SECONDS = 120.0
_NOTED_EVERY = 10 * MOST_A_REQUEST


def settle(app: App, run: Run, batches: list[Batch]) -> bool:
    """Removes who is to be removed and writes the ledger; False where it goes on in another step.

    Raises the three kinds of ExportError.
    """
    if run.counts.contacts_removed < run.counts.contacts_to_remove and not _remove(app, run):
        return False
    if run.keeps_ledger:
        keep_ledger(app, run, batches)
    return True


def _remove(app: App, run: Run) -> bool:
    """Removes those that are left. False where the run goes on later, or its end is decided."""
    try:
        numbers = read_removals(app, run)
    except NotFound:
        if _is_done(app, run):
            return True
        raise PermanentError(
            "removals_missing", "Whom to take out of the list was written down and is gone.", "Run the export again."
        ) from None
    done = run.counts.contacts_removed
    if not done:
        run, numbers = _begun(app, run)
    brevo, until, counted = app.brevo(run.key_setting), app.now() + _STEP_SECONDS, 0
    for part in batched(numbers[done:], _NOTED_EVERY, strict=False):
        for body in removal_bodies("ids", part):
            remove_contacts(brevo.session, run.list_id, body)
        done += len(part)
        requests, counted = brevo.session.traffic.requests - counted, brevo.session.traffic.requests
        run = _noted(app, run, done, requests)
        if run.is_stopping or run.is_final or (app.now() > until and done < len(numbers)):
            schedule_confirm(app, run, 0)
            return False
    app.store.add_event(run.run_id, "removed", f"{len(numbers):,} contacts have left the list.")
    return True


def _begun(app: App, run: Run) -> tuple[Run, list[int]]:
    """Whom to remove, less whom another export of the list has sent since the run was staged."""
    numbers = leave_whom_others_keep(app, run)
    if stay := run.counts.contacts_to_remove - len(numbers):
        run = app.store.update(run, lambda now: now.removes_only(len(numbers)))
        text = f"{counted(stay, 'contact')} shown to be removed: another export has sent them to the list meanwhile."
        app.store.add_event(run.run_id, "fallen_out", text)
    app.store.add_event(run.run_id, "removing", f"{counted(len(numbers), 'contact')} to be taken out of the list.")
    return run, numbers


def _is_done(app: App, run: Run) -> bool:
    """Whether another worker has removed all meanwhile: then what was written down has gone with the run's end."""
    now = app.store.load(run.run_id) or run
    return now.is_final or now.counts.contacts_removed >= now.counts.contacts_to_remove


def _noted(app: App, run: Run, removed: int, requests: int) -> Run:
    return app.store.update(run, lambda now: now.removed(removed, requests, app.time(), app.graces))
