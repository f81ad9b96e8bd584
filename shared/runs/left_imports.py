"""Imports that nobody confirms any more, and that Brevo may still work on.

A run that has ended early may leave one, and so may a batch that was posted again since an answer was lost. Its slot
stays taken, or the next run's import would run beside it and old values could win: it is freed when Brevo says that the
import is over, or at its deadline.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from shared.app import App
from shared.brevo.client import Imports
from shared.errors import described
from shared.runs.batch import OPEN, Batch
from shared.runs.queue import schedule_confirm
from shared.runs.run_ids import run_address
from shared.runs.slot_rows import Slot, delete_slot, save_slot, slot_rows
from shared.runs.state import SENDING, SUCCEEDED, Run
from shared.storage.forms import OtherFormError, concerns_all
from shared.storage.tables import Row
from shared.times import local_text

_log = logging.getLogger(__name__)

_MOST_WOKEN = 5
# So many runs of an export are looked at for an import that is past its deadline.
_LATE_RUNS = 20


@dataclass(frozen=True, slots=True)
class LeftImport:
    """An import that nobody confirms any more, as far as is known open at Brevo: its slot is taken `until` then.

    Its run has ended, or has posted the same body again since the answer was lost.

    `process` is 0 where none is known. Times are POSIX seconds.
    """

    run: str
    batch: int
    process: int
    posted_at: float
    until: float
    is_unlisted: bool

    def describe(self) -> str:
        """What is known of it, as the end of a sentence that says who waits for it."""
        if not self.process:
            return f"an import of the run {self.run} whose answer was lost; whether Brevo has taken it is not known"
        text = f"the import {self.process} of the ended run {self.run}"
        return f"{text}; Brevo does not list that process any more" if self.is_unlisted else text


def left_imports(app: App, key_setting: str) -> list[LeftImport]:
    """The imports that hold a slot of the account though nobody confirms them any more, the oldest first."""
    slots = [Slot.of(row) for row in slot_rows(app, key_setting) if row.values.get("left_at")]
    found = [
        LeftImport(each.run, each.batch, each.process, each.left_at, each.until, each.is_unlisted)
        for each in slots
        if not each.is_overdue(app.now())
    ]
    return sorted(found, key=lambda each: each.posted_at)


def none_may_come(app: App, key_setting: str, list_id: int) -> bool:
    """Whether no import of an ended run may bring anybody into the list any more, as far as is known.

    One that is past its deadline holds no slot, and Brevo may do it all the same. Raises as BrevoClient does.
    """
    release_left_slots(app, key_setting)
    return not left_imports(app, key_setting) and not _is_any_late(app, key_setting, list_id)


def _is_any_late(app: App, key_setting: str, list_id: int) -> bool:
    """Whether Brevo works on an import of a run of the list that has ended early, however long ago it was posted.

    Of a run whose batches cannot be read nobody knows: it may.
    """
    processes: set[int] = set()
    for run in _ended_early(app, key_setting, list_id):
        try:
            processes |= {each.process_id for each in app.store.batches(run, OPEN) if not each.called_back}
        except Exception as error:
            if concerns_all(error):
                raise
            _log.error("not readable: a batch of run %s: %s", run.run_id, described(error))
            return True
    found = app.brevo(key_setting).imports(processes).wanted if processes else {}
    return any(process.state == "open" for process in found.values())


def _ended_early(app: App, key_setting: str, list_id: int) -> Iterator[Run]:
    """The last runs of the list's exports that have sent something to it and have not succeeded."""
    for export in sorted(app.document_under_way().exports_at(key_setting, list_id)):
        for run in app.store.latest(export, _LATE_RUNS):
            is_to_list = (run.key_setting, run.list_id) == (key_setting, list_id)
            if is_to_list and run.is_final and run.state not in SUCCEEDED and run.counts.contacts_delivered:
                yield run


def slot_notes(app: App, run: Run) -> list[str]:
    """Of a run that has ended: that its imports still hold slots of the account, and how long at most."""
    left = [each for each in left_imports(app, run.key_setting) if each.run == run.run_id]
    if not left:
        return []
    numbers = ", ".join(str(each.process) for each in left if each.process)
    what = (
        f"the {'imports' if len(left) > 1 else 'import'} {numbers}"
        if numbers
        else "an import whose number is not known"
    )
    until = local_text(max(each.until for each in left))
    return [
        f"Brevo may still work on {what}: a slot stays taken until Brevo has ended it, at the latest until {until}. "
        "The next runs of the export wait for that. "
        f"If it is over at Brevo: segment-export release {run.run_id} --yes."
    ]


def release_left(app: App, key_setting: str, left: Sequence[LeftImport]) -> None:
    """Frees the slots of these imports, since a person says that they are over, and lets the account's runs go on."""
    over = {(each.run, each.batch) for each in left}
    for row in slot_rows(app, key_setting):
        if (row.values["run"], row.values["batch"]) in over:
            delete_slot(app, row)
    if over:
        wake_waiting(app, key_setting)


