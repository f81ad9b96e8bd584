"""The watch: one delayed message for each open run, which notices that the run's worker was lost.

The Functions host hides the message of a lost instance for ten minutes. A watch message is on nobody's hands while it
is delayed, so no instance takes it along. When it comes, it sends the next one and then looks at the run: a run that
should have gone on by now is driven on, one that nobody has approved in time is ended, a batch whose worker is lost is
sent again, and a run that has ended gets what is still to be done behind it. A healthy run is left alone.

`watch_due` in the run's row keeps the chain single. It says when the next watch message is due, and only the worker
that moves it forward sends that message. Copies and late originals find it in the future and do nothing.
"""

import logging
from dataclasses import replace

from shared import telemetry
from shared.app import App
from shared.errors import ExportError
from shared.runs.graces import CLAIM_AHEAD_SECONDS, lies_ahead
from shared.runs.holding import expire
from shared.runs.queue import Message, schedule_confirm, send
from shared.runs.state import SENDING, STAGEABLE, Run
from shared.runs.steps import end
from shared.runs.steps.deliver import send_lost_deliveries
from shared.runs.steps.stop import stop_if_idle

_log = logging.getLogger(__name__)


def start_watch(app: App, run: Run) -> Run:
    """Sends the first watch message of a run that is not written down yet; returns the run as it is to be written.

    The message goes first: where the run is never written, it does nothing.
    """
    delay = app.graces.stalled
    send(app, Message(run.run_id, "watch"), delay)
    return replace(run, watch_due=app.now() + delay)


def watch(app: App, run: Run) -> None:
    """Takes a watch message. Raises TransientError only before it has sent the next one: then the host retries it."""
    if run.is_final:
        if app.store.is_listed(run.run_id):
            end.tidy(app, run)
        return
    planned = run.watch_due
    if not rearm(app, run.run_id):
        return
    try:
        _help(app, run, planned)
    except ExportError as error:
        _log.warning("watch: run=%s is looked at again later: %s", run.run_id, error)


def rearm(app: App, run_id: str) -> bool:
    """Sends the next watch message of an open run. False where another one is on its way already."""
    run = app.store.take(run_id, lambda now: now.watched_at(app.now() + _delay_seconds(app, now), app.time()))
    if run is None:
        return False
    send(app, Message(run_id, "watch"), run.watch_due - app.now())
    return True


def is_watch_lost(app: App, run: Run) -> bool:
    """True where the next watch message is overdue by more than a message may wait in the queue."""
    return not lies_ahead(run.watch_due + app.graces.stalled, app.now(), CLAIM_AHEAD_SECONDS)


def drive_on(app: App, run: Run) -> bool:
    """Sends a stalled run its next message, or ends one that was held for long enough.

    False where it has moved meanwhile, or another worker does this.
    """
    if run.is_held:
        return expire(app, run)
    taken = app.store.take(run.run_id, lambda now: now.driven_on(app.time(), app.graces))
    if taken is None:
        return False
    run = taken
    with telemetry.span("drive_on", parent=run.trace, run=run.run_id, export=run.export):
        app.store.add_event(run.run_id, "driven_on", "No message drove this run any more.")
        if run.state in STAGEABLE:
            send(app, Message(run.run_id, "stage"))
        else:
            schedule_confirm(app, run, 0)
    return True


def _help(app: App, run: Run, planned: float) -> None:
    if run.is_stopping:
        stop_if_idle(app, run)
    elif planned >= run.stalled_after:
        # Judged at the time that was planned: where the queue is slow, the run's own message waits in it as well.
        drive_on(app, run)
    elif run.state in SENDING:
        send_lost_deliveries(app, run)


def _delay_seconds(app: App, run: Run) -> float:
    if run.is_stopping:
        return app.graces.shortest_watch
    until_stalled = run.stalled_after - app.now() + 1
    return min(max(until_stalled, app.graces.shortest_watch), app.graces.longest_watch)
