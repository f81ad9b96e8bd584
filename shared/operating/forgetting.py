"""Erases a person from all that the app stores, and says what remains elsewhere, and whose it is.

Staged bodies, files, and the contacts of them that are to be sent once more, are the one place where a person's data
stand as they are. They are never edited: a body may be on its way at this moment or be sent again, its contacts are
counted in the run's books, and their places are found by their numbers. So an open run that holds the person is
cancelled, and all this is deleted with it. That erases for certain, and sends the person to Brevo no more; a run
afterwards sends the rest again, which changes nothing.

Each part may be done again, so a call that was cut off is repeated. Neither the audit trail nor the answer holds the
address.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import batched
from pathlib import Path

from shared.access import Caller, require
from shared.administration import audit
from shared.app import App
from shared.at_once import at_once
from shared.counting import counted
from shared.errors import ConfigurationError, TransientError, described
from shared.operating import elsewhere
from shared.operating.person import Forgotten, Person, person_of
from shared.runs.answers import LEAVERS
from shared.runs.questions import digest_key
from shared.runs.run_ids import is_run_id
from shared.runs.state import Run
from shared.runs.steps.stop import request_cancel, stop_when_idle
from shared.staging.bodies import STAGED, customer_ids, has_contacts, pieces_of_blob
from shared.staging.changed import is_changed_name
from shared.staging.folders import working_folder
from shared.staging.rejected import REJECTED, contact_words, customers_of, plain_cell, without_contact, without_rows
from shared.storage.blob_changes import change_blob
from shared.storage.failures import Conflict, NotFound
from shared.sync.stored import LEDGERS, UNDO

_CANCEL_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 2.0
# A month of reports is many, and one may have tens of megabytes.
_READ_TOGETHER = 4
# A report without some of its rows, and how many they were.
type _Without = Callable[[bytes], tuple[bytes, int]]


def forget(app: App, caller: Caller, email: str) -> Forgotten:
    """Erases the person with this address. Raises ConfigurationError for what is no address.

    The person is deleted at their source first: what remains there is sent again by the next run.
    """
    require(caller, "operate")
    person = person_of(email)
    found = Forgotten(person.shown)
    customers, numbers = set[str](), dict[str, int]()
    try:
        _part(found, "runs", lambda: _erase_in_runs(app, caller, person, customers, found))
        _part(found, "ledgers", lambda: _erase_in_ledgers(app, person, customers, found))
        _part(found, "leavers", lambda: _erase_leavers(app, found))
        _part(found, "configuration", lambda: elsewhere.erase_in_configuration(app, caller, person, found))
        _part(found, "segments", lambda: elsewhere.search_segments(app, person, found))
        _part(found, "Brevo", lambda: elsewhere.ask_brevo(app, person, found, numbers))
        _part(found, "verifications", lambda: _erase_numbers(app, numbers, found))
    finally:  # also where somebody cuts it off: what is erased by then is gone
        text = f"{len(found.erased)} erased, {len(found.remains)} remain elsewhere, {len(found.not_done)} not done"
        audit.note(app, caller, "forget a person", "", text)
    return found


def _part(found: Forgotten, name: str, work: Callable[[], None]) -> None:
    """A part that fails does not keep the others from being done."""
    try:
        work()
    except (Conflict, NotFound) as error:
        found.not_done.append(f"{name}: {error} was changed meanwhile; repeat this")
    except Exception as error:  # noqa: BLE001 - the other parts are done all the same
        found.not_done.append(f"{name}: {described(error)}")


def _erase_in_runs(app: App, caller: Caller, person: Person, customers: set[str], found: Forgotten) -> None:
    """Staged bodies tell the person's customer ids, so they go last: a call that is cut off finds the ids again.

    Those are added to `customers`.
    """
    holding = _runs_holding(app, person, customers)
    _erase_examples(app, person, found)
    _erase_rejected(app, person, customers, found)
    for run_id in holding:
        _part(found, f"run {run_id}", partial(_erase_staged, app, caller, run_id, found))
    if holding:  # until its end a run may have written down more
        _erase_rejected(app, person, customers, found)
    for run_id, _ in app.store.open_runs():
        _part(found, f"run {run_id}", partial(_note_staging, app, run_id, found))


def _note_staging(app: App, run_id: str, found: Forgotten) -> None:
    run = app.store.load(run_id)
    if run is not None and run.state in ("queued", "staging"):
        found.not_done.append(f"run {run_id}: it reads its segments now; repeat this when it has ended")


def _runs_holding(app: App, person: Person, customers: set[str]) -> list[str]:
    """The runs that have the person in a staged blob; takes over their customer ids from what stands beside it.

    A file goes before its run ends: once Brevo has confirmed it, or bodies have its contacts. Anyone who is still to be
    sent is by then in blobs that were not listed, so where one is gone the new ones are looked through as well.
    """
    holding, looked, is_one_gone = set[str](), set[str](), True
    while is_one_gone:
        is_one_gone = False
        for blob in app.storage.app_blobs.listing_if_there(STAGED, ""):
            run_id = blob.name.partition("/")[0]
            if blob.name in looked or not (is_run_id(run_id) and has_contacts(blob.name)):
                continue
            looked.add(blob.name)
            try:
                if any(map(person.is_in, pieces_of_blob(app.storage.app_blobs, blob.name))):
                    holding.add(run_id)
                    found = customer_ids(app.storage.app_blobs, blob.name, person.spellings)
                    customers |= {plain_cell(customer_id) for customer_id in found} - {""}
            except NotFound:
                is_one_gone = True
    return sorted(holding)


def _erase_examples(app: App, person: Person, found: Forgotten) -> None:
    """What is shown of a held run: nothing is sent of it, so it goes and the run stays."""
    for blob in app.storage.app_blobs.listing_if_there(STAGED, ""):
        if not is_changed_name(blob.name):
            continue
        with suppress(NotFound):  # the run has ended meanwhile
            if person.is_in(app.storage.app_blobs.read(STAGED, blob.name)):
                app.storage.app_blobs.delete(STAGED, blob.name)
                found.erased.append(f"staged: the examples of the plan {blob.name.partition('/')[0]}")


def _erase_staged(app: App, caller: Caller, run_id: str, found: Forgotten) -> None:
    """Ends the run, where it has not ended, and deletes its bodies."""
    run = app.store.load(run_id)
    cancelled = run is not None and not run.is_final and _cancel(app, caller, run)
    app.storage.app_blobs.delete_below(STAGED, f"{run_id}/")
    how = f", which is cancelled: run {run.export} again" if run and cancelled else ""
    found.erased.append(f"staged: all bodies of the run {run_id}{how}")


def _cancel(app: App, caller: Caller, run: Run) -> bool:
    """Waits for the run's end, at most until a dead worker's claim has ended; False where it had ended by itself."""
    try:
        run = request_cancel(app, run, caller.name)
    except ConfigurationError:
        return False
    until = time.monotonic() + _CANCEL_SECONDS
    while not run.is_final and time.monotonic() < until:
        time.sleep(_LOOK_AGAIN_SECONDS)
        run = stop_when_idle(app, app.store.load(run.run_id) or run)
    if not run.is_final:
        raise TransientError("cancelling", f"The run {run.run_id} is still being cancelled.", "Repeat this in a while.")
    return run.state == "cancelled"


def _erase_rejected(app: App, person: Person, customers: set[str], found: Forgotten) -> None:
    """First whose rows they are, then all rows of theirs: one without an address is found by its customer id."""
    digests = person.digests
    names = [blob.name for blob in app.storage.app_blobs.listing_if_there(REJECTED, "")]
    own = list[str]()
    for name, data in _reports(app, names, digests):
        own.append(name)
        customers |= customers_of(data, digests)
    without = partial(without_rows, digests=digests, customers=customers)
    found_in = (name for name, _ in _reports(app, names, digests | customers)) if customers else own
    changes = ((name, without) for name in found_in)
    _rewrite_all(app, changes, "rows", found)


def _erase_numbers(app: App, numbers: dict[str, int], found: Forgotten) -> None:
    """What verifications report of a member of the list: by Brevo's number in the account, and by nothing else."""
    names = [blob.name for blob in app.storage.app_blobs.listing_if_there(REJECTED, "")]

    def changes() -> Iterator[tuple[str, _Without]]:
        for name, _ in _reports(app, names, set(map(contact_words, numbers.values()))):
            run = app.store.load(run_id) if is_run_id(run_id := name.partition("/")[0]) else None
            if run and run.key_setting in numbers:
                yield name, partial(without_contact, number=numbers[run.key_setting])

    _rewrite_all(app, changes(), "rows of verifications", found)


