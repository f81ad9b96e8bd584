"""Ends a run at a person's wish, once no worker is in the middle of staging or sending it."""

from shared import telemetry
from shared.app import App
from shared.errors import ConfigurationError, TransientError
from shared.runs.queue import Message, send
from shared.runs.state import STAGEABLE, Run
from shared.runs.steps import end
from shared.segments.snapshot import find_snapshot

LOOK_AGAIN_SECONDS = 2.0


def request_cancel(app: App, run: Run, by: str) -> Run:
    """Asks for the run's end: nothing more is sent than the batch that may be on its way now.

    Raises ConfigurationError for a run that has ended already.
    """
    run = app.store.update(run.run_id, lambda now: now.cancel_requested(by))
    if run.is_final:
        raise ConfigurationError("run_final", f"The run has ended already: {run.state}.")
    with telemetry.span("cancel", parent=run.trace, run=run.run_id, export=run.export):
        try:
            return cancel_when_idle(app, run)
        except TransientError:
            _come_back(app, run)
            return run


def cancel_when_idle(app: App, run: Run) -> Run:
    """Ends the run, or comes back in a moment where a worker is at it: that one is told and stops by itself.

    Raises TransientError as `cancel_if_idle`: nothing more is done for the run meanwhile.
    """
    if ended := cancel_if_idle(app, run):
        return ended
    _come_back(app, run)
    return run


def _come_back(app: App, run: Run) -> None:
    send(app, Message(run.run_id, "confirm"), LOOK_AGAIN_SECONDS)


def cancel_if_idle(app: App, run: Run) -> Run | None:
    """Ends the run where no live worker is at it; None where one is.

    Raises TransientError where the segments or the configuration cannot be read.
    """
    if run.is_owned(app.time()) or is_sending(app, run):
        return None
    if not run.snapshot and run.state in STAGEABLE:
        _note_newest(app, run)
    end.cancel(app, run.run_id)
    now = app.store.load(run.run_id)
    return now if now and now.is_final else None


def _note_newest(app: App, run: Run) -> None:
    """Writes down which snapshot the run would have taken, so that no trigger starts that one again."""
    export = app.document_under_way().export(run.export)
    if export is None or export.schedule != "with_refresh":
        return
    try:
        newest = find_snapshot(app.storage.segment_blobs, export.source, export.segments).id
    except ConfigurationError:
        return  # there is none
    app.store.update(run.run_id, lambda now: now.cancel_requested(run.cancel_requested_by, newest))


def is_sending(app: App, run: Run) -> bool:
    """True while a live worker posts one of the run's batches: what Brevo has of it is not known yet."""
    return any(batch.is_owned(app.time()) for batch in app.store.batches(run))
