"""Ends a run before its time: by an error, or because a person has asked for it.

The end is first written down, which stops every further post, and comes when no worker is in the middle of one. So what
is said of the run in the end is what Brevo has.
"""

from collections.abc import Callable
from contextlib import suppress

from shared import telemetry
from shared.app import App
from shared.errors import ConfigurationError, ExportError, TransientError
from shared.runs.holding import check_held_as, is_held_as
from shared.runs.problem import Problem
from shared.runs.queue import schedule_confirm
from shared.runs.state import SENDING, Run
from shared.runs.steps import end
from shared.segments.model_json import ModelJsonError
from shared.segments.snapshot import own_snapshot, time_of
from shared.staging.completeness import wait_for_model_json, wait_for_whole
from shared.storage.failures import DeniedError

_POLL_SECONDS = 2.0


def fail(app: App, run_id: str, error: ExportError, still: end.Still = lambda run: True) -> None:
    """Ends a run that cannot go on, where it is still as it was when that was decided; says what was sent."""
    problem = Problem.of(error)
    stopping = app.store.take(run_id, lambda run: run.stopping(problem) if still(run) else None)
    if stopping:
        stop_when_idle(app, stopping)
    else:
        # One that a person has just cancelled ends as that, which notes the snapshot that no trigger is to start again.
        def is_to_fail(run: Run) -> bool:
            return not run.is_stopping and run.state not in SENDING and still(run)

        now = end.fail_unsent(app, run_id, problem, is_to_fail, lambda run: _tried(app, run))
        if now.is_stopping and not now.is_final:
            stop_when_idle(app, now)


def request_cancel(app: App, run: Run, by: str) -> Run:
    """Asks for the run's end: nothing more is sent than the batch that may be on its way now.

    What this process may not read or delete, such as a terminal whose identity lacks a role, is left to the app.
    Raises ConfigurationError for a run that has ended already, and for one that is held as `run` and not any more: who
    rejects a plan does not stop a run that somebody has approved meanwhile.
    """
    seen = run

    def is_as_seen(now: Run) -> bool:
        return not seen.is_held or is_held_as(now, seen.rejected_id)

    run = app.store.update(run.run_id, lambda now: now.cancel_requested(by) if is_as_seen(now) else None)
    if run.is_final:
        raise ConfigurationError("run_final", f"The run has ended already: {run.state}.")
    if not is_as_seen(run):
        check_held_as(run, seen.rejected_id)
    with telemetry.span("cancel", parent=run.trace, run=run.run_id, export=run.export):
        try:
            if not run.snapshot:
                _newest(app, run)
            return stop_when_idle(app, run)
        except (TransientError, DeniedError):
            schedule_confirm(app, run, _POLL_SECONDS)
            return app.store.load(run.run_id) or run


def stop_when_idle(app: App, run: Run) -> Run:
    """Ends the run, or comes back in a moment where a worker is in the middle: that one sees it and stops by itself.

    One numbered message comes back, so that copies and late ones do not multiply. Raises TransientError as
    `stop_if_idle`: nothing more is done for the run meanwhile.
    """
    if ended := stop_if_idle(app, run):
        return ended
    schedule_confirm(app, run, _POLL_SECONDS, _waiting_for_worker(app))
    return run


def _waiting_for_worker(app: App) -> Callable[[Run], Run | None]:
    def change(run: Run) -> Run | None:
        by = f"as {run.cancel_requested_by} has asked" if run.cancel_requested_by else "by an error"
        text = f"The run ends, {by}, when the worker in the middle of it has stopped."
        return run.waiting_for(text, now=app.now(), until=app.now() + _POLL_SECONDS)

    return change


def stop_if_idle(app: App, run: Run) -> Run | None:
    """Ends the run where no live worker is in the middle of it; None where one is.

    Raises TransientError where it is cancelled and the segments or the configuration cannot be read.
    """
    if run.is_owned(app.time()) or _is_posting(app, run):
        return None
    if run.cancel_requested_by and not run.snapshot:
        _note_newest(app, run)
    ended = end.stop(app, run)
    return ended if ended.is_final else None


def _note_newest(app: App, run: Run) -> None:
    """Writes down which snapshot the run would have taken, so that no trigger starts that one again.

    Of one that is still being written the time alone: it is another snapshot with each file that comes. Not where the
    app itself may not read the segments: then no trigger starts any of them either.
    """
    newest, is_whole = "", True
    with suppress(DeniedError):
        newest, is_whole = _newest(app, run)
    if newest:
        settled = newest if is_whole else time_of(newest)
        app.store.update(run.run_id, lambda now: now.cancel_requested(run.cancel_requested_by, settled))


def _tried(app: App, run: Run) -> str:
    """The run's snapshot; the newest for one that an event has started and that fails before it takes any.

    Or its failure would count as no try, and the next event and the timer would start another one at once.
    """
    if run.only_new and not run.snapshot:
        with suppress(ExportError):  # it may fail since the segments cannot be read
            return _newest(app, run)[0]
    return run.snapshot


def _newest(app: App, run: Run) -> tuple[str, bool]:
    """The newest snapshot of an export that runs with each refresh, and whether all of it is there; empty for none.

    Raises DeniedError, and TransientError also while a model.json is being written.
    """
    export = app.document_under_way().export(run.export)
    if export is None or export.schedule != "with_refresh":
        return "", True
    looked_at = app.now()
    try:
        snapshot = own_snapshot(app.storage.segment_blobs, export)
    except DeniedError:
        raise
    except ModelJsonError as error:
        if wait_for_model_json(error, app.settings.snapshot_quiet_seconds, looked_at):
            raise TransientError(error.code, error.message, error.advice) from None
        return "", True
    except ConfigurationError:
        return "", True
    return snapshot.id, not wait_for_whole(export.source, snapshot, app.settings, looked_at, accept=run.accept)


def _is_posting(app: App, run: Run) -> bool:
    """True while a live worker posts one of the run's batches: whether Brevo has it is not known yet."""
    return any(batch.is_owned(app.time()) for batch in app.store.batches(run))
