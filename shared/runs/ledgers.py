"""What is known of a list before a run, and what the run writes down of it: between the steps and `shared/sync`.

The intention, which is what the ledger will be, is written before the first import. So where a run fails half-way, who
may have been delivered is known all the same, and counts as ours. The ledger takes its place once all is confirmed.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shared.app import App
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import ConfigurationError
from shared.mapping.compared import Compared, key_numbers, keys_files
from shared.mapping.leavers import DigestKey, as_sent
from shared.mapping.results import RejectedRow
from shared.runs.batch import Batch
from shared.runs.claim import is_still_open
from shared.runs.delivered import address_of, find_stored, may_be_delivered
from shared.runs.kinds import COMPARES, command_again
from shared.runs.questions import Members, digest_key
from shared.runs.removing import keys_of_not_removed
from shared.runs.state import Run
from shared.staging.bodies import STAGED
from shared.staging.folders import working_folder
from shared.storage.blobs import Blob
from shared.storage.failures import Conflict, NotFound
from shared.sync.stored import LEDGERS, UNDO, Address, fetch

if TYPE_CHECKING:
    from shared.sync.difference import Difference
    from shared.sync.opening import OpenedFiles


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known before a run, in `files` in the folder. `etag` is the ledger's, empty where there is none."""

    address: Address
    identity: str
    key: DigestKey = field(repr=False)
    folder: Path
    etag: str
    files: "OpenedFiles"

    def compared(self, run: Run, export: Export) -> Compared:
        """How the run's contacts are compared as they are mapped."""
        before = None if run.kind == "verify" else self.files.before
        return Compared(self.key, self.folder, before, sends_all=export.sync_mode == "full")

    def still_in(self, members: Members) -> "Opened":
        """The same, but only who is in the list counts as put there."""
        from shared.sync.verification import still_there

        if self.files.before is None:
            return self
        there = still_there(self.files.before, members.path, self.folder, is_settled=members.is_settled)
        return replace(self, files=replace(self.files, before=there))


def is_of_another(opened: Opened, account: str) -> bool:
    """Whether the ledger is of another account than this, as far as is known: then it says nothing of its list."""
    return bool(account and opened.files.account) and account != opened.files.account


def knows_account(opened: Opened | None) -> bool:
    """Whether it is known of which account the ledger is, so that the present one must be known, too."""
    return bool(opened and opened.files.account)


def check_account(run: Run, opened: Opened | None, account: str) -> None:
    """Raises ConfigurationError where the ledger is of another account than this."""
    if opened and is_of_another(opened, account):
        raise ConfigurationError(
            "account_changed",
            f"The key in {run.key_setting} opens another Brevo account than the one that the ledger of list "
            f"{run.list_id} is of.",
            f"Put that account's key there. If this is the right one: segment-export reset {run.export}; "
            "the next run then sends all.",
        )


def open_ledger(app: App, run: Run, ready: ReadyExport, folder: Path) -> Opened | None:
    """What is known of the list, in files in the folder. None where no ledger is kept: for trials, without a secret.

    Raises ConfigurationError for what is wrong with APP_SECRET where the export's mode needs a ledger.
    """
    if run.is_trial:
        return None
    try:
        key = digest_key("ledger")
    except ConfigurationError:
        if ready.export.sync_mode != "full" or run.kind in COMPARES:
            raise
        return None
    return open_ledger_at(app, address_of(run), ready.export.identify_by, key, folder)


def open_ledger_at(app: App, address: Address, identity: str, key: DigestKey, folder: Path) -> Opened:
    """The same for the export with this address. Raises Conflict and NotFound where something changes meanwhile,
    TransientError where the configuration cannot be read."""
    # These bring DuckDB, which cold starts do without.
    from shared.sync.ledger import About
    from shared.sync.opening import open_files

    stored = find_stored(app, address)
    files = open_files(app.storage.app_blobs, stored, folder, About(identity, key.id, ""))
    return Opened(address, identity, key, folder, stored.ledger.etag if stored.ledger else "", files)


