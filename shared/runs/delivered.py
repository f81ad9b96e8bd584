"""Which stagings may have been sent: what they have written down of a list counts, and what others have does not."""

from collections.abc import Iterable

from shared.app import App
from shared.storage.blobs import Blob
from shared.sync.stored import staging_of


def delivered(app: App, intentions: Iterable[Blob]) -> list[Blob]:
    """Those of stagings that may have been sent."""
    return [blob for blob in intentions if may_be_delivered(app, blob)]


def may_be_delivered(app: App, intention: Blob) -> bool:
    """False for a staging that was never sent: another one of its run was, or none."""
    run_id, staging_id = staging_of(intention)
    run = app.store.load(run_id)
    return run is None or run.staging_id == staging_id
