"""Reads and writes runs, batches and events. Who may do what is decided here, by conditional writes alone.

Table `runs`, partition = export:  `run-…` a run · `active` the one run that is not final · `started` the last
snapshot and due time that a trigger has started, and their tries (`started.py`) · `success` the last successful run.
Table `runs`, partition `~open`:  one row a run that may not be final, so that no search is needed to find them.
Table `runs`, partition `~timer`: what the timer notes (`ticks.py`).
Table `batches` and `events`, partition = run.
"""

import json
import logging
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from shared.errors import TransientError, described, masked
from shared.runs.batch import Batch, BatchState
from shared.runs.rows import batch_key, batch_of, batch_row, row_values, run_of, run_row, started_row
from shared.runs.run_ids import is_run_id, new_run_id, run_address
from shared.runs.started import StartedRows
from shared.runs.state import SUCCEEDED, Run
from shared.runs.tries import Started
from shared.storage.account import Storage
from shared.storage.failures import Conflict
from shared.storage.forms import OtherFormError
from shared.storage.tables import MOST_A_TRANSACTION, Change, NewValues, OneOf, OnOther, Row, pass_over

_log = logging.getLogger(__name__)

# No id has a tilde, so that no export can have this partition.
OPEN = "~open"
_FIRST_FEW = 20


