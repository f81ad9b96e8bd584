"""An account's import slots, over all its runs and workers: rows that name the batch which holds them.

A slot has no expiry of its own. It is free when its batch or its run is done, which any worker can read for itself,
so a slot is neither lost with a worker nor taken from a live import by a clock that is off.
"""

from shared.app import App
from shared.runs.state import Batch, Run
from shared.storage.failures import Conflict
from shared.storage.tables import Row


def take_slot(app: App, run: Run, batch: Batch, slots: int) -> bool:
    """True when the batch holds one of the account's slots now, or held it already."""
    held = {row.key: row for row in _rows(app, run.key_setting)}
    if any(_holds(row, run, batch.number) for row in held.values()):
        return True
    mine = {"run": run.run_id, "batch": batch.number}
    # Slots that nobody holds first: whether another is free takes two reads.
    for number in sorted(range(slots), key=lambda number: f"slot-{number}" in held):
        row = held.get(f"slot-{number}")
        wanted = Row(run.key_setting, f"slot-{number}", mine, row.etag if row else None)
        try:
            if row is not None and not _is_done_with(app, row):
                continue
            app.storage.accounts.save(wanted)
        except Conflict:
            continue
        return True
    return False


def free_slots(app: App, run: Run, done: set[int] | None = None) -> None:
    """Frees the slots of these batches of the run, or of all its batches."""
    for row in _rows(app, run.key_setting):
        if row.values["run"] == run.run_id and (done is None or row.values["batch"] in done):
            try:
                app.storage.accounts.delete(row)
            except Conflict:
                continue


def held_and_free(app: App, run: Run, batches: list[Batch], slots: int) -> tuple[set[int], int]:
    """The numbers of those of the run's batches that hold a slot, and how many slots a batch could take now.

    `batches` are all of the run's, as they were just read.
    """
    needy = {batch.number for batch in batches if not batch.needs_no_slot}
    held, busy = set(), 0
    for row in _rows(app, run.key_setting):
        number, own = int(row.values["batch"]), row.values["run"] == run.run_id
        if own:
            held.add(number)
        if int(row.key.removeprefix("slot-")) < slots:
            busy += number in needy if own else not _is_done_with(app, row)
    return held, max(0, slots - busy)


def _rows(app: App, account: str) -> list[Row]:
    return list(app.storage.accounts.query(account, "slot-", "slot."))


def _holds(row: Row, run: Run, number: int) -> bool:
    return bool(row.values["run"] == run.run_id and row.values["batch"] == number)


def _is_done_with(app: App, row: Row) -> bool:
    run = app.store.load(row.values["run"])
    if run is None or run.is_final:
        return True
    batch = app.store.batch(run, int(row.values["batch"]))
    return batch is None or batch.needs_no_slot
