"""Whom a run takes out of a list and puts back: by Brevo's numbers, as they were written down when it was staged."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from shared.app import App
from shared.errors import PermanentError
from shared.runs.delivered import address_of, find_stored
from shared.runs.kinds import CHANGES_LIST, command_again
from shared.runs.state import Run
from shared.staging.folders import working_folder
from shared.storage.failures import NotFound
from shared.sync.stored import LEDGERS, UNDO, fetch


def read_removals(app: App, run: Run) -> Sequence[int]:
    """The numbers of all contacts that the run is to take out of the list. Raises NotFound where they are gone."""
    return _numbers(app, _removals(run))


def read_additions(app: App, run: Run) -> Sequence[int]:
    """The numbers of all contacts that an undo is to put back. Raises NotFound where they are gone."""
    return _numbers(app, address_of(run).additions(run.run_id, run.staging_id))


def _numbers(app: App, name: str) -> Sequence[int]:
    """Line by line: of millions the file takes a worker's memory several times over."""
    from shared.sync.removals import lines_of, numbers_of

    return numbers_of(lines_of(app.storage.app_blobs.chunks(LEDGERS, name, None)))


def leave_whom_others_keep(app: App, run: Run) -> Sequence[int]:
    """The numbers that are left once those stay whom another export has sent to the list since the run was staged.

    Written down for the workers that go on with it. Raises Conflict and NotFound where something changes meanwhile, and
    PermanentError where nobody can say any more whom another export keeps: they could be among these.
    """
    from shared.sync.removals import has_keys, numbers_of, without_numbers

    blobs = app.storage.app_blobs
    before = blobs.read(LEDGERS, _removals(run))
    left = without_those_of_others(app, run, before, must_be_known=has_keys(before))
    numbers = numbers_of(BytesIO(left))
    if left != before:
        leave_in_record(app, run, without_numbers(before, numbers).tolist())
        blobs.write(LEDGERS, _removals(run), left)
    return numbers


def without_those_of_others(app: App, run: Run, removals: bytes, *, must_be_known: bool = False) -> bytes:
    """The removals of a file without those whom another export keeps in the run's list, as its ledger says now.

    Raises Conflict and NotFound where something changes meanwhile; with `must_be_known` PermanentError where one of the
    ledgers does not tell whom of these its export keeps.
    """
    from shared.sync.removals import without_kept

    stored = find_stored(app, address_of(run))
    others = [*stored.others, *stored.others_intentions]
    if must_be_known and stored.forgotten:
        raise _unknown(run, f"what {stored.forgotten[0]} has put there was forgotten")
    if not others:
        return removals
    with working_folder() as name:
        folder = Path(name)
        path, blobs = folder / "removals", app.storage.app_blobs
        path.write_bytes(removals)
        paths = [fetch(blobs, blob, folder / f"other-{place}.parquet") for place, blob in enumerate(others)]
        if must_be_known:
            _check_comparable(app, run, paths, folder)
        return without_kept(path, paths, folder)


def _check_comparable(app: App, run: Run, others: list[Path], folder: Path) -> None:
    """Raises PermanentError where the keys of another export's ledger are not made as those of the run.

    When the run was staged all of them were, or it would remove nobody.
    """
    from shared.sync.ledger import LedgerUnreadable, check_comparable

    intention = address_of(run).intention(run.run_id, run.staging_id)
    found = app.storage.app_blobs.listing_if_there(LEDGERS, intention)
    if not found:
        return  # the ledger was reset meanwhile: the run does what it has begun
    try:
        check_comparable(fetch(app.storage.app_blobs, found[0], folder / "own.parquet"), others, folder)
    except LedgerUnreadable as error:
        raise _unknown(run, f"the ledger of one of them cannot be used, since {error}") from None


def _unknown(run: Run, why: str) -> PermanentError:
    return PermanentError(
        "others_unknown",
        f"Whom other exports keep in list {run.list_id} is not known any more, so nobody is removed: {why}.",
        f"Ask for it again: {command_again(run.kind, run.export, run.undo_of)}"
        if run.kind in CHANGES_LIST
        else "Run the export again: it removes nobody until that is known.",
    )


def leave_in_record(app: App, run: Run, numbers: Collection[int]) -> None:
    """Takes these contacts, whom the run does not remove after all, out of the record by which it can be undone.

    An undo would put them back, though a colleague may have taken them out since. Raises Conflict and NotFound as
    above.
    """
    from shared.sync.undo import record_without_numbers  # brings DuckDB

    blobs = app.storage.app_blobs
    name = address_of(run).undo(run.run_id, run.staging_id)
    found = blobs.listing_if_there(UNDO, name) if numbers else []
    if not found:
        return
    with working_folder() as folder:
        path = fetch(blobs, found[0], Path(folder) / "record.parquet", UNDO)
        if kept := record_without_numbers(path, numbers, Path(folder)):
            with kept.open("rb") as file:
                blobs.write_if(UNDO, name, file, found[0].etag)


def _removals(run: Run) -> str:
    return address_of(run).removals(run.run_id, run.staging_id)


def note_not_removed(app: App, run: Run, numbers: Collection[int]) -> None:
    """Writes down those of whom Brevo has said that it has not removed them."""
    data = "".join(f"{number}\n" for number in sorted(numbers)).encode()
    app.storage.app_blobs.write(LEDGERS, _not_removed(run), data)


def read_not_removed(app: App, run: Run) -> set[int]:
    """Those that were written down so."""
    if run.counts.contacts_not_removed:
        with suppress(NotFound):
            return set(_numbers(app, _not_removed(run)))
    return set()


def keys_of_not_removed(app: App, run: Run) -> str:
    """Their keys, in lines `high,low`, of those that are removed since we have put them there."""
    from shared.sync.removals import keys_of

    if numbers := read_not_removed(app, run):
        with suppress(NotFound):
            return keys_of(app.storage.app_blobs.read(LEDGERS, _removals(run)), numbers)
    return ""


def _not_removed(run: Run) -> str:
    return address_of(run).not_removed(run.run_id, run.staging_id)