def _erase_in_ledgers(app: App, person: Person, customers: set[str], found: Forgotten) -> None:
    if not any(app.storage.app_blobs.listing_if_there(container, "") for container in (LEDGERS, UNDO)):
        return
    from shared.sync.erasing import erase_from_ledgers  # brings DuckDB

    with working_folder() as folder:
        identities = person.spellings | customers
        erased = erase_from_ledgers(app.storage.app_blobs, digest_key("ledger"), identities, Path(folder))
    if erased.files:
        found.erased.append(f"ledgers: {counted(erased.files, 'file')} of what was sent")
    found.not_done += [
        f"ledgers: what is kept of {export_id} was made with another APP_SECRET, and nobody can be found in it; "
        f"segment-export reset {export_id} forgets all of it, and its next run sends everybody again"
        for export_id in sorted(erased.unsearched)
    ]
    exports = app.configuration.read().exports
    by_id = [] if customers else [each.id for each in exports if each.identify_by == "customer_id"]
    found.not_done += [
        f"ledgers: that of {export_id} knows customers by their ids, and none of this person's was found; "
        f"segment-export reset {export_id} forgets all of it, and its next run sends everybody again"
        for export_id in by_id
    ]


def _erase_leavers(app: App, found: Forgotten) -> None:
    """All of it: whether the person is in it shows only with APP_SECRET, and Brevo is asked again anyway."""
    names = [blob.name for blob in app.storage.app_blobs.listing_if_there(LEAVERS, "")]
    for name in names:
        app.storage.app_blobs.delete(LEAVERS, name)
    if names:
        found.erased.append(
            "leavers: Brevo's answers on who left a list or is in one, which the next run asks for again"
        )


