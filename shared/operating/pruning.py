"""Deletes what is past its time. In Azure, lifecycle rules do the same for blobs; accounts without them need this.

Everything is found by its own age, and a run's row goes last, so that it may be repeated and cut off anywhere.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from itertools import batched, groupby
from operator import attrgetter

from shared.access import Caller, require
from shared.administration import audit
from shared.administration.start_keys import forget_old_keys
from shared.app import App
from shared.at_once import at_once
from shared.errors import ConfigurationError, described
from shared.lifetimes import ENDED_STAGED_DAYS, LEAVERS_DAYS, REJECTED_DAYS, UNDO_DAYS
from shared.runs.answers import LEAVERS
from shared.runs.run_ids import run_address, started_at
from shared.staging.bodies import STAGED
from shared.staging.rejected import REJECTED
from shared.storage.blobs import DELETED_AT_ONCE
from shared.storage.failures import Conflict
from shared.storage.forms import OtherFormError
from shared.storage.tables import MOST_A_TRANSACTION, Change, Row, Table
from shared.sync.stored import LEDGERS, UNDO, Address, export_of

_log = logging.getLogger(__name__)

# Rows of so many runs are read before those are deleted, of some runs at the same time.
_READ_AHEAD = 64


def prune(app: App, caller: Caller, days: int, *, dry_run: bool = False) -> dict[str, int]:
    """Deletes what is past its time, and tells how much of each; with `dry_run` it only counts.

    `days` is how long runs with their story, earlier versions of the configuration, and ledgers of lists that no export
    has any more are kept.
    """
    require(caller, "operate")
    counts, is_whole = dict[str, int](), False
    try:
        runs = _Runs(app)
        counts["staged_blobs"] = _prune_blobs(app, runs, STAGED, ENDED_STAGED_DAYS, dry_run=dry_run)
        counts["rejected_rows_blobs"] = _prune_blobs(app, runs, REJECTED, REJECTED_DAYS, dry_run=dry_run)
        counts["leavers_blobs"] = _prune_by_age(app, LEAVERS, LEAVERS_DAYS, dry_run=dry_run)
        counts["undo_blobs"] = _prune_by_age(app, UNDO, UNDO_DAYS, dry_run=dry_run)
        counts["ledger_blobs"] = prune_ledgers(app, days, dry_run=dry_run)
        counts["idempotency_keys"] = forget_old_keys(app, dry_run=dry_run)
        counts["earlier_configurations"] = _prune_history(app, days, dry_run=dry_run)
        counts |= _prune_runs(app, runs, days, dry_run=dry_run)
        is_whole = True
    finally:  # also where it is cut off: what is deleted by then is gone
        parts = [f"{name} {count}" for name, count in counts.items() if count]
        parts += [] if is_whole else ["cut off"]
        if not dry_run and parts:
            audit.note(app, caller, "prune", "", ", ".join(parts))
    return counts


class _Runs:
    """The runs as they are at the beginning, read once for all that hangs on them. What is old begins no more."""

    def __init__(self, app: App) -> None:
        self._app = app
        # Those that have not ended, and those that are still to be tidied up behind.
        self._open = {run_id for run_id, _ in app.store.open_runs()}
        self._active: dict[str, bool | str | None] = {}
        rows = (row for row in app.storage.runs.rows() if row.key.startswith("run-"))
        # The rows that this release reads, by the runs' ids.
        self.rows = {str(row.values.get("run_id", "")): Row(row.partition, row.key) for row in rows}

    def have_ended(self, run_ids: Iterable[str], days: int) -> list[str]:
        """Those that began so long ago and have ended."""
        return [each for each in run_ids if _is_older(self._app, each, days) and not self._may_be_open(each)]

    def _may_be_open(self, run_id: str) -> bool:
        """True also where this release does not read the run's row: it may go on once its release is back."""
        return run_id in self._open or self._may_be_active(run_id) or self._is_of_other_form(run_id)

    def _may_be_active(self, run_id: str) -> bool:
        """True where its export has the run as the active one, though it may have fallen off the list of open runs.

        Also where this release does not read which one that is.
        """
        export = run_address(run_id)[0]
        if export not in self._active:
            try:
                self._active[export] = self._app.store.active(export)
            except OtherFormError:
                self._active[export] = True
        return self._active[export] in (True, run_id)

    def _is_of_other_form(self, run_id: str) -> bool:
        if run_id in self.rows:
            return False
        try:
            self._app.storage.runs.get(*run_address(run_id))
        except OtherFormError:
            return True
        return False


def _prune_blobs(app: App, runs: _Runs, container: str, days: int, *, dry_run: bool) -> int:
    """What belongs to a run that began so long ago and has ended. What an open one has staged it may still send."""
    found = defaultdict[str, list[str]](list)
    for blob in app.storage.app_blobs.listing_if_there(container, ""):
        found[blob.name.split("/")[0]].append(blob.name)
    names = [name for run_id in runs.have_ended(found, days) for name in found[run_id]]
    return _delete_blobs(app, container, names, dry_run=dry_run)