def difference_of(
    app: App, run: Run, export: Export, opened: Opened, members: Members | None, account: str
) -> "Difference":
    """How the segment, once it is mapped, differs from what was known; the intention is then in the folder.

    `members` is the list as it is, None where it was not read; `account` is the id of the Brevo account. A ledger of
    another one counts as none.
    """
    from shared.sync.difference import Comparison, Known
    from shared.sync.ledger import About

    files = opened.files
    before = None if is_of_another(opened, account) else files.before
    known = Known(before, files.others, None, *_shown(app, run, opened))
    if members and files.is_whole:
        known = replace(known, members=members.path, is_settled=members.is_settled)
    with Comparison(opened.folder, keys_files(opened.folder), known, export.sync_mode) as comparison:
        difference = comparison.difference()
        account = account or files.account
        mode = _mode_kept(run, export, files.mode, difference)
        about = About(opened.identity, opened.key.id, run.run_id, mode=mode, account=account)
        comparison.write_next(intention_of(opened), about)
        if difference.members_before is not None:
            comparison.write_undo(_undo(opened), about)
    return difference


def _mode_kept(run: Run, export: Export, before: str, difference: "Difference") -> str:
    """The mode that the ledger says. Where a run of mirror_exact could remove nobody, the one that it said `before`.

    So the first one that can is held, as the first.
    """
    was_shown = run.list_before is not None or not run.is_approved
    could_remove = difference.members_before is not None and was_shown
    return export.sync_mode if could_remove or export.sync_mode != "mirror_exact" else before


def _shown(app: App, run: Run, opened: Opened) -> tuple[Path | None, Path | None]:
    """What a person has seen of a run that was approved: what it would send, and whom it would remove.

    Raises ConfigurationError where that is gone, as after a reset: nobody could say what goes beyond it.
    """
    if not run.approved_of:
        return None, None
    names = (
        opened.address.intention(run.run_id, run.approved_of),
        opened.address.removals(run.run_id, run.approved_of),
    )
    sent, removed = (fetched(app, name, opened.folder / f"shown-{place}") for place, name in enumerate(names))
    if run.keeps_ledger and sent is None:
        raise ConfigurationError(
            "plan_outdated",
            f"What was known of the list has been forgotten since {run.run_id} was held.",
            f"Ask for it again: {command_again(run.kind, run.export, run.undo_of)}",
        )
    return sent, removed


def fetched(app: App, name: str, path: Path, container: str = LEDGERS) -> Path | None:
    """The blob of this name in a file; None where there is none."""
    found = app.storage.app_blobs.listing_if_there(container, name)
    return fetch(app.storage.app_blobs, found[0], path, container) if found else None


def write_down(app: App, run: Run, staging_id: str, opened: Opened, difference: "Difference") -> None:
    """Writes down what the run intends and whom it is to remove, before anything of it is sent."""
    write_intention(app, run, staging_id, opened)
    if difference.members_before is not None:
        store_file(app, _undo(opened), opened.address.undo(run.run_id, staging_id), UNDO)
    if difference.removals:
        store_file(app, difference.removals, opened.address.removals(run.run_id, staging_id))


def write_intention(app: App, run: Run, staging_id: str, opened: Opened) -> None:
    """Writes down what the ledger will be when this staging of the run is confirmed."""
    store_file(app, intention_of(opened), opened.address.intention(run.run_id, staging_id))


def store_file(app: App, path: Path, name: str, container: str = LEDGERS) -> None:
    """Writes the file as the blob of this name: the other way of `fetched`."""
    with path.open("rb") as file:
        app.storage.app_blobs.write(container, name, file)


def note_rejected(app: App, identity: str, batch: Batch, rows: Iterable[RejectedRow]) -> None:
    """Writes down the keys of the batch's contacts that Brevo has rejected: they are not in the list.

    Without APP_SECRET there are none: then nobody knows whom the ledger is to lack, as without a readable report.
    """
    try:
        key = digest_key("ledger")
    except ConfigurationError:
        return
    lines = [
        "{},{}\n".format(*key_numbers(key, row.customer_id if identity == "customer_id" else as_sent(row.email or "")))
        for row in rows
        if row.outcome == "rejected_by_brevo"
    ]
    if lines:
        app.storage.app_blobs.write(STAGED, f"{batch.staging}/{batch.number:05}.rejected", "".join(lines).encode())


