"""What follows once Brevo has confirmed all imports: who left the segment leaves the list, and the ledger is written.

An undo has no imports, and puts contacts back as well. Whom to remove and to add was written down when the run was
staged. Each request is safe to repeat: who is not in the list any more, or in it already, is done. So the run's row
notes now and then how many are done, and a worker that is lost repeats only a few requests.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import batched

from shared.app import App
from shared.brevo.removal import MOST_A_REQUEST, add_contacts, removal_bodies, remove_contacts
from shared.brevo.session import BrevoSession
from shared.brevo.single_contacts import find_single
from shared.counting import counted
from shared.errors import PermanentError
from shared.runs.batch import Batch
from shared.runs.claim import is_still_open, looking_each_time
from shared.runs.kinds import CHANGES_LIST, command_again
from shared.runs.ledgers import keep_ledger
from shared.runs.left_imports import left_by_its_export
from shared.runs.queue import schedule_confirm
from shared.runs.removing import (
    leave_in_record,
    leave_whom_others_keep,
    note_not_removed,
    read_additions,
    read_not_removed,
    read_removals,
)
from shared.runs.same_account import brevo_of
from shared.runs.state import Run
from shared.storage.failures import NotFound

# A step takes less than the host lets a function take.
_STEP_SECONDS = 120.0
_LOOK_SECONDS = 15.0
_NOTED_EVERY = 10 * MOST_A_REQUEST


@dataclass
class _NotRemoved:
    """Whom Brevo has not removed so far, by its numbers, and what it says of some of them, if anything."""

    numbers: set[int]
    refusal: str = ""


def settle(app: App, run: Run, batches: list[Batch]) -> bool:
    """Removes who is to be removed, adds who is to be added, and writes the ledger.

    False where it goes on in another step. Raises the three kinds of ExportError.
    """
    for change in (_remove, _add):
        changed = change(app, run)
        if changed is None:
            return False
        run = changed
    if run.keeps_ledger:
        leave_in_record(app, run, read_not_removed(app, run))
        keep_ledger(app, run, batches)
    return True


def _remove(app: App, run: Run) -> Run | None:
    """Removes those that are left to be removed. None where the run goes on later, or its end is decided."""
    if run.counts.all_removed:
        return run
    if not run.counts.contacts_removed and _waits_for_imports(app, run):
        return None

    left = _NotRemoved(read_not_removed(app, run))
    numbers, done = _read(read_removals, app, run, "take out of"), run.counts.contacts_removed
    if numbers and not run.is_removing:
        run = app.store.update(run, _removing)
    if numbers and not done and run.is_removing:
        run, numbers = _begun(app, run)
    changed = _change(
        app, run, numbers[done:], done, partial(_take_out, app, run, left), partial(_noted_removals, app, left)
    )
    if changed and numbers:
        text = f"{changed.counts.contacts_removed:,} contacts have left the list."
        app.store.add_event(run.run_id, "removed", text)
    return changed


def _take_out(app: App, run: Run, left: _NotRemoved, session: BrevoSession, numbers: tuple[int, ...]) -> None:
    known = frozenset(left.numbers)
    left.numbers.difference_update(numbers)
    for body in removal_bodies("ids", numbers):
        removed = remove_contacts(session, run.list_id, body)
        left.numbers.update(removed.failed)
        left.refusal = removed.refusal or left.refusal
    if left.numbers != known:
        note_not_removed(app, run, left.numbers)


def _noted_removals(app: App, left: _NotRemoved, now: Run, *, done: int, requests: int) -> Run | None:
    """So many are done, and so many of them Brevo has not removed; None where it is noted already."""
    if now.counts.all_removed:
        return None
    changed = now.changed_list(done, now.counts.contacts_added, requests, app.time(), app.graces)
    return changed and _with_failed(changed, len(left.numbers), left.refusal)


def _with_failed(run: Run, failed: int, refusal: str) -> Run:
    """The run that Brevo has not removed so many for. Once it is at the end of them, only the others count.

    `refusal` is what Brevo has said of some of them, if anything.
    """
    run = replace(run, counts=replace(run.counts, contacts_not_removed=failed))
    if not failed or not run.counts.all_removed:
        return run
    who = counted(failed, "contact")
    note = f"Brevo did not remove {who}. {refusal}" if refusal else f"Brevo did not remove {who}, and does not say why."
    if run.kind in ("undo", "clear"):
        note += " Who of them is still in the list stays there: take them out in Brevo."
    else:
        note += " Who of them is still in the list is taken out by the next run."
    left = run.removes_only(run.counts.contacts_to_remove - failed) or run
    counts = replace(left.counts, contacts_removed=left.counts.contacts_to_remove)
    return replace(left, counts=counts, notes=[*run.notes, note])


def _waits_for_imports(app: App, run: Run) -> bool:
    """Whether an import is waited for that an earlier run has left at Brevo: it would bring back who is removed now.

    A run that sends something has waited for it with its first import, and a clear before it was staged.
    """
    left = left_by_its_export(app, run)
    if not left:
        return False
    words = f"It removes nobody yet: it waits for {left[0].describe()}."
    due, until = app.now() + _LOOK_SECONDS, max(each.until for each in left)
    schedule_confirm(
        app, run, _LOOK_SECONDS, lambda now: now.waiting_for(words, now=app.now(), until=due, deadline=until)
    )
    return True


def _begun(app: App, run: Run) -> tuple[Run, Sequence[int]]:
    """Whom to remove, less whom another export of the list has sent since the run was staged.

    The run's row says by now that it is removing. What another export sends later waits for that: `removal_beside`.
    """
    numbers = leave_whom_others_keep(app, run)
    if stay := run.counts.contacts_to_remove - len(numbers):
        run = app.store.update(run, lambda now: now.removes_only(len(numbers)))
        text = f"{counted(stay, 'contact')} shown to be removed: another export has sent them to the list meanwhile."
        app.store.add_event(run.run_id, "fallen_out", text)
    app.store.add_event(run.run_id, "removing", f"{counted(len(numbers), 'contact')} to be taken out of the list.")
    return run, numbers


def _add(app: App, run: Run) -> Run | None:
    """The same for those that an undo puts back."""
    if run.counts.all_added:
        return run

    missing = run.counts.contacts_not_added

    def add(session: BrevoSession, numbers: tuple[int, ...]) -> None:
        nonlocal missing
        parts = batched(numbers, MOST_A_REQUEST, strict=False)
        left = [each for part in parts for each in add_contacts(session, run.list_id, part)]
        missing += _not_there(session, run.list_id, left)

    def noted(now: Run, done: int, requests: int) -> Run | None:
        return _noted_additions(app, missing, now, done, requests)

    numbers, done = _read(read_additions, app, run, "put back into"), run.counts.contacts_added
    changed = _change(app, run, numbers[done:], done, add, noted)
    if changed and numbers:
        app.store.add_event(run.run_id, "added", f"{changed.counts.contacts_added:,} contacts are in the list again.")
    return changed


def _not_there(session: BrevoSession, list_id: int, numbers: list[int]) -> int:
    """How many of these contacts, of whom Brevo did not say that it has added them, are not in the list.

    Many of them are those whom a worker that was lost has added, so only the first are looked up.
    """
    found = (find_single(session, str(number), "contact_id") for number in numbers[:MOST_A_REQUEST])
    return sum(each is None or list_id not in each.lists for each in found)


def _noted_additions(app: App, missing: int, now: Run, done: int, requests: int) -> Run | None:
    """So many are done, and so many of them are not in the list. At the end only the others count."""
    if now.counts.all_added:
        return None
    changed = now.changed_list(now.counts.contacts_removed, done, requests, app.time(), app.graces)
    if changed is None or not missing:
        return changed
    counts = replace(changed.counts, contacts_not_added=missing)
    if not counts.all_added:
        return replace(changed, counts=counts)
    added = counts.contacts_to_add - missing
    after = changed.list_after - missing if changed.list_after is not None else None
    note = f"{counted(missing, 'contact')} could not be put back: Brevo did not do it, or has them no more."
    counts = replace(counts, contacts_to_add=added, contacts_added=added)
    return replace(changed, counts=counts, list_after=after, notes=[*changed.notes, note])


def _read(read: Callable[[App, Run], Sequence[int]], app: App, run: Run, what: str) -> Sequence[int]:
    """The numbers that were written down; none where another worker has ended the run meanwhile, and they with it."""
    try:
        return read(app, run)
    except NotFound:
        now = app.store.load(run.run_id) or run
        if now.is_final or (now.counts.all_removed and now.counts.all_added):
            return []
        raise PermanentError(
            "removals_missing",
            f"Whom to {what} the list was written down and is gone.",
            f"Ask for it again: {command_again(run.kind, run.export, run.undo_of)}"
            if run.kind in CHANGES_LIST
            else "Run the export again.",
        ) from None


def _removing(run: Run) -> Run | None:
    return None if run.is_stopping or run.is_final else replace(run, is_removing=True)


def _list_changed(run: Run) -> Run | None:
    return None if run.is_stopping or run.is_final else replace(run, is_list_changed=True)


def _change(
    app: App,
    run: Run,
    numbers: Sequence[int],
    done: int,
    change: Callable[[BrevoSession, tuple[int, ...]], None],
    noted: Callable[..., Run | None],
) -> Run | None:
    """Changes the list contact by contact, and notes now and then how many are `done`; None as above.

    That it begins is noted before, or a run that ends meanwhile would say that nothing was done.
    """
    if numbers and not run.is_list_changed:
        run = app.store.update(run, _list_changed)
        if run.is_stopping or run.is_final:
            schedule_confirm(app, run, 0)
            return None
    brevo = brevo_of(app, run, looking_each_time(partial(is_still_open, app, run)))
    until, seen, left = app.now() + _STEP_SECONDS, 0, len(numbers)
    for part in batched(numbers, _NOTED_EVERY, strict=False):
        change(brevo.session, part)
        done, left = done + len(part), left - len(part)
        requests = brevo.session.traffic.requests - seen
        seen += requests
        run = app.store.update(run, partial(noted, done=done, requests=requests))
        if run.is_stopping or run.is_final or (app.now() > until and left):
            schedule_confirm(app, run, 0)
            return None
    return run
