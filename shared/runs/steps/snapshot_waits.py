"""What a run takes before it is staged, or waits for: the newest snapshot, and Brevo's answer on whom to leave out."""

from collections.abc import Callable
from dataclasses import replace

from shared.app import App
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.runs.queue import Message, send
from shared.runs.state import STAGEABLE, Run
from shared.segments.model_json import ModelJsonError
from shared.segments.snapshot import Snapshot
from shared.staging.completeness import Wait, wait_for_model_json, wait_for_whole
from shared.storage.blobs import Blobs


def newest[Found: Snapshot | None](
    app: App, run: Run, ready: ReadyExport, find: Callable[[Blobs, Export], Found], *, accept: bool
) -> Found | Wait:
    """The newest snapshot, or what is waited for before it can be taken. Raises the three kinds of ExportError.

    `accept`: somebody has accepted a gap in the numbers of these files already.
    """
    # How long it has rested is counted up to here: more may have been written while storage took long to answer.
    looked_at = app.now()
    try:
        snapshot = find(app.storage.segment_blobs, ready.export)
    except ModelJsonError as error:
        wait = wait_for_model_json(error, app.settings.snapshot_quiet_seconds, looked_at)
        if run.skip_quiet or wait is None:
            raise
        return wait
    if run.skip_quiet or snapshot is None:
        return snapshot
    wait = wait_for_whole(ready.export.source, snapshot, app.settings, looked_at, accept=accept)
    return wait or snapshot


def wait_for(app: App, run: Run, message: Message, wait: Wait) -> None:
    """Sends the message again once the wait is over, and writes down what the run waits for."""
    due = app.now() + wait.seconds

    def change(now: Run) -> Run | None:
        return now.waiting_for(
            wait.reason, now=app.now(), until=due, deadline=wait.until, stalled_after=due + app.graces.stalled
        )

    app.store.update(run, change)
    _send_behind(app, message, wait.seconds + 1)


def wait_for_answer(app: App, run: Run, message: Message, wait: Wait, requests: int) -> None:
    """One numbered message waits, whatever copies of it come: each look is one of the scarce calls."""

    def change(now: Run) -> Run | None:
        if now.state not in STAGEABLE or now.confirm_number != run.confirm_number:
            return None
        due = app.now() + wait.seconds
        planned = now.confirm_at(due, app.graces)
        waiting = planned and planned.waiting_for(wait.reason, now=app.now(), until=due, deadline=wait.until)
        return waiting and waiting.with_traffic(requests)

    if waiting := app.store.take(run, change):
        _send_behind(app, replace(message, number=waiting.confirm_number), wait.seconds)


def _send_behind(app: App, message: Message, seconds: float) -> None:
    """Sends the message again after so long, which does not count as time in which its step has failed."""
    since = message.failing_since
    send(app, replace(message, failing_since=since + seconds if since else 0.0, denied_since=0.0), seconds)