def _prune_by_age(app: App, container: str, days: int, *, dry_run: bool) -> int:
    """What does not begin with a run's id goes by its own age."""
    before = app.storage.clock.now() - timedelta(days=days)
    found = app.storage.app_blobs.listing_if_there(container, "")
    return _delete_blobs(app, container, [blob.name for blob in found if blob.modified < before], dry_run=dry_run)


def prune_ledgers(app: App, days: int, *, dry_run: bool) -> int:
    """What is kept of lists that no export has any more, such as since somebody took it out of the document itself.

    Of these what is older than so many days; tells how many blobs.
    A command that removes an export deletes it at once. Nothing while the configuration cannot be read, and nothing of
    detached exports, whose list may be theirs again.
    """
    try:
        document = app.document()
    except ConfigurationError:
        return 0
    here = {
        Address(connection.api_key.setting, each.list_id, each.id).folder
        for each in document.exports
        if (connection := document.connection_of(each))
    }
    detached = {each.id for each in document.exports if each.connection is None}
    before = app.storage.clock.now() - timedelta(days=days)
    left: dict[str, list[str]] = {}
    for blob in app.storage.app_blobs.listing_if_there(LEDGERS, ""):
        export = export_of(blob)
        if export not in ("", *detached) and blob.modified < before and blob.name.removesuffix(blob.file) not in here:
            left.setdefault(export, []).append(blob.name)
    found = [name for export, names in left.items() if not _has_active(app, export) for name in names]
    return _delete_blobs(app, LEDGERS, found, dry_run=dry_run)


def _has_active(app: App, export_id: str) -> bool:
    """True where the export has an active run, or this release does not read which one."""
    try:
        return bool(app.store.active(export_id))
    except OtherFormError:
        return True


def _prune_history(app: App, days: int, *, dry_run: bool) -> int:
    found = app.configuration.history_before(app.storage.clock.now() - timedelta(days=days))
    return _delete_blobs(app, found[0][0], [name for _, name in found], dry_run=dry_run) if found else 0


def _delete_blobs(app: App, container: str, names: list[str], *, dry_run: bool) -> int:
    """How many were deleted: what cannot be keeps no other from going."""
    deleted = len(names) if dry_run else 0
    for some in [] if dry_run else batched(names, DELETED_AT_ONCE, strict=False):
        try:
            gone = app.storage.app_blobs.delete_all(container, some)
        except Exception as error:  # noqa: BLE001 - as said above
            _log.error("%d blobs of %s were not deleted: %s", len(some), container, described(error))
            continue
        if gone < len(some):
            _log.error("%d blobs of %s were not deleted: storage has refused it", len(some) - gone, container)
        deleted += gone
    return deleted


def _prune_runs(app: App, runs: _Runs, days: int, *, dry_run: bool) -> dict[str, int]:
    counts = Counter({"runs": 0, "batches": 0, "events": 0, "notices": 0})
    ended = defaultdict[str, dict[str, Row]](dict)
    for run_id in runs.have_ended(runs.rows, days):
        ended[runs.rows[run_id].partition][run_id] = runs.rows[run_id]
    for export, rows in ended.items():
        try:
            counts.update(_prune_export(app, rows, dry_run=dry_run))
        except Exception as error:  # noqa: BLE001 - those of the other exports go all the same
            _log.error("old runs of %s were not deleted: %s", export, described(error))
    return dict(counts)


def _prune_export(app: App, rows: dict[str, Row], *, dry_run: bool) -> dict[str, int]:
    """These runs of an export, with all that hangs on them.

    What hangs on them is found by a search for all of them, and deleted for some runs at the same time: it takes a call
    for each run and table, as a transaction is of one run.
    """
    counts, kept = dict[str, int](), set[str]()
    tables = {"batches": app.storage.batches, "events": app.storage.events, "notices": app.storage.notices}

    def delete(table: Table, below: list[Row]) -> int:
        try:
            return len(below) if dry_run else _delete(table, below)
        except Exception as error:  # noqa: BLE001 - the other runs go all the same
            _log.error("the run %s was not deleted: %s", below[0].partition, described(error))
            kept.add(below[0].partition)
            return 0

    for name, table in tables.items():
        found = groupby(table.query_partitions(min(rows), f"{max(rows)}."), key=attrgetter("partition"))
        mine = (list(below) for run_id, below in found if run_id in rows)
        parts = batched(mine, _READ_AHEAD, strict=False)
        counts[name] = sum(sum(at_once(partial(delete, table), part)) for part in parts)
    gone = [row for run_id, row in rows.items() if run_id not in kept]
    return {"runs": len(gone) if dry_run else _delete(app.storage.runs, gone), **counts}


def _delete(table: Table, rows: Sequence[Row]) -> int:
    """Deletes rows of one partition; how many they are."""
    for part in batched(rows, MOST_A_TRANSACTION, strict=False):
        try:
            table.transact([Change("delete", row) for row in part])
        except Conflict:  # somebody else prunes as well
            for row in part:
                table.delete(Row(row.partition, row.key))
    return len(rows)


def _is_older(app: App, run_id: str, days: int) -> bool:
    try:
        return app.storage.clock.now() - started_at(run_id) > timedelta(days=days)
    except ValueError:  # no run's: whatever it is, it is not ours to delete
        return False