class AlreadyActive(Exception):
    """The export has an active run."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class AlreadyStarted(Exception):
    """This snapshot or due time was started before, and is not due for another try."""


@dataclass(frozen=True, slots=True)
class Success:
    """The last successful run. `filled` counts the contacts that had a value for an attribute."""

    run_id: str
    contacts: int
    finished_at: str
    filled: Mapping[str, int] = field(default_factory=dict)


class RunStore(StartedRows):
    """The tables. Every method may raise TransientError where storage does not answer."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._batches = storage.batches
        self._events = storage.events

    def start(self, run: Run, *, snapshot: str = "", due: str = "") -> None:
        """Writes a new run as queued. With `snapshot` or `due`, only the first start of each try succeeds.

        Raises AlreadyActive or AlreadyStarted.
        """
        self.list_open(run.run_id, run.key_setting, run.list_id)

        def changes(is_again: bool) -> list[Change] | None:
            # That there is none is what the insert below asks for.
            active = self._runs.get(run.export, "active") if is_again else None
            there = self.load(active.values["run_id"]) if active else None
            if there is not None and there.run_id == run.run_id:
                return None  # the answer to an earlier try was lost, not its work
            if there is not None:
                self.drop_open(run.run_id)
                raise AlreadyActive(there.run_id)
            # One whose row somebody has deleted, such as an odd one, keeps no other from starting.
            active_now = Row(run.export, "active", {"run_id": run.run_id}, active.etag if active else None)
            return [
                Change("replace" if active else "insert", active_now),
                Change("insert", run_row(run)),
                *self._begun_change(run.export, snapshot, due),
            ]

        self._runs.transact_fresh(changes)

    def _begun_change(self, export: str, snapshot: str, due: str) -> list[Change]:
        if not snapshot and not due:
            return []
        started, now = self.started(export), self._clock.now().timestamp()
        begun = started.with_snapshot_begun(snapshot, now) if snapshot else started.with_due_begun(due, now)
        if begun is None:
            raise AlreadyStarted(snapshot or due)
        return [_started_change(export, begun)]

    def success(self, export: str) -> Success | None:
        """The last successful run, if there was one."""
        row = self._runs.get(export, "success")
        if row is None:
            return None
        counts = json.loads(row.values.get("filled", "{}"))
        # Release 0.1 wrote the names alone. Its own reading of the counts gives the names.
        filled = dict.fromkeys(counts, 1) if isinstance(counts, list) else counts
        return Success(row.values["run_id"], row.values["contacts"], row.values["finished_at"], filled)

    def new_run_id(self, export: str) -> str:
        """An id for a run that starts now."""
        return new_run_id(export, self._clock.now())

    def load(self, run_id: str) -> Run | None:
        """The run, or None. Raises ValueError for what is no run id."""
        row = self._runs.get(*run_address(run_id))
        return run_of(row) if row else None

    def latest(self, export: str, limit: int | None = 50, *, after: str = "") -> Iterator[Run]:
        """The export's runs, newest first; those that come after the run of this id. A row that is none is left out."""
        first = f"{run_address(after)[1]}!" if after else "run-"
        found = (
            self._runs.query(export, first, "run.", limit, pass_over) if limit else self._each(export, first, pass_over)
        )
        for row in found:
            try:
                run = run_of(row)
            except Exception as error:  # noqa: BLE001 - the older runs are shown beside it
                _log.error("the row %s of %s is no run: %s", row.key, export, described(error))
                continue
            yield run

    def every_run(self, export: str) -> Iterator[Run]:
        """The export's runs, newest first, where none is to be missed: a row that cannot be read raises."""
        return map(run_of, self._each(export))

    def _each(self, export: str, first: str = "run-", on_other: OnOther | None = None) -> Iterator[Row]:
        """All rows of the export's runs from this key on, newest first: a few, and then by the thousand.

        What is looked for is mostly among the few, and a thousand are some megabytes.
        """
        seen, others = 0, list[OtherFormError]()

        def other(error: OtherFormError) -> None:
            if on_other is None:
                raise error
            others.append(error)

        for row in self._runs.query(export, first, "run.", _FIRST_FEW, other):
            first, seen = f"{row.key}!", seen + 1
            yield row
        if seen + len(others) >= _FIRST_FEW:
            yield from self._runs.query(export, first, "run.", None, other)

    def active(self, export: str) -> str | None:
        """The id of the export's run that is not final."""
        row = self._runs.get(export, "active")
        return str(row.values["run_id"]) if row else None

    def update(self, run: Run | str, change: Callable[[Run], Run | None]) -> Run:
        """Changes the run as it stands now; `change` may see it more than once, and None leaves it alone.

        A run that was read or written before is not read again, unless it has changed since.
        """
        return _run_there(self._runs.change(*run_address(_id(run)), _run_values(change, run), _known(run)))

    def take(self, run: Run | str, change: Callable[[Run], Run | None]) -> Run | None:
        """Changes the run; None where the change does not apply, or another worker has made it."""
        row = self._runs.take(*run_address(_id(run)), _run_values(change, run), _known(run))
        return run_of(row) if row else None

    def finish(self, run: Run | str, change: Callable[[Run], Run | None]) -> tuple[Run, bool]:
        """Ends the run in one transaction with all that hangs on it; None leaves it alone, as does a run that is final.

        Returns the run as it then is, and whether this call has ended it. A run that was read or written before is not
        read again, unless it has changed since. It stays on the list of open runs until it is tidied up.
        """
        now = self._loaded(run) if isinstance(run, str) else run
        ended: Run | None = None

        def changes(is_again: bool) -> list[Change] | None:
            nonlocal now, ended
            now = self._loaded(now.run_id) if is_again else now
            result = None if now.is_final else change(now)
            if result is None:
                return None
            before = self.started(now.export)
            after = before.after(result, self._clock.now().timestamp())
            ended = after.told_in(result)
            return self._ending_changes(ended) + ([_started_change(now.export, after)] if after != before else [])

        if self._runs.transact_fresh(changes) and ended:
            return ended, True
        # Equal where the answer to our own write was lost, not the write.
        return now, ended is not None and row_values(now) == row_values(ended)

    def _ending_changes(self, run: Run) -> list[Change]:
        changes = [Change("replace", run_row(run))]
        active = self._runs.get(run.export, "active")
        if active is not None and active.values["run_id"] == run.run_id:
            changes.append(Change("delete", active))
        if run.state in SUCCEEDED and run.sends_segment:
            values = {
                "run_id": run.run_id,
                "contacts": run.counts.contacts_mapped,
                "finished_at": run.times[run.state],
                "filled": json.dumps(run.filled),
            }
            changes.append(Change("put", Row(run.export, "success", values)))
        return changes

    def open_runs(self) -> list[tuple[str, str]]:
        """(run id, setting of the key) of each run that may not be final. A row that names no run is left out."""
        return [(row.key, str(row.values.get("key_setting", ""))) for row in self._open_rows()]

    def open_at(self, key_setting: str, list_id: int) -> list[str]:
        """The ids of those to this list, and of those of the account whose rows do not say to which they are."""
        return [
            row.key
            for row in self._open_rows()
            if row.values.get("key_setting") == key_setting and row.values.get("list_id", list_id) == list_id
        ]

    def _open_rows(self) -> list[Row]:
        return [row for row in self._runs.query(OPEN, on_other=pass_over) if is_run_id(row.key)]

    def list_open(self, run_id: str, key_setting: str, list_id: int | None = None) -> None:
        """Puts the run on the list of those that may not be final. The row `active` alone decides what is open."""
        values = {"key_setting": key_setting, "listed_at": self._clock.now().timestamp()}
        self._runs.put(Row(OPEN, run_id, values if list_id is None else {**values, "list_id": list_id}))

    def drop_unwritten(self, run_id: str, older_than_seconds: float) -> None:
        """Takes off the list what has stood there for so long without a run. Not where it is just being started."""
        row = self._runs.get(OPEN, run_id)
        if row is None or self.load(run_id) is not None:
            return
        age = abs(self._clock.now().timestamp() - float(row.values.get("listed_at", 0.0)))
        if age > older_than_seconds:
            with suppress(Conflict):
                self._runs.delete(row)

    def is_listed(self, run_id: str) -> bool:
        """True while the run is on the list of open ones: a final run that is to be tidied up behind is, too."""
        return self._runs.get(OPEN, run_id) is not None

    def drop_open(self, run_id: str) -> None:
        """Takes a final run off the list of open ones."""
        self._runs.delete(Row(OPEN, run_id))

    def write_batches(self, batches: list[Batch]) -> None:
        """Writes the batches of one staging, whatever was there."""
        for part in batched(batches, MOST_A_TRANSACTION, strict=False):
            self._batches.transact([Change("put", batch_row(batch)) for batch in part])

    def add_batch(self, batch: Batch) -> None:
        """Writes a batch beside those of its staging, unless it is there already."""
        with suppress(Conflict):
            self._batches.insert(batch_row(batch))

    def batches(self, run: Run, states: Collection[BatchState] = (), most: int | None = None) -> list[Batch]:
        """The batches of the run's staging, in their order: all, or the first so many of those in one of the states."""
        if not run.staging_id:
            return []
        first, last, one_of = f"{run.staging_id}-", f"{run.staging_id}.", OneOf("state", states) if states else None
        return [batch_of(row) for row in self._batches.query(run.run_id, first, last, most, one_of=one_of)]

    def batch(self, run: Run, number: int) -> Batch | None:
        """One batch of the run's staging."""
        row = self._batches.get(*batch_key(run, number))
        return batch_of(row) if row else None

    def update_batch(
        self, run: Run, number: int, change: Callable[[Batch], Batch | None], known: Batch | None = None
    ) -> Batch:
        """Changes the batch as it stands now; None leaves it alone. `known` is it as it was just read."""

        def values(row: Row | None) -> dict[str, Any] | None:
            changed = change(known if known and row and row.etag == known.etag else _batch_there(row, number))
            return row_values(changed) if changed else None

        address = batch_key(run, number)
        known_row = Row(*address, {}, known.etag) if known else None
        return _batch_there(self._batches.change(*address, values, known_row), number)

    def add_event(self, run_id: str, kind: str, text: str) -> None:
        """Notes what happened, for the run's story. Its start and its end need no note: its row has them."""
        key = f"{self._clock.now():%Y%m%dT%H%M%S.%f}-{secrets.token_hex(2)}"
        self._events.put(Row(run_id, key, {"kind": kind, "text": masked(text[:1000])}))

    def events(self, run_id: str, limit: int = 200) -> list[dict[str, str]]:
        """The newest of what was noted, in order: `at`, `kind`, `text`."""
        # A table is read forwards only. A batch has two events, so a run of ten million contacts has some 2,000.
        newest = deque(self._events.query(run_id, on_other=pass_over), maxlen=limit)
        return [
            {"at": row.key.split("-")[0], "kind": str(row.values["kind"]), "text": str(row.values.get("text", ""))}
            for row in newest
        ]

    def _loaded(self, run_id: str) -> Run:
        return _run_there(self._runs.get(*run_address(run_id)))


def _id(run: Run | str) -> str:
    return run.run_id if isinstance(run, Run) else run


def _known(run: Run | str) -> Row | None:
    """The row of a run that was read before, without its values: the run itself has them."""
    return Row(*run_address(run.run_id), {}, run.etag) if isinstance(run, Run) and run.etag else None


def _run_values(change: Callable[[Run], Run | None], known: Run | str) -> NewValues:
    def values(row: Row | None) -> dict[str, Any] | None:
        unchanged = known if isinstance(known, Run) and row and row.etag == known.etag else None
        changed = change(unchanged or _run_there(row))
        return row_values(changed) if changed else None

    return values


def _run_there(row: Row | None) -> Run:
    if row is None:
        raise TransientError("run_missing", "The run is not written down yet.", retry_after_seconds=1)
    return run_of(row)


def _batch_there(row: Row | None, number: int) -> Batch:
    if row is None:
        raise TransientError("batch_missing", f"Batch {number} is not written down yet.")
    return batch_of(row)


def _started_change(export: str, started: Started) -> Change:
    return Change("replace" if started.etag else "insert", started_row(export, started))
