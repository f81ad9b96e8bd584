"""An account's import slots, over all its runs and workers: rows that name the batch which holds them.

A live run's slot has no expiry. It is free when its batch is done with, which any worker can read for itself, so a slot
is neither lost with a worker nor taken from a live import by a clock that is off.

A run that has ended early may leave an import that Brevo still works on, and so may a batch that was posted again since
an answer was lost. Its slot stays taken, or the next run's import would run beside it and old values could win: it is
freed when Brevo says that the import is over, or at its deadline.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace

from shared.app import App
from shared.brevo.client import Imports
from shared.errors import TransientError, described
from shared.runs.batch import Batch
from shared.runs.queue import schedule_confirm
from shared.runs.run_ids import run_address
from shared.runs.state import SENDING, SUCCEEDED, Run
from shared.storage.failures import Conflict, NotFound
from shared.storage.tables import Row
from shared.times import local_text

_log = logging.getLogger(__name__)

_SHORTEST_POLL_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class _Slot:
    """`left_at`, set once its import is left: when that was posted; it and `polled_at` are POSIX seconds.

    `posts`: how often the batch had been posted when it took the slot for its next post. `process` is 0 where none is
    known. `is_unlisted`: at the last poll Brevo did not list it.
    """

    run: str
    batch: int
    deadline_hours: float = 24.0
    posts: int = 0
    left_at: float = 0.0
    polled_at: float = 0.0
    process: int = 0
    is_unlisted: bool = False

    @classmethod
    def of(cls, row: Row) -> "_Slot":
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in row.values.items() if name in names})

    @property
    def until(self) -> float:
        return self.left_at + self.deadline_hours * 3600

    def is_overdue(self, now: float) -> bool:
        return now > self.until

    def next_poll_at(self) -> float:
        return self.polled_at + max(_SHORTEST_POLL_SECONDS, (self.polled_at - self.left_at) / 4)


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
    slots = [_Slot.of(row) for row in _rows(app, key_setting) if row.values.get("left_at")]
    found = [
        LeftImport(each.run, each.batch, each.process, each.left_at, each.until, each.is_unlisted)
        for each in slots
        if not each.is_overdue(app.now())
    ]
    return sorted(found, key=lambda each: each.posted_at)


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
    for row in _rows(app, key_setting):
        if (row.values["run"], row.values["batch"]) in over:
            _delete(app, row)
    if over:
        wake_waiting(app, key_setting)


def blocking(app: App, run: Run) -> tuple[list[LeftImport], list[str]]:
    """Why a run gets no slot: imports that ended runs have left, its own export's alone where there are such.

    And the open runs that hold the account's slots.
    """
    left = left_imports(app, run.key_setting)
    own = _of_its_export(left, run)
    rows = _rows(app, run.key_setting)
    others = {row.values["run"] for row in rows if not row.values.get("left_at")} - {run.run_id}
    return own or left, sorted(others)


def left_by_its_export(app: App, run: Run) -> list[LeftImport]:
    """The imports that earlier runs of the run's export have left, as far as is known open at Brevo, the oldest first.

    Asks Brevo about them now and then. Raises as BrevoClient does.
    """
    release_left_slots(app, run.key_setting)
    left = _of_its_export(left_imports(app, run.key_setting), run)
    return [each for each in left if each.run != run.run_id]


def _of_its_export(left: list[LeftImport], run: Run) -> list[LeftImport]:
    return [each for each in left if run_address(each.run)[0] == run.export]


def take_slot(app: App, run: Run, batch: Batch, slots: int, deadline_hours: float) -> bool:
    """True when the batch holds one of the account's slots now, or held it already.

    `deadline_hours` is how long Brevo may take for an import.
    """
    held = {row.key: row for row in _rows(app, run.key_setting)}
    mine = asdict(_Slot(run.run_id, batch.number, deadline_hours, batch.posts))
    for row in held.values():
        if _holds(row, run, batch.number):
            # For another post it is another row: who still frees it for the one before must not find it as it was.
            return _Slot.of(row).posts >= batch.posts or _save(app, replace(row, values=mine))
    if _is_older_open(app, run, held.values()):
        return False
    # Slots that nobody holds first: whether another is free takes two reads.
    for number in sorted(range(slots), key=lambda number: f"slot-{number}" in held):
        there = held.get(f"slot-{number}")
        if there is not None and not _is_done_with(app, there):
            continue
        if _save(app, Row(run.key_setting, f"slot-{number}", mine, there.etag if there else None)):
            return True
    return False


def free_slots(app: App, run: Run, done: Iterable[Batch], *, any_open: bool = True) -> None:
    """Frees the slots of these batches of the run: their imports are over.

    Not one that is taken for a later post, which may come until the batch is confirmed or has failed.

    `any_open`: Brevo may work on some import, so on one as well whose answer was lost. Such a one's slot is left.
    """
    batches = {batch.number: batch for batch in done}
    for row in _rows(app, run.key_setting) if batches else []:
        slot = _Slot.of(row)
        batch = batches.get(slot.batch)
        if batch is None or slot.run != run.run_id or (batch.state == "delivered" and slot.posts >= batch.posts):
            continue
        if batch.has_lost_import and any_open:
            _leave(app, row, batch)
        else:
            _delete(app, row)


def leave_slots(app: App, run: Run) -> None:
    """Frees the slots of a run that has ended, but those of imports that Brevo may still work on."""
    mine = (row for row in _rows(app, run.key_setting) if row.values["run"] == run.run_id)
    rows = [row for row in mine if not row.values.get("left_at")]
    if not rows:
        return
    # Of a run that has succeeded no import is open but those that are left already: each of its batches is confirmed.
    batches = {} if run.state in SUCCEEDED else {batch.number: batch for batch in app.store.batches(run)}
    for row in rows:
        batch = batches.get(_Slot.of(row).batch)
        if batch is not None and batch.may_be_open:
            _leave(app, row, batch)
        else:
            _delete(app, row)


def _leave(app: App, row: Row, batch: Batch) -> None:
    """The slot stays taken for what the batch may have open at Brevo, whatever becomes of its run."""
    if row.values.get("left_at"):
        return
    # With an import of unknown number beside it, the known one says nothing of when both are over.
    process = 0 if batch.has_lost_import else batch.process_id
    slot = replace(_Slot.of(row), left_at=batch.posted_at or app.now(), process=process)
    if slot.is_overdue(app.now()):
        _delete(app, row)
    else:
        _save(app, Row(row.partition, row.key, asdict(slot), row.etag))


def release_left_slots(app: App, key_setting: str) -> None:
    """Asks Brevo, now and then, about the imports that are left and still hold a slot of this account.

    Raises as BrevoClient does.
    """
    _leave_late_ones(app, key_setting)
    left = [(row, _Slot.of(row)) for row in _rows(app, key_setting) if row.values.get("left_at")]
    due = [(row, slot) for row, slot in left if slot.next_poll_at() <= app.now()]
    if not due:
        return
    imports = app.brevo(key_setting).imports({slot.process for _, slot in due if slot.process})
    over = [row for row, slot in due if _is_over(imports, slot, app.now())]
    for row, slot in due:
        if row in over:
            _delete(app, row)
        else:
            is_unlisted = bool(slot.process) and slot.process not in imports.wanted
            values = {**row.values, "polled_at": app.now(), "is_unlisted": is_unlisted}
            _save(app, Row(row.partition, row.key, values, row.etag))
    if over:
        wake_waiting(app, key_setting)


def _leave_late_ones(app: App, key_setting: str) -> None:
    """Leaves the slots that a late worker has taken for a run behind whose end all was cleared up already."""
    for run_id in {row.values["run"] for row in _rows(app, key_setting) if not row.values.get("left_at")}:
        run = app.store.load(run_id)
        if run is not None and run.is_final:
            leave_slots(app, run)


def _is_over(imports: Imports, slot: _Slot, now: float) -> bool:
    """An import whose number is not known is over when Brevo works on none at all."""
    if slot.is_overdue(now):
        return True
    if not slot.process:
        return not imports.any_open
    process = imports.wanted.get(slot.process)
    return process is not None and process.state != "open"


def wake_waiting(app: App, key_setting: str, but: str = "") -> None:
    """Lets the account's open runs look for a free slot now instead of at their next turn."""
    for run_id, setting in app.store.open_runs():
        if setting == key_setting and run_id != but:
            try:
                _wake(app, run_id)
            except TransientError:
                raise
            except Exception as error:  # noqa: BLE001 - the others are woken whatever this one's row holds
                _log.error("run %s was not woken: %s", run_id, described(error))


