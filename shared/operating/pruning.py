"""Deletes what is past its time. In Azure, lifecycle rules do the same for blobs; accounts without them need this.

Everything is found by its own age, and a run's row goes last, so that it may be repeated and cut off anywhere.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from itertools import batched

from shared.access import Caller, require
from shared.administration import audit
from shared.administration.start_keys import forget_old_keys
from shared.app import App
from shared.errors import ConfigurationError, described
from shared.lifetimes import ENDED_STAGED_DAYS, LEAVERS_DAYS, REJECTED_DAYS, UNDO_DAYS
from shared.runs.answers import LEAVERS
from shared.runs.run_ids import run_address, started_at
from shared.staging.bodies import STAGED
from shared.staging.rejected import REJECTED
from shared.storage.failures import Conflict
from shared.storage.forms import OtherFormError
from shared.storage.tables import MOST_A_TRANSACTION, Change, Row, Table, pass_over
from shared.sync.stored import LEDGERS, UNDO, Address, export_of

_log = logging.getLogger(__name__)


def prune(app: App, caller: Caller, days: int, *, dry_run: bool = False) -> dict[str, int]:
    """Deletes what is past its time, and tells how much of each; with `dry_run` it only counts.

    `days` is how long runs with their story, earlier versions of the configuration, and ledgers of lists that no export
    has any more are kept.
    """
    require(caller, "operate")
    counts, is_whole = dict[str, int](), False
    try:
        counts["staged_blobs"] = _prune_blobs(app, STAGED, ENDED_STAGED_DAYS, dry_run=dry_run)
        counts["rejected_rows_blobs"] = _prune_blobs(app, REJECTED, REJECTED_DAYS, dry_run=dry_run)
        counts["leavers_blobs"] = _prune_by_age(app, LEAVERS, LEAVERS_DAYS, dry_run=dry_run)
        counts["undo_blobs"] = _prune_by_age(app, UNDO, UNDO_DAYS, dry_run=dry_run)
        counts["ledger_blobs"] = prune_ledgers(app, days, dry_run=dry_run)
        counts["idempotency_keys"] = forget_old_keys(app, dry_run=dry_run)
        counts["earlier_configurations"] = _prune_history(app, days, dry_run=dry_run)
        counts |= _prune_runs(app, days, dry_run=dry_run)
        is_whole = True
    finally:  # also where it is cut off: what is deleted by then is gone
        parts = [f"{name} {count}" for name, count in counts.items() if count]
        parts += [] if is_whole else ["cut off"]
        if not dry_run and parts:
            audit.note(app, caller, "prune", "", ", ".join(parts))
    return counts


def _prune_blobs(app: App, container: str, days: int, *, dry_run: bool) -> int:
    """What belongs to a run that began so long ago and has ended. What an open one has staged it may still send."""
    open_runs = _open_runs(app)
    found = defaultdict[str, list[str]](list)
    for blob in app.storage.app_blobs.listing_if_there(container, ""):
        found[blob.name.split("/")[0]].append(blob.name)
    names = [
        name
        for run_id in found
        if _is_older(app, run_id, days) and run_id not in open_runs and not _may_be_open(app, run_id)
        for name in found[run_id]
    ]
    return _delete_blobs(app, [(container, name) for name in names], dry_run=dry_run)


def _may_be_open(app: App, run_id: str) -> bool:
    """True for an active run, and one whose row this release does not read: it may go on once its release is back."""
    try:
        app.storage.runs.get(*run_address(run_id))
    except OtherFormError:
        return True
    return _may_be_active(app, run_id)


def _may_be_active(app: App, run_id: str) -> bool:
    """True where its export has the run as the active one, though it may have fallen off the list of open runs.

    Also where this release does not read which one that is.
    """
    try:
        return app.store.active(run_address(run_id)[0]) == run_id
    except OtherFormError:
        return True


def _prune_by_age(app: App, container: str, days: int, *, dry_run: bool) -> int:
    """What does not begin with a run's id goes by its own age."""
    before = app.storage.clock.now() - timedelta(days=days)
    found = app.storage.app_blobs.listing_if_there(container, "")
    return _delete_blobs(app, [(container, blob.name) for blob in found if blob.modified < before], dry_run=dry_run)


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
    found = [(LEDGERS, name) for export, names in left.items() if not _has_active(app, export) for name in names]
    return _delete_blobs(app, found, dry_run=dry_run)


def _has_active(app: App, export_id: str) -> bool:
    """True where the export has an active run, or this release does not read which one."""
    try:
        return bool(app.store.active(export_id))
    except OtherFormError:
        return True


def _prune_history(app: App, days: int, *, dry_run: bool) -> int:
    found = app.configuration.history_before(app.storage.clock.now() - timedelta(days=days))
    return _delete_blobs(app, found, dry_run=dry_run)


def _delete_blobs(app: App, found: list[tuple[str, str]], *, dry_run: bool) -> int:
    """How many were deleted: one that storage holds fast, by a lease or a policy, keeps no other from going."""
    if dry_run:
        return len(found)
    deleted = 0
    for container, name in found:
        try:
            app.storage.app_blobs.delete(container, name)
        except Exception as error:  # noqa: BLE001 - as said above
            _log.error("a blob of %s was not deleted: %s", container, described(error))
            continue
        deleted += 1
    return deleted


def _prune_runs(app: App, days: int, *, dry_run: bool) -> dict[str, int]:
    open_runs = _open_runs(app)
    counts = Counter({"runs": 0, "batches": 0, "events": 0, "notices": 0})
    for row in app.storage.runs.rows():
        run_id = str(row.values.get("run_id", ""))
        if not row.key.startswith("run-") or run_id in open_runs or not _is_older(app, run_id, days):
            continue
        try:
            if not _may_be_active(app, run_id):
                counts.update(_prune_run(app, row, run_id, dry_run=dry_run))
        except Exception as error:  # noqa: BLE001 - the other runs go all the same
            _log.error("the run %s was not deleted: %s", run_id, described(error))
    return dict(counts)


def _prune_run(app: App, row: Row, run_id: str, *, dry_run: bool) -> dict[str, int]:
    counts = {"runs": 1}
    tables = {"batches": app.storage.batches, "events": app.storage.events, "notices": app.storage.notices}
    for name, table in tables.items():
        below = list(table.query(run_id, on_other=pass_over))
        counts[name] = len(below)
        if not dry_run:
            _delete(table, below)
    if not dry_run:
        app.storage.runs.delete(Row(row.partition, row.key))
    return counts


def _delete(table: Table, rows: Iterable[Row]) -> None:
    for part in batched(rows, MOST_A_TRANSACTION, strict=False):
        try:
            table.transact([Change("delete", row) for row in part])
        except Conflict:  # somebody else prunes as well
            for row in part:
                table.delete(Row(row.partition, row.key))


def _open_runs(app: App) -> set[str]:
    """Those that have not ended, and those that are still to be tidied up behind."""
    return {run_id for run_id, _ in app.store.open_runs()}


def _is_older(app: App, run_id: str, days: int) -> bool:
    try:
        return app.storage.clock.now() - started_at(run_id) > timedelta(days=days)
    except ValueError:  # no run's: whatever it is, it is not ours to delete
        return False
