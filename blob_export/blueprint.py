"""An Event Grid event says that a blob was written: its exports are started. Events repeat and come in any order."""

import logging

import azure.functions as func

from shared.app import open_worker_app
from shared.errors import by_place
from shared.runs.starting import start_for_blob

blueprint = func.Blueprint()

# Data Lake Storage renames a file that was written under another name.
_WRITTEN = {"Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobRenamed"}


@blueprint.event_grid_trigger(arg_name="event")
def blob_export(event: func.EventGridEvent) -> None:
    """Takes created and renamed blobs; of a segment's many files the first starts the run."""
    if event.event_type not in _WRITTEN or not isinstance(event.subject, str):
        logging.warning("an event was ignored: it is not about a created or renamed blob")
        return
    with by_place("event"):
        starts = start_for_blob(open_worker_app(), event.subject)
    for start in starts:
        logging.info("export %s: %s", start.export, start.run_id or start.reason)