def _reports(app: App, names: list[str], words: set[str]) -> Iterator[tuple[str, bytes]]:
    """Name and data of the reports in which one of the words stands."""
    wanted = [word.replace('"', '""').encode() for word in words]

    def read(name: str) -> bytes:
        try:
            return app.storage.app_blobs.read(REJECTED, name)
        except NotFound:  # past its time meanwhile
            return b""

    for some in batched(names if wanted else [], _READ_TOGETHER, strict=False):
        for name, data in zip(some, at_once(read, some), strict=True):
            if any(word in data for word in wanted):
                yield name, data


def _rewrite_all(app: App, changes: Iterable[tuple[str, _Without]], what: str, found: Forgotten) -> None:
    """Takes the person's rows out of these reports; `what` they are."""
    removed = list(filter(None, (_rewrite(app, name, without) for name, without in changes)))
    if removed:
        found.erased.append(f"rejected-rows: {sum(removed):,} {what} in {len(removed):,} reports")


def _rewrite(app: App, name: str, without: _Without) -> int:
    """Takes the person's rows out of a report; says how many. A report that is past its time meanwhile has none."""
    removed = 0

    def change(data: bytes | None) -> bytes | None:
        nonlocal removed
        new, removed = (None, 0) if data is None else without(data)
        return new if removed else None

    change_blob(app.storage.app_blobs, REJECTED, name, change)
    return removed
