"""Reads and writes runs, batches and events. Who may do what is decided here, by conditional writes alone.

Table `runs`, partition = export:  `run-…` a run · `active` the one run that is not final · `started` the last
snapshot and due time that a trigger has started · `success` the last successful run.
Table `runs`, partition `open`:  one row a run that may not be final, so that no search is needed to find them.
Table `batches` and `events`, partition = run.
"""

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from shared.errors import TransientError
from shared.runs.measuring import measure_end
from shared.runs.model import Batch, Run, State, new_run_id, run_address
from shared.storage.account import Storage
from shared.storage.failures import Conflict
from shared.storage.tables import Change, Row

_log = logging.getLogger(__name__)

OPEN = "open"
_TRIES = 30
_TRANSACTION_ROWS = 100


class AlreadyActive(Exception):
    """The export has an active run."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class AlreadyStarted(Exception):
    """This snapshot or due time was started before."""


@dataclass(frozen=True, slots=True)
class Started:
    """What the triggers have started last: a snapshot's id and a due time."""

    snapshot: str = ""
    due: str = ""
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Success:
    """The last successful run."""

    run_id: str
    contacts: int
    finished_at: str


class RunStore:
    """The tables. Every method may raise TransientError where storage does not answer."""

    def __init__(self, storage: Storage) -> None:
        self._runs = storage.runs
        self._batches = storage.batches
        self._events = storage.events
        self._clock = storage.clock

    def start(self, run: Run, *, snapshot: str = "", due: str = "") -> Run:
        """Writes a new run as queued. With `snapshot` or `due`, only the first start of each succeeds.

        Raises AlreadyActive or AlreadyStarted.
        """
        self._runs.put(Row(OPEN, run.run_id, {"account": run.account}))
        for _ in range(_TRIES):
            changes = [
                Change("insert", Row(run.export, "active", {"run_id": run.run_id})),
                Change("insert", run.row()),
                *self._started_change(run.export, snapshot, due),
            ]
            try:
                self._runs.transact(changes)
            except Conflict:
                active = self._runs.get(run.export, "active")
                if active is not None and active.values["run_id"] == run.run_id:
                    return self._loaded(run.run_id)  # the answer to an earlier try was lost, not its work
                if active is not None:
                    self.forget_open(run.run_id)
                    raise AlreadyActive(active.values["run_id"]) from None
                continue
            return self._loaded(run.run_id)
        raise TransientError("busy", "Too many starts of this export at once.", retry_after_seconds=2)

    def _started_change(self, export: str, snapshot: str, due: str) -> list[Change]:
        if not snapshot and not due:
            return []
        started = self.started(export)
        if (snapshot and started.snapshot == snapshot) or (due and started.due >= due):
            raise AlreadyStarted(snapshot or due)
        values = {"snapshot": snapshot or started.snapshot, "due": due or started.due}
        kind = "replace" if started.etag else "insert"
        return [Change(kind, Row(export, "started", values, started.etag))]  # type: ignore[arg-type]

    def note_snapshot(self, export: str, snapshot: str) -> None:
        """Remembers the snapshot that a run has taken, so that no trigger starts it again."""
        self._note(export, lambda started: {"snapshot": snapshot, "due": started.due})

    def note_due(self, export: str, due: str) -> None:
        """Remembers a due time that is not to be started any more."""
        self._note(export, lambda started: {"snapshot": started.snapshot, "due": max(due, started.due)})

    def _note(self, export: str, change: Callable[[Started], dict[str, str]]) -> None:
        for _ in range(_TRIES):
            started = self.started(export)
            row = Row(export, "started", change(started), started.etag)
            try:
                self._runs.replace(row) if started.etag else self._runs.insert(row)
            except Conflict:
                continue
            return

    def started(self, export: str) -> Started:
        """What triggers have started last."""
        row = self._runs.get(export, "started")
        return Started(row.values["snapshot"], row.values["due"], row.etag) if row else Started()

    def success(self, export: str) -> Success | None:
        """The last successful run, if there was one."""
        row = self._runs.get(export, "success")
        if row is None:
            return None
        return Success(row.values["run_id"], row.values["contacts"], row.values["finished_at"])

    def new_run_id(self, export: str) -> str:
        """An id for a run that starts now."""
        return new_run_id(export, self._clock.now())

    def load(self, run_id: str) -> Run | None:
        """The run, or None. Raises ValueError for what is no run id."""
        row = self._runs.get(*run_address(run_id))
        return Run.from_row(row) if row else None

    def latest(self, export: str, limit: int = 50, *, after: str = "") -> Iterator[Run]:
        """The export's runs, newest first; those that come after the run of this id."""
        first = f"{run_address(after)[1]}!" if after else "run-"
        for row in self._runs.query(export, first, "run.", limit):
            yield Run.from_row(row)

    def active(self, export: str) -> str | None:
        """The id of the export's run that is not final."""
        row = self._runs.get(export, "active")
        return str(row.values["run_id"]) if row else None

    def update(self, run_id: str, change: Callable[[Run], Run | None]) -> Run:
        """Changes the run as it stands now; `change` may see it more than once, and None leaves it alone."""
        for _ in range(_TRIES):
            run = self._loaded(run_id)
            changed = change(run)
            if changed is None:
                return run
            try:
                self._runs.replace(changed.row())
            except Conflict:
                continue
            return replace(changed, etag=None)
        raise TransientError("busy", "Too many workers change this run at once.", retry_after_seconds=2)

    def finish(self, run_id: str, change: Callable[[Run], Run]) -> Run:
        """Ends the run in one transaction with all that hangs on it; a run that is final already stays as it is.

        It stays on the list of open runs until it is tidied up.
        """
        for _ in range(_TRIES):
            run = self._loaded(run_id)
            if run.is_final:
                break
            final = change(run)
            changes = [Change("replace", final.row())]
            active = self._runs.get(run.export, "active")
            if active is not None and active.values["run_id"] == run_id:
                changes.append(Change("delete", active))
            if final.state in ("succeeded", "succeeded_with_rejections"):
                values = {
                    "run_id": run_id,
                    "contacts": final.counts.contacts_mapped,
                    "finished_at": final.times[final.state],
                }
                changes.append(Change("put", Row(run.export, "success", values)))
            try:
                self._runs.transact(changes)
            except Conflict:
                continue
            _log.info("%s", ended_line(final))
            measure_end(final)
            self.add_event(run_id, final.state, final.error.message if final.error else "")
            break
        else:
            raise TransientError("busy", "Too many workers end this run at once.", retry_after_seconds=2)
        return self._loaded(run_id)

    def open_runs(self) -> list[tuple[str, str]]:
        """(run id, account) of each run that may not be final."""
        return [(row.key, str(row.values["account"])) for row in self._runs.query(OPEN)]

    def is_listed(self, run_id: str) -> bool:
        """True while the run is on the list of open ones: a final run that is to be tidied up behind is, too."""
        return self._runs.get(OPEN, run_id) is not None

    def forget_open(self, run_id: str) -> None:
        """Takes a final run off the list of open ones."""
        self._runs.delete(Row(OPEN, run_id))

    def write_batches(self, batches: list[Batch]) -> None:
        """Writes the batches of one staging, whatever was there."""
        for first in range(0, len(batches), _TRANSACTION_ROWS):
            part = batches[first : first + _TRANSACTION_ROWS]
            self._batches.transact([Change("put", batch.row()) for batch in part])

    def batches(self, run: Run) -> list[Batch]:
        """The batches of the run's staging, in their order."""
        if not run.staging_id:
            return []
        rows = self._batches.query(run.run_id, f"{run.staging_id}-", f"{run.staging_id}.")
        return [Batch.from_row(row) for row in rows]

    def batch(self, run: Run, number: int) -> Batch | None:
        """One batch of the run's staging."""
        row = self._batches.get(run.run_id, f"{run.staging_id}-{number:05}")
        return Batch.from_row(row) if row else None

    def update_batch(
        self, run: Run, number: int, change: Callable[[Batch], Batch | None], known: Batch | None = None
    ) -> Batch:
        """Changes the batch as it stands now; None leaves it alone. `known` is it as it was just read."""
        for _ in range(_TRIES):
            batch, known = known or self.batch(run, number), None
            if batch is None:
                raise TransientError("batch_missing", f"Batch {number} is not written down yet.")
            changed = change(batch)
            if changed is None:
                return batch
            try:
                self._batches.replace(changed.row())
            except Conflict:
                continue
            return replace(changed, etag=None)
        raise TransientError("busy", "Too many workers change this batch at once.", retry_after_seconds=2)

    def add_event(self, run_id: str, kind: State | str, text: str = "") -> None:
        """Notes what happened, for the run's story."""
        now = self._clock.now()
        key = f"{now:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(2)}"
        self._events.put(Row(run_id, key, {"kind": kind, "text": text[:1000]}))

    def events(self, run_id: str, limit: int = 200) -> list[dict[str, str]]:
        """The run's story in order: `at`, `kind`, `text`."""
        return [
            {"at": row.key.split("-")[0], "kind": str(row.values["kind"]), "text": str(row.values.get("text", ""))}
            for row in self._events.query(run_id, limit=limit)
        ]

    def _loaded(self, run_id: str) -> Run:
        run = self.load(run_id)
        if run is None:
            raise TransientError("run_missing", "The run is not written down yet.", retry_after_seconds=1)
        return run


def ended_line(run: Run) -> str:
    """How a run ended, in the one line that alerts and queries read (infra/queries): names and counts alone."""
    return (
        f"run ended: run={run.run_id} export={run.export} state={run.state}"
        f" code={run.error.code if run.error else 'none'}"
        f" rows_read={run.counts.rows_read} rows_rejected={sum(run.counts.rows_rejected.values())}"
        f" delivered={run.counts.contacts_delivered} confirmed={run.counts.contacts_confirmed}"
        f" rejected_by_brevo={run.counts.rejected_by_brevo}"
    )
