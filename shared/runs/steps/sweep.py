"""Finds runs that no message drives any more, and drives them on: the second line behind their watch messages."""

import logging

from shared import telemetry
from shared.app import App
from shared.errors import described
from shared.runs.measuring import measure_open
from shared.runs.run_ids import is_run_id
from shared.runs.state import Run
from shared.runs.steps import end
from shared.runs.steps.watch import drive_on, is_watch_lost, rearm
from shared.staging.bodies import STAGED
from shared.storage.failures import NotFound

_log = logging.getLogger(__name__)

# A run is on the list before it is written; one that never was is taken off after an hour.
_UNWRITTEN_SECONDS = 3600.0


def sweep(app: App) -> list[str]:
    """Drives on every open run whose time is past, and forgets those that are done; tells which were driven on."""
    driven, working = [], []
    open_runs = [run_id for run_id, _ in app.store.open_runs()]
    for run_id in open_runs:
        try:
            run = app.store.load(run_id)
            if run is None or not run.is_held:
                working.append(run_id)
            if _drive_on(app, run_id, run):
                driven.append(run_id)
        except Exception as error:  # noqa: BLE001 - the other runs are driven on all the same
            _log.error("run %s could not be driven on: %s", run_id, described(error))
    measure_open(working, app.storage.clock.now())
    _clear_staged(app, set(open_runs))
    telemetry.flush()
    return driven


def _clear_staged(app: App, open_runs: set[str]) -> None:
    """Deletes what a worker wrote down after its run's end: it holds personal data."""
    try:
        staged = app.storage.app_blobs.folders(STAGED, "")
    except NotFound:
        return
    for run_id in staged:
        if run_id in open_runs or not is_run_id(run_id):
            continue
        try:
            _clear_staged_of(app, run_id)
        except Exception as error:  # noqa: BLE001 - the other runs are cleared all the same
            _log.error("what run %s has staged was not cleared: %s", run_id, described(error))


def _clear_staged_of(app: App, run_id: str) -> None:
    run = app.store.load(run_id)
    if run is not None and run.is_final:
        app.storage.app_blobs.delete_below(STAGED, f"{run_id}/")


def _drive_on(app: App, run_id: str, run: Run | None) -> bool:
    if run is None:
        app.store.drop_unwritten(run_id, _UNWRITTEN_SECONDS)
        return False
    if run.is_final:
        # The line about its end may be written here, and is the run's like all others.
        with telemetry.span("tidy", parent=run.trace, run=run.run_id, export=run.export):
            end.tidy(app, run)
        return False
    if is_watch_lost(app, run):
        rearm(app, run_id)
    return run.is_stalled(app.time()) and drive_on(app, run)
