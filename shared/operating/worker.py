"""Works the queue in this process: for a terminal where no functions host does."""

import logging
import time
from collections.abc import Callable

from shared.app import App
from shared.errors import ExportError, UnforeseenError
from shared.notices.tell import take_notice
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.sweep import sweep

_log = logging.getLogger(__name__)

_VISIBLE_AGAIN_SECONDS = 120
_MOST_TRIES = 10
# Each look at an empty queue costs a call: it is looked at more rarely the longer it stays empty, so that no wait
# becomes longer by more than a tenth.
_SHORTEST_IDLE_SECONDS, _LONGEST_IDLE_SECONDS, _IDLE_SHARE = 0.1, 0.5, 0.1
# So often is asked whether it is done where this process has nothing to do: others may work the queue as well.
_ASKED_SECONDS = 1.0
_SWEEP_SECONDS = 30.0
_TELLING_SECONDS = 30.0


def work_until(app: App, done: Callable[[], bool]) -> None:
    """Takes messages, of whatever run, until `done`; sweeps now and then. Raises what storage raises."""
    swept = worked = asked = time.monotonic()
    is_done = done()
    while not is_done:
        has_worked = _work_once(app)
        if has_worked:
            worked = time.monotonic()
        else:
            idle = (time.monotonic() - worked) * _IDLE_SHARE
            time.sleep(min(max(idle, _SHORTEST_IDLE_SECONDS), _LONGEST_IDLE_SECONDS))
        if time.monotonic() - swept > _SWEEP_SECONDS:
            sweep(app)
            swept = time.monotonic()
        if has_worked or time.monotonic() - asked >= _ASKED_SECONDS:
            is_done, asked = done(), time.monotonic()


def tell_what_waits(app: App) -> None:
    """Takes the notices that are due now, for half a minute at most. What goes wrong is logged: no run hangs on it."""
    until = time.monotonic() + _TELLING_SECONDS
    try:
        while time.monotonic() < until and (received := app.storage.notice_queue.receive(_VISIBLE_AGAIN_SECONDS)):
            take_notice(app, received.text)
            app.storage.notice_queue.delete(received)
    except (ExportError, UnforeseenError) as error:
        _log.error("%s", error)


def _work_once(app: App) -> bool:
    received = app.storage.queue.receive(_VISIBLE_AGAIN_SECONDS)
    if received is None:
        return False
    try:
        take_step(app, received.text)
    except UnforeseenError as error:
        # As with the functions host, the message comes back, and ends its run when it keeps failing.
        _log.error("%s", error)
        if received.dequeue_count < _MOST_TRIES:
            return True
        abandon(app, received.text)
    app.storage.queue.delete(received)
    return True
