"""Which stagings may have been sent: what they have written down of a list counts, and what others have does not."""

import logging
from collections.abc import Iterable
from dataclasses import replace

from shared.app import App
from shared.errors import described
from shared.runs.state import SUCCEEDED, Run
from shared.storage.blobs import Blob
from shared.storage.forms import concerns_all
from shared.sync.stored import LEDGERS, NUMBERS, UNDO, Address, Stored, staging_of

_log = logging.getLogger(__name__)

# How a run ends whose export is not there any more, or is at another list.
_EXPORT_IS_GONE = frozenset(("export_unknown", "export_detached", "export_changed"))


def address_of(run: Run) -> Address:
    """Where the ledger of the run's export lies."""
    return Address(run.key_setting, run.list_id, run.export)


def find_stored(app: App, address: Address) -> Stored:
    """What counts of what is stored of the list: no staging that was never sent, no export that is not at this list.

    Such a one keeps nobody there, whatever it has left: it was taken out of a local file, or while its run was staged.
    Raises TransientError where the configuration cannot be read.
    """
    exports = app.document_under_way().exports_at(address.account, address.list_id) - {address.export}
    stored = Stored.find(app.storage.app_blobs, address).of_others(exports)
    stored = replace(
        stored,
        intentions=delivered(app, stored.intentions),
        others_intentions=delivered(app, stored.others_intentions),
    )
    unknown = (replace(address, export=each) for each in sorted(exports - stored.other_exports))
    return replace(stored, forgotten=tuple(each.export for each in unknown if may_have_sent(app, each)))


def may_have_sent(app: App, address: Address) -> bool:
    """Whether the export has sent anything to the list since it was cleared, by its runs.

    Also those with another setting: the key of the same account may have stood there, and nobody can tell by now. Of
    runs that were deleted since, as past their time, the last success is still noted, without its list. A row that
    cannot be read stops no export beside it: it may say so.
    """
    try:
        return _has_sent(app, address)
    except Exception as error:
        if concerns_all(error):
            raise
        _log.error("not readable: export %s: %s", address.export, described(error))
        return True


def _has_sent(app: App, address: Address) -> bool:
    for run in app.store.every_run(address.export):
        if run.list_id != address.list_id:
            continue
        if run.kind == "clear" and run.state in SUCCEEDED:
            return False
        if run.sends_segment and "delivering" in run.times:
            return True
    success = app.store.success(address.export)
    return success is not None and app.store.load(success.run_id) is None


def delivered(app: App, intentions: Iterable[Blob]) -> list[Blob]:
    """Those of stagings that may have been sent."""
    return [blob for blob in intentions if may_be_delivered(app, blob)]


def may_be_delivered(app: App, intention: Blob) -> bool:
    """False for a staging that was never sent: another one of its run was, or none.

    Of a run that cannot be read, such as one of another release, nobody knows: it may have been.
    """
    run_id, staging_id = staging_of(intention)
    try:
        run = app.store.load(run_id)
    except Exception as error:
        if concerns_all(error):
            raise
        _log.error("not readable: run %s: %s", run_id, described(error))
        return True
    return run is None or run.staging_id == staging_id


def drop_undelivered(app: App, run: Run) -> None:
    """Deletes what stagings of the ended run that were never sent, such as a plan's, have written down of its list.

    Once the run's row is gone, nobody could tell that they were not. Whom to remove and to add goes as well: the run
    does it no more. One that has succeeded has cleared up itself. Of an export that is gone nothing is of use.
    """
    if run.is_trial or run.state in SUCCEEDED:
        return
    folder, blobs = address_of(run).folder, app.storage.app_blobs
    is_gone = run.error is not None and run.error.code in _EXPORT_IS_GONE
    for container in (LEDGERS, UNDO):
        for blob in blobs.listing_if_there(container, folder):
            _, is_its_own, staging = blob.file.rpartition(f"{run.run_id}-")
            if is_its_own and (is_gone or blob.name.endswith(NUMBERS) or staging.partition(".")[0] != run.staging_id):
                blobs.delete(container, blob.name)
