"""An account's import slots, over all its runs and workers: rows that name the batch which holds them.

A live run's slot has no expiry. It is free when its batch is done with, which any worker can read for itself, so a slot
is neither lost with a worker nor taken from a live import by a clock that is off. The slot of an import that nobody
confirms any more stays taken (`left_imports.py`).
"""

import logging
from collections.abc import Iterable
from dataclasses import asdict, replace

from shared.app import App
from shared.errors import described
from shared.runs.batch import Batch
from shared.runs.left_imports import LeftImport, leave, left_imports, of_its_export
from shared.runs.run_ids import run_address
from shared.runs.slot_rows import Slot, delete_slot, save_slot, slot_rows
from shared.runs.state import Run
from shared.storage.forms import OtherFormError, concerns_all
from shared.storage.tables import Row

_log = logging.getLogger(__name__)


def take_slot(app: App, run: Run, batch: Batch, slots: int, deadline_hours: float) -> bool:
    """True when the batch holds one of the account's slots now, or held it already.

    `deadline_hours` is how long Brevo may take for an import.
    """
    held = {row.key: row for row in slot_rows(app, run.key_setting)}
    mine = asdict(Slot(run.run_id, batch.number, deadline_hours, batch.posts))
    for row in held.values():
        if _holds(row, run, batch.number):
            # For another post it is another row: who still frees it for the one before must not find it as it was.
            return Slot.of(row).posts >= batch.posts or save_slot(app, replace(row, values=mine))
    if _is_older_open(app, run, held.values()) or removal_beside(app, run):
        return False
    # Slots that nobody holds first: whether another is free takes two reads.
    for number in sorted(range(slots), key=lambda number: f"slot-{number}" in held):
        there = held.get(f"slot-{number}")
        if there is not None and not _is_done_with(app, there):
            continue
        if save_slot(app, Row(run.key_setting, f"slot-{number}", mine, there.etag if there else None)):
            return True
    return False


def free_slots(app: App, run: Run, done: Iterable[Batch], *, any_open: bool = True) -> None:
    """Frees the slots of these batches of the run: their imports are over.

    Not one that is taken for a later post, which may come until the batch is confirmed or has failed.

    `any_open`: Brevo may work on some import, so on one as well whose answer was lost. Such a one's slot is left.
    """
    batches = {batch.number: batch for batch in done}
    for row in slot_rows(app, run.key_setting) if batches else []:
        slot = Slot.of(row)
        batch = batches.get(slot.batch)
        if batch is None or slot.run != run.run_id or (batch.state == "delivered" and slot.posts >= batch.posts):
            continue
        if batch.has_lost_import and any_open:
            leave(app, row, batch)
        else:
            delete_slot(app, row)


def held_and_free(app: App, run: Run, batches: list[Batch], slots: int) -> tuple[set[int], int]:
    """The numbers of those of the run's batches that hold a slot, and how many slots a batch could take now.

    `batches` are some or all of the run's, as they were just read.
    """
    known = {batch.number: batch for batch in batches}
    held, busy = set(), 0
    rows = slot_rows(app, run.key_setting)
    for row in rows:
        number, own = int(row.values["batch"]), row.values["run"] == run.run_id
        if own:
            held.add(number)
        if int(row.key.removeprefix("slot-")) < slots:
            batch = known.get(number) if own else None
            busy += not (batch.needs_no_slot if batch else _is_done_with(app, row, run if own else None))
    if _is_older_open(app, run, rows) or (busy < slots and removal_beside(app, run)):
        return held, 0
    return held, max(0, slots - busy)


def blocking(app: App, run: Run) -> tuple[list[LeftImport], list[str]]:
    """Why a run gets no slot: imports that ended runs have left, its own export's alone where there are such.

    And the open runs that hold the account's slots.
    """
    left = left_imports(app, run.key_setting)
    own = of_its_export(left, run)
    rows = slot_rows(app, run.key_setting)
    others = {row.values["run"] for row in rows if not row.values.get("left_at")} - {run.run_id}
    return own or left, sorted(others)


def _is_older_open(app: App, run: Run, rows: Iterable[Row]) -> bool:
    """True while Brevo may work on an import of an earlier run of the export: beside it, old values could win.

    Also where the account allows several imports at once.
    """
    others = [row for row in rows if row.values["run"] != run.run_id]
    earlier = [row for row in others if run_address(row.values["run"])[0] == run.export]
    return any(not _is_done_with(app, row) for row in earlier)


def removal_beside(app: App, run: Run) -> str:
    """The run of another export that takes contacts out of the run's list now; empty where none does.

    It says so in its row before it looks whom other exports keep, by what they have written down before they send
    anything. So either it sees what this run sends, or this run sees it, and sends nothing until it has removed all:
    whom it sends could be taken out behind its import. Whatever the configuration says of its export by now.
    """
    others = app.store.open_at(run.key_setting, run.list_id)
    found = (each for each in sorted(others) if run_address(each)[0] != run.export and _is_removing(app, run, each))
    return next(found, "")


def _is_removing(app: App, run: Run, run_id: str) -> bool:
    """Whether it does so. One that cannot be read is not waited for: nobody could go on with it here."""
    try:
        other = app.store.load(run_id)
    except Exception as error:
        if concerns_all(error):
            raise
        _log.error("not readable: run %s: %s", run_id, described(error))
        return False
    if other is None or other.is_final or not other.is_removing or other.counts.all_removed:
        return False
    return (other.key_setting, other.list_id) == (run.key_setting, run.list_id)


def _holds(row: Row, run: Run, number: int) -> bool:
    return bool(row.values["run"] == run.run_id and row.values["batch"] == number)


def _is_done_with(app: App, row: Row, run: Run | None = None) -> bool:
    if row.values.get("left_at"):
        return Slot.of(row).is_overdue(app.now())
    try:
        run = run or app.store.load(row.values["run"])
    except OtherFormError:
        return False  # its import may be open: only its own release can say
    if run is None:
        return True
    batch = app.store.batch(run, int(row.values["batch"]))
    if run.is_final:  # its end is not tidied up yet
        return batch is None or not batch.may_be_open
    return batch is None or batch.needs_no_slot
