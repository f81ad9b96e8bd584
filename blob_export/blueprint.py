"""An Event Grid event says that a blob was created: its exports are started. Events repeat and come in any order."""

import logging

import azure.functions as func

from shared.runs.app import open_app
from shared.runs.starting import start_for_blob

blueprint = func.Blueprint()


@blueprint.event_grid_trigger(arg_name="event")
def blob_export(event: func.EventGridEvent) -> None:
    """Takes `Microsoft.Storage.BlobCreated`; of a segment's many files the first starts the run."""
    data = event.get_json()
    url = data.get("url") if isinstance(data, dict) else None
    if event.event_type != "Microsoft.Storage.BlobCreated" or not isinstance(url, str):
        logging.warning("an event was ignored: it tells of no created blob")
        return
    for start in start_for_blob(open_app(), url):
        logging.info("export %s: %s", start.export, start.run_id or start.reason)
