"""An account's import slots, over all its runs and workers: rows that name the batch which holds them.

A slot has no expiry of its own. It is free when its batch or its run is done, which any worker can read for itself,
so a slot is neither lost with a worker nor taken from a live import by a clock that is off.
"""

from shared.runs.app import App
from shared.runs.model import Batch, Run
from shared.storage.failures import Conflict
from shared.storage.tables import Row


def take_slot(app: App, run: Run, batch: Batch, slots: int) -> bool:
    """True when the batch holds one of the account's slots now, or held it already."""
    rows = [app.storage.accounts.get(run.account, f"slot-{number}") for number in range(slots)]
    if any(_holds(row, run, batch.number) for row in rows):
        return True
    mine = {"run": run.run_id, "batch": batch.number}
    for number, row in enumerate(rows):
        wanted = Row(run.account, f"slot-{number}", mine, row.etag if row else None)
        try:
            if row is None:
                app.storage.accounts.insert(wanted)
            elif _is_done_with(app, row):
                app.storage.accounts.replace(wanted)
            else:
                continue
        except Conflict:
            continue
        return True
    return False


def free_slots(app: App, run: Run, done: set[int] | None = None) -> None:
    """Frees the slots of these batches of the run, or of all its batches."""
    for row in app.storage.accounts.query(run.account, "slot-", "slot."):
        if row.values["run"] == run.run_id and (done is None or row.values["batch"] in done):
            try:
                app.storage.accounts.delete(row)
            except Conflict:
                continue


def held_by(app: App, run: Run) -> set[int]:
    """The run's batches that hold a slot."""
    rows = app.storage.accounts.query(run.account, "slot-", "slot.")
    return {int(row.values["batch"]) for row in rows if row.values["run"] == run.run_id}


def free_count(app: App, account: str, slots: int) -> int:
    """How many of the account's slots a batch could take now."""
    held = app.storage.accounts.query(account, "slot-", "slot.")
    busy = sum(not _is_done_with(app, row) for row in held if int(row.key.removeprefix("slot-")) < slots)
    return slots - busy


def _holds(row: Row | None, run: Run, number: int) -> bool:
    return row is not None and row.values["run"] == run.run_id and row.values["batch"] == number


def _is_done_with(app: App, row: Row) -> bool:
    run = app.store.load(row.values["run"])
    if run is None or run.is_final:
        return True
    batch = app.store.batch(run, int(row.values["batch"]))
    return batch is None or batch.needs_no_slot
