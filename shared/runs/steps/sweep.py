"""Finds runs that no message drives any more, and drives them on: the second line behind their watch messages."""

import logging
from datetime import timedelta

from shared import telemetry
from shared.app import App
from shared.errors import ExportError
from shared.runs.measuring import measure_open
from shared.runs.run_ids import started_at
from shared.runs.steps import end
from shared.runs.steps.watch import drive_on, is_watch_lost, rearm

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
        end.tidy(app, run)
        return False
    if is_watch_lost(app, run):
        rearm(app, run_id)
    return run.is_stalled(app.time()) and drive_on(app, run)


def _forget_unwritten(app: App, run_id: str) -> None:
    """A run is on the list before it is written; one that never was is forgotten after an hour."""
    if abs(app.storage.clock.now() - started_at(run_id)) > timedelta(hours=1):  # a wrong clock may have dated it
        app.store.drop_open(run_id)