def left_by_its_export(app: App, run: Run) -> list[LeftImport]:
    """The imports that earlier runs of the run's export have left, as far as is known open at Brevo, the oldest first.

    Asks Brevo about them now and then. Raises as BrevoClient does.
    """
    release_left_slots(app, run.key_setting)
    left = of_its_export(left_imports(app, run.key_setting), run)
    return [each for each in left if each.run != run.run_id]


def of_its_export(left: list[LeftImport], run: Run) -> list[LeftImport]:
    """Those that runs of the run's export have left."""
    return [each for each in left if run_address(each.run)[0] == run.export]


def leave_slots(app: App, run: Run) -> None:
    """Frees the slots of a run that has ended, but those of imports that Brevo may still work on."""
    mine = (row for row in slot_rows(app, run.key_setting) if row.values["run"] == run.run_id)
    rows = [row for row in mine if not row.values.get("left_at")]
    if not rows:
        return
    # Of a run that has succeeded no import is open but those that are left already: each of its batches is confirmed.
    batches = {} if run.state in SUCCEEDED else {batch.number: batch for batch in app.store.batches(run)}
    for row in rows:
        batch = batches.get(Slot.of(row).batch)
        if batch is not None and batch.may_be_open:
            leave(app, row, batch)
        else:
            delete_slot(app, row)


def leave(app: App, row: Row, batch: Batch) -> None:
    """The slot stays taken for what the batch may have open at Brevo, whatever becomes of its run."""
    if row.values.get("left_at"):
        return
    # With an import of unknown number beside it, the known one says nothing of when both are over.
    process = 0 if batch.has_lost_import else batch.process_id
    slot = replace(Slot.of(row), left_at=batch.posted_at or app.now(), process=process)
    if slot.is_overdue(app.now()):
        delete_slot(app, row)
    else:
        save_slot(app, Row(row.partition, row.key, asdict(slot), row.etag))


def release_left_slots(app: App, key_setting: str) -> None:
    """Asks Brevo, now and then, about the imports that are left and still hold a slot of this account.

    Raises as BrevoClient does.
    """
    _leave_late_ones(app, key_setting)
    left = [(row, Slot.of(row)) for row in slot_rows(app, key_setting) if row.values.get("left_at")]
    due = [(row, slot) for row, slot in left if slot.next_poll_at() <= app.now()]
    if not due:
        return
    known = {slot.process for _, slot in due if slot.process}
    imports = app.brevo(key_setting).imports(known, until_open=not all(slot.process for _, slot in due))
    over = [row for row, slot in due if _is_over(imports, slot, app.now())]
    for row, slot in due:
        if row in over:
            delete_slot(app, row)
        else:
            is_unlisted = bool(slot.process) and slot.process not in imports.wanted
            values = {**row.values, "polled_at": app.now(), "is_unlisted": is_unlisted}
            save_slot(app, Row(row.partition, row.key, values, row.etag))
    if over:
        wake_waiting(app, key_setting)


def _leave_late_ones(app: App, key_setting: str) -> None:
    """Leaves the slots that a late worker has taken for a run behind whose end all was cleared up already."""
    for run_id in {row.values["run"] for row in slot_rows(app, key_setting) if not row.values.get("left_at")}:
        with suppress(OtherFormError):  # another release cares for it
            run = app.store.load(run_id)
            if run is not None and run.is_final:
                leave_slots(app, run)


def _is_over(imports: Imports, slot: Slot, now: float) -> bool:
    """An import whose number is not known is over when Brevo works on none at all."""
    if slot.is_overdue(now):
        return True
    if not slot.process:
        return not imports.any_open
    process = imports.wanted.get(slot.process)
    return process is not None and process.state != "open"


def wake_waiting(app: App, key_setting: str, but: str = "") -> None:
    """Lets some of the account's open runs look for a free slot now instead of at their next turn.

    Those without a slot, the oldest first. Where hundreds wait, a slot for one of them is not worth a step of each at
    the end of each: the others look by themselves.
    """
    waiting = [run_id for run_id, setting in app.store.open_runs() if setting == key_setting and run_id != but]
    rows = slot_rows(app, key_setting) if len(waiting) > _MOST_WOKEN else []  # else none is to be chosen
    holding, woken = {row.values["run"] for row in rows}, 0
    # The older a run, the greater its key.
    for run_id in sorted(waiting, key=lambda each: (each not in holding, run_address(each)[1]), reverse=True):
        try:
            woken += _wake(app, run_id)
        except Exception as error:
            if concerns_all(error):
                raise
            _log.error("run %s was not woken: %s", run_id, described(error))
        if woken >= _MOST_WOKEN:
            return


def _wake(app: App, run_id: str) -> bool:
    run = app.store.load(run_id)
    if run is None or run.state not in SENDING:
        return False
    schedule_confirm(app, run, 0)
    return True
