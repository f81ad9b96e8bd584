"""Which stagings may have been sent: what they have written down of a list counts, and what others have does not."""

from collections.abc import Iterable

from shared.app import App
from shared.runs.state import SUCCEEDED, Run
from shared.storage.blobs import Blob
from shared.sync.stored import LEDGERS, NUMBERS, UNDO, Address, staging_of


def address_of(run: Run) -> Address:
    """Where the ledger of the run's export lies."""
    return Address(run.key_setting, run.list_id, run.export)


def delivered(app: App, intentions: Iterable[Blob]) -> list[Blob]:
    """Those of stagings that may have been sent."""
    return [blob for blob in intentions if may_be_delivered(app, blob)]


def may_be_delivered(app: App, intention: Blob) -> bool:
    """False for a staging that was never sent: another one of its run was, or none."""
    run_id, staging_id = staging_of(intention)
    run = app.store.load(run_id)
    return run is None or run.staging_id == staging_id


def drop_undelivered(app: App, run: Run) -> None:
    """Deletes what stagings of the ended run that were never sent, such as a plan's, have written down of its list.

    Once the run's row is gone, nobody could tell that they were not. Whom to remove and to add goes as well: the run
    does it no more. One that has succeeded has cleared up itself.
    """
    if run.is_trial or run.state in SUCCEEDED:
        return
    folder, blobs = address_of(run).folder, app.storage.app_blobs
    for container in (LEDGERS, UNDO):
        for blob in blobs.listing_if_there(container, folder):
            _, is_its_own, staging = blob.file.rpartition(f"{run.run_id}-")
            if is_its_own and (blob.name.endswith(NUMBERS) or staging.partition(".")[0] != run.staging_id):
                blobs.delete(container, blob.name)