def _wake(app: App, run_id: str) -> None:
    run = app.store.load(run_id)
    if run is not None and run.state in SENDING:
        schedule_confirm(app, run, 0)


def held_and_free(app: App, run: Run, batches: list[Batch], slots: int) -> tuple[set[int], int]:
    """The numbers of those of the run's batches that hold a slot, and how many slots a batch could take now.

    `batches` are some or all of the run's, as they were just read.
    """
    known = {batch.number: batch for batch in batches}
    held, busy = set(), 0
    rows = _rows(app, run.key_setting)
    for row in rows:
        number, own = int(row.values["batch"]), row.values["run"] == run.run_id
        if own:
            held.add(number)
        if int(row.key.removeprefix("slot-")) < slots:
            batch = known.get(number) if own else None
            busy += not (batch.needs_no_slot if batch else _is_done_with(app, row, run if own else None))
    if _is_older_open(app, run, rows):
        return held, 0
    return held, max(0, slots - busy)


def _rows(app: App, key_setting: str) -> list[Row]:
    return list(app.storage.accounts.query(key_setting, "slot-", "slot."))


def _is_older_open(app: App, run: Run, rows: Iterable[Row]) -> bool:
    """True while Brevo may work on an import of an earlier run of the export: beside it, old values could win.

    Also where the account allows several imports at once.
    """
    others = [row for row in rows if row.values["run"] != run.run_id]
    earlier = [row for row in others if run_address(row.values["run"])[0] == run.export]
    return any(not _is_done_with(app, row) for row in earlier)


def _holds(row: Row, run: Run, number: int) -> bool:
    return bool(row.values["run"] == run.run_id and row.values["batch"] == number)


def _is_done_with(app: App, row: Row, run: Run | None = None) -> bool:
    if row.values.get("left_at"):
        return _Slot.of(row).is_overdue(app.now())
    run = run or app.store.load(row.values["run"])
    if run is None:
        return True
    batch = app.store.batch(run, int(row.values["batch"]))
    if run.is_final:  # its end is not tidied up yet
        return batch is None or not batch.may_be_open
    return batch is None or batch.needs_no_slot


def _save(app: App, row: Row) -> bool:
    """False where another worker has changed it."""
    try:
        app.storage.accounts.save(row)
    except (Conflict, NotFound):
        return False
    return True


def _delete(app: App, row: Row) -> None:
    try:
        app.storage.accounts.delete(row)
    except Conflict:
        return