def keep_ledger(app: App, run: Run, batches: list[Batch]) -> None:
    """Makes the run's intention the ledger, without who was rejected. All is confirmed and removed. Safe to repeat.

    Whom Brevo has not removed is in it: the next mirror takes them out, if they are still there.

    Where the ledger is another one than the run has compared with, somebody was forgotten meanwhile, or all were. Then
    the intention stays where it is still there: the next run takes it and the ledger together.
    Only the last run that has changed the list can be undone; what an undo has taken back stays known until the next
    one. A worker that stood still may come here when the run has ended; then what others have stored is left alone: it
    may be the next run's.
    """
    address, blobs = address_of(run), app.storage.app_blobs
    wanted = address.intention(run.run_id, run.staging_id)
    stored = {blob.name: blob for blob in blobs.listing_if_there(LEDGERS, address.folder)}
    intention = stored.pop(wanted, None)
    if intention is None:  # an earlier try has done it, or the ledger was reset
        _delete_all(app, [(LEDGERS, name) for name in stored if run.run_id in name])
        return
    undos = blobs.listing_if_there(UNDO, address.folder) if run.list_before is not None else []
    old = [(LEDGERS, name) for name in stored if name != address.ledger]
    old += [(UNDO, blob.name) for blob in undos if not _is_undo_kept(run, blob)]
    if any(run.run_id not in name for _, name in old) and not is_still_open(app, run):
        return
    rejected, leaving = _rejected(app, run, batches), keys_of_not_removed(app, run)
    named = rejected.count("\n") == sum(sum(batch.rejected.values()) for batch in batches)
    unread = not named or any(batch.note for batch in batches)
    try:
        if rejected or unread or leaving:
            before = [blob for blob in stored.values() if _is_ours(app, address, blob)]
            _keep_without(app, run, intention, before, rejected, leaving, unread)
        else:
            blobs.copy_if(LEDGERS, wanted, address.ledger, run.ledger_etag or None)
    except (Conflict, NotFound):
        if not _has_kept(app, run):  # nor has another worker, by now
            return
    # The run's own intention goes last: while it is there, all this is done again. Only what was there while the run
    # was open goes: another worker may have ended it meanwhile, and the next run have written its own.
    _delete_all(app, [*old, (LEDGERS, wanted)])


def _is_undo_kept(run: Run, record: Blob) -> bool:
    """Whether the record is kept behind the run. Where it has changed nobody, the one of the run before it stays."""
    if run.sends_segment and run.counts.has_changed_nobody:
        return not record.file.startswith(f"{run.run_id}-")
    return record.file.startswith(f"{run.undo_of}-" if run.undo_of else f"{run.run_id}-{run.staging_id}")


def _delete_all(app: App, names: Iterable[tuple[str, str]]) -> None:
    for container, name in names:
        app.storage.app_blobs.delete(container, name)


def _keep_without(
    app: App, run: Run, intention: Blob, before: list[Blob], rejected: str, leaving: str, forget_digests: bool
) -> None:
    """Makes the intention the ledger, without the keys in the lines of `rejected`, and with those of who is `leaving`.

    A key that is not in it is not the contact's own: Brevo has the customer under a former id. Whose it is nobody
    knows then, so all are sent again.
    """
    from shared.sync.ledger import lacks, without  # bring DuckDB

    blobs = app.storage.app_blobs
    with working_folder() as name:
        folder = Path(name)
        path = fetch(blobs, intention, folder / "intention.parquet")
        ours = [fetch(blobs, blob, folder / f"ours-{place}.parquet") for place, blob in enumerate(before)]
        forget_digests = forget_digests or lacks(path, rejected, folder)
        path = without(path, rejected, folder, forget_digests=forget_digests, ours=ours, leaving=leaving)
        with path.open("rb") as file:
            blobs.write_if(LEDGERS, address_of(run).ledger, file, run.ledger_etag or None)


def _has_kept(app: App, run: Run) -> bool:
    """Whether the ledger is what this run has made of it."""
    from shared.sync.ledger import run_of  # brings DuckDB

    with working_folder() as name:
        path = fetched(app, address_of(run).ledger, Path(name) / "ledger.parquet")
        return path is not None and run_of(path, Path(name)) == run.run_id


def _is_ours(app: App, address: Address, blob: Blob) -> bool:
    """Whether it is the ledger, or an intention that may have been delivered."""
    return blob.name == address.ledger or (blob.name.endswith(".parquet") and may_be_delivered(app, blob))


def _rejected(app: App, run: Run, batches: list[Batch]) -> str:
    """The keys of all contacts that Brevo has rejected, a line for each."""
    parts = []
    for batch in batches:
        if batch.rejected:
            with suppress(NotFound):
                parts.append(app.storage.app_blobs.read(STAGED, f"{batch.staging}/{batch.number:05}.rejected"))
    return b"".join(parts).decode("ascii")


def intention_of(opened: Opened) -> Path:
    """The file of what the ledger will be."""
    return opened.folder / "next.parquet"


def _undo(opened: Opened) -> Path:
    return opened.folder / "undo.parquet"
