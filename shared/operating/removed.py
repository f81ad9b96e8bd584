"""Whether a run has taken a person out of the list: by what is kept for its undo, keys and Brevo's numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from shared.app import App
from shared.config.document import ReadyExport
from shared.mapping.compared import key_numbers
from shared.mapping.leavers import as_sent
from shared.operating.why_facts import Facts, Removal
from shared.operating.why_runs import has_changed_list, runs_to_its_list
from shared.runs.delivered import address_of
from shared.runs.ledgers import fetched
from shared.runs.questions import digest_key
from shared.runs.removing import without_those_of_others
from shared.runs.state import SUCCEEDED, Run
from shared.staging.folders import working_folder
from shared.sync.stored import UNDO, Address, staging_of

if TYPE_CHECKING:
    from shared.sync.undo import Change


@dataclass(frozen=True, slots=True)
class _Kept:
    """A run whose changes of the list are kept, and the newest undo of it that has changed the list, if any."""

    run: Run
    undone_by: Run | None


def look_for_removal(app: App, ready: ReadyExport, facts: Facts) -> None:
    """Notes which run has taken the person out of the list. Only of the last one with a mirror it is known whom.

    The export's own runs come first, then those of the other exports that its connection has for the list: who may
    ask for the one may see them. Not asked for who is in the list. Raises as storage does, and LedgerUnreadable.
    """
    address = facts.person.address
    if facts.is_in_list or not (address or facts.contact):
        return
    if facts.cleared_by and address and _is_left_to_others(app, facts.cleared_by, address):
        facts.tell(f"Run {facts.cleared_by.run_id} has left the contact to another export, which keeps them there.")
        facts.cleared_by = None
    for kept in _kept_of_all(app, ready):
        number = facts.contact.id if facts.contact else None
        facts.removal = _removal(app, ready, kept, _change(app, kept.run, address, number))
        if facts.removal:
            run, list_id = facts.removal.run, ready.export.list_id
            text = f"Run {run.run_id}: the contact is among those whom it has removed from list {list_id}."
            if run.state not in SUCCEEDED:
                text = f"Run {run.run_id}: the contact is among those whom it was to remove from list {list_id}."
            facts.tell(text)
            return
        facts.tell(
            f"Run {kept.run.run_id}: the contact is not among those whom it has removed. Of runs before it that "
            "is not kept."
        )


def _is_left_to_others(app: App, cleared_by: Run, address: str) -> bool:
    """Whether another export keeps the contact in the list, so that the clear has not taken them out."""
    high, low = _key(address)
    return not without_those_of_others(app, cleared_by, f"0,{high},{low}\n".encode())


def _removal(app: App, ready: ReadyExport, kept: _Kept, change: "Change") -> Removal | None:
    """The run that has taken the person out, where one of these has, or may have."""
    if change == "added" and kept.undone_by is not None:
        return Removal(kept.undone_by, undone=kept.run)
    if change != "removed" or (kept.undone_by and kept.undone_by.state in SUCCEEDED):
        return None
    is_others = kept.run.export != ready.export.id
    return Removal(kept.run, is_repaired=is_others and _is_repaired(app, ready, kept.run))


def _is_repaired(app: App, ready: ReadyExport, removing: Run) -> bool:
    """Whether a repair of the person's export has looked at the list since that run."""
    ended = removing.times[removing.state]
    since = takewhile(lambda run: run.times["queued"] >= ended, runs_to_its_list(app, ready))
    return any(run.kind == "repair" and run.state in SUCCEEDED for run in since)


def _kept_of_all(app: App, ready: ReadyExport) -> Iterator[_Kept]:
    own = ready.export
    beside = [each for each in app.document().exports if each.list_id == own.list_id and each.id != own.id]
    others = [each.id for each in beside if each.connection == own.connection]
    for export_id in (own.id, *others):
        yield from _kept(app, ready, export_id)


def _kept(app: App, ready: ReadyExport, export_id: str) -> Iterator[_Kept]:
    """Those of the export, the newest first: mostly one."""
    folder = Address(ready.key_setting, ready.export.list_id, export_id).folder
    stagings = map(staging_of, app.storage.app_blobs.listing_if_there(UNDO, folder))
    for run_id, staging_id in sorted(stagings, reverse=True):
        run = app.store.load(run_id)
        if run is None or run.staging_id != staging_id or run.state not in SUCCEEDED:
            continue  # it was never sent, or may have removed some of them
        yield _Kept(run, _undo_of(app, run))


def _undo_of(app: App, run: Run) -> Run | None:
    later = takewhile(lambda each: each.run_id != run.run_id, app.store.latest(run.export, None))
    return next((each for each in later if each.undo_of == run.run_id and has_changed_list(each)), None)


def _change(app: App, run: Run, address: str, number: int | None) -> "Change":
    from shared.sync.undo import change_of  # brings DuckDB

    key = _key(address)
    with working_folder() as name:
        folder = Path(name)
        record = fetched(app, address_of(run).undo(run.run_id, run.staging_id), folder / "record.parquet", UNDO)
        return change_of(record, key, number, folder) if record else "none"


def _key(address: str) -> tuple[int, int]:
    return key_numbers(digest_key("ledger"), as_sent(address))
