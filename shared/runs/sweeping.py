"""Finds runs that no message drives any more, and drives them on."""

import logging
from dataclasses import replace
from datetime import timedelta

from shared import telemetry
from shared.errors import ExportError
from shared.runs import ending
from shared.runs.app import App
from shared.runs.measuring import measure_open
from shared.runs.messages import Message, drive_by, send
from shared.runs.model import Run, started_at

_log = logging.getLogger(__name__)


def sweep(app: App) -> list[str]:
    """Drives on every open run whose time is past, and forgets those that are done; tells which were driven on."""
    driven = []
    open_runs = [run_id for run_id, _ in app.store.open_runs()]
    measure_open(open_runs, app.storage.clock.now())
    for run_id in open_runs:
        try:
            if _drive_on(app, run_id):
                driven.append(run_id)
        except ExportError as error:
            _log.error("run %s could not be driven on: %s", run_id, error)
    telemetry.flush()
    return driven


def _drive_on(app: App, run_id: str) -> bool:
    run = app.store.load(run_id)
    if run is None:
        _forget_unwritten(app, run_id)
        return False
    if run.is_final:
        ending.tidy(app, run)
        return False
    if app.now() < run.drive_by:
        return False
    with telemetry.span("drive_on", parent=run.trace, run=run_id, export=run.export):
        app.store.add_event(run_id, "driven_on", "No message drove this run any more.")
        if run.state in ("queued", "staging"):
            app.store.update(run_id, lambda now: _driven(app, now))
            send(app, Message(run_id, "stage"))
        else:
            ending.call_confirm(app, run_id, 0)
    return True


def _forget_unwritten(app: App, run_id: str) -> None:
    """A run is on the list before it is written; one that never was is forgotten after an hour."""
    if app.storage.clock.now() - started_at(run_id) > timedelta(hours=1):
        app.store.forget_open(run_id)


def _driven(app: App, run: Run) -> Run | None:
    return None if run.is_final else replace(run, drive_by=drive_by(app))
