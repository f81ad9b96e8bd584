"""Finds runs that no message drives any more, and drives them on."""

import logging
from dataclasses import replace

from shared.errors import ExportError
from shared.runs import ending
from shared.runs.app import App
from shared.runs.messages import Message, drive_by, send
from shared.runs.model import Run

_log = logging.getLogger(__name__)


def sweep(app: App) -> list[str]:
    """Drives on every open run whose time is past, and forgets those that are done; tells which were driven on."""
    driven = []
    for run_id, _ in app.store.open_runs():
        try:
            if _drive_on(app, run_id):
                driven.append(run_id)
        except ExportError as error:
            _log.error("run %s could not be driven on: %s", run_id, error)
    return driven


def _drive_on(app: App, run_id: str) -> bool:
    run = app.store.load(run_id)
    if run is None or run.is_final:
        # A run that is being written just now has its row on this list first: it is found again later.
        if run is not None:
            app.store.forget_open(run_id)
        return False
    if app.now() < run.drive_by:
        return False
    app.store.add_event(run_id, "driven_on", "No message drove this run any more.")
    if run.state in ("queued", "staging"):
        app.store.update(run_id, lambda now: _driven(app, now))
        send(app, Message(run_id, "stage"))
    else:
        ending.call_confirm(app, run_id, 0)
    return True


def _driven(app: App, run: Run) -> Run | None:
    return None if run.is_final else replace(run, drive_by=drive_by(app))
