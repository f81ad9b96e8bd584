"""Ends a run at a person's wish, once no worker is in the middle of staging or sending it."""

from shared import telemetry
from shared.app import App
from shared.errors import ConfigurationError
from shared.runs.queue import Message, send
from shared.runs.state import Run
from shared.runs.steps import end

LOOK_AGAIN_SECONDS = 2.0


def request_cancel(app: App, run: Run, by: str) -> Run:
    """Asks for the run's end: nothing more is sent than the batch that may be on its way now.

    Raises ConfigurationError for a run that has ended already.
    """
    run = app.store.update(run.run_id, lambda now: now.cancel_requested(by))
    if run.is_final:
        raise ConfigurationError("run_final", f"The run has ended already: {run.state}.")
    with telemetry.span("cancel", parent=run.trace, run=run.run_id, export=run.export):
        return cancel_when_idle(app, run)


def cancel_when_idle(app: App, run: Run) -> Run:
    """Ends the run, or comes back in a moment where a worker is at it: that one is told and stops by itself."""
    if ended := cancel_if_idle(app, run):
        return ended
    send(app, Message(run.run_id, "confirm"), LOOK_AGAIN_SECONDS)
    return run


def cancel_if_idle(app: App, run: Run) -> Run | None:
    """Ends the run where no live worker is at it; None where one is."""
    if run.is_owned(app.time()) or is_sending(app, run):
        return None
    end.cancel(app, run.run_id)
    now = app.store.load(run.run_id)
    return now if now and now.is_final else None


def is_sending(app: App, run: Run) -> bool:
    """True while a live worker posts one of the run's batches: what Brevo has of it is not known yet."""
    return any(batch.is_owned(app.time()) for batch in app.store.batches(run))
