"""Takes one step of a run, and decides what an error in it means: again later, or the run's end.

The queue delivers a message at least once, perhaps twice at the same time; every step is safe to repeat.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from shared import telemetry
from shared.app import App
from shared.errors import (
    DiskFullError,
    ExportError,
    PermanentError,
    TransientError,
    UnforeseenError,
    is_disk_full,
    place_of,
)
from shared.runs.claim import StillClaimedError
from shared.runs.kinds import CHANGES_LIST
from shared.runs.queue import (
    GIVE_UP_SECONDS,
    LONGEST_STEP_WAIT_SECONDS,
    Message,
    Step,
    kept_for_other_releases,
    next_try_seconds,
    parse_message,
    rest_until_due,
    send,
    untaken_seconds,
    waits_line,
)
from shared.runs.state import SENDING, STAGEABLE, Run
from shared.runs.steps import watch
from shared.runs.steps.confirm import confirm
from shared.runs.steps.deliver import deliver
from shared.runs.steps.stop import fail, stop_if_idle, stop_when_idle
from shared.storage.failures import Conflict, DeniedError, NotFound
from shared.storage.forms import OtherFormError

_log = logging.getLogger(__name__)

_KEY_WAIT_SECONDS = 60.0
# A role takes up to ten minutes to count everywhere. Storage that denies access for longer is for a person to see to.
DENIED_SECONDS = 15 * 60.0
# Unforeseen errors in one state of a run: as many as the host tries a message (host.json).
_MOST_FAULTS = 10


def take_step(app: App, text: str | bytes) -> None:
    """Takes the step that a queue message asks for. A message that is not ours is logged and dropped.

    A message that another release has written, or that is about a row of another release's, is kept.
    """
    with kept_for_other_releases(app.storage.queue, text):
        _take_text(app, text)


def _take_text(app: App, text: str | bytes) -> None:
    message, run = _read(app, text)
    # A stale message rests for nothing.
    if message and run and message.number == run.confirm_number and rest_until_due(app, message):
        run = app.store.load(message.run)
    if message is not None and run is not None:
        _take_for(app, run, message)


def _take_for(app: App, run: Run, message: Message) -> None:
    if message.step == "watch":
        with _unforeseen_wrapped(app, message):
            watch.watch(app, run)
        return
    if run.is_final:
        return
    with telemetry.span(
        message.step, parent=run.trace or message.trace, cause=message.trace, run=run.run_id, export=run.export
    ):
        if message.batch:
            telemetry.note(batch=message.batch)
        _take(app, run, message)
    telemetry.flush()


def _take(app: App, run: Run, message: Message) -> None:
    try:
        with _unforeseen_wrapped(app, message):
            if run.is_stopping:
                is_driving = message.step == "confirm" and message.number == run.confirm_number
                (stop_when_idle if is_driving else stop_if_idle)(app, run)
            else:
                _step(message.step, run)(app, run, message)
    except OtherFormError:
        raise
    except StillClaimedError as error:
        _wait_for_owner(app, message, error)
    except (Conflict, NotFound) as error:
        _postpone(app, message, TransientError("storage_conflict", f"{error} was changed meanwhile."))
    except (TransientError, DeniedError) as error:
        _postpone(app, message, error)
    except ExportError as error:
        _stop(app, run, message, error)


@contextmanager
def _unforeseen_wrapped(app: App, message: Message) -> Iterator[None]:
    try:
        yield
    except (ExportError, Conflict, NotFound):
        raise
    except Exception as error:  # noqa: BLE001 - its words may hold personal data, and the host logs them
        if is_disk_full(error):
            raise DiskFullError from None
        with suppress(ExportError):
            app.store.update(message.run, Run.faulted)
        raise UnforeseenError(f"step {message.step} of run {message.run}: {place_of(error)}") from None


def _read(app: App, text: str | bytes) -> tuple[Message | None, Run | None]:
    try:
        message = parse_message(text)
    except PermanentError as error:
        _log.error("%s", error)
        return None, None
    return message, app.store.load(message.run)


def _step(name: Step, run: Run) -> Callable[[App, Run, Message], None]:
    if name == "stage" and run.kind in CHANGES_LIST:
        from shared.runs.steps.undo import stage_undo

        return stage_undo
    if name == "stage":
        # DuckDB and the libraries of the rules load here, in the one step that needs them: not at a cold start.
        from shared.runs.steps.stage import stage

        return stage
    return {"deliver": deliver, "confirm": confirm}[name]


def abandon(app: App, text: str | bytes) -> None:
    """Decides what becomes of a message that kept failing. A watch goes on; a step whose faults were ours ends its run.

    A message that kept failing for another reason, such as storage that was away or workers that were lost, is sent
    again, later each time, until nothing else has come for hours.
    """
    with kept_for_other_releases(app.storage.queue, text):
        _abandon(app, text)


def _abandon(app: App, text: str | bytes) -> None:
    message, run = _read(app, text)
    if message is None or run is None or run.is_final:
        return
    if message.step == "watch":
        watch.rearm(app, run.run_id)
        return
    since = _since(message, message.failing_since, app.now(), given_up=True)
    if run.faults < _MOST_FAULTS and app.now() - since <= GIVE_UP_SECONDS:
        _send_again(app, message, since, min(2.0 ** (message.attempt + 2), LONGEST_STEP_WAIT_SECONDS))
        return
    error = PermanentError(
        "step_kept_failing",
        f"The step {message.step} failed again and again without a known reason.",
        "The function's log names the place; run the export again.",
    )
    with telemetry.span("abandon", parent=run.trace, run=run.run_id, export=run.export):
        fail(app, run.run_id, error, _still(app, message))


def _wait_for_owner(app: App, message: Message, error: StillClaimedError) -> None:
    """Comes back once for each owner, when its claim would have ended. An owner that has renewed it since is alive.

    Then this message is a copy, or a late original, and is dropped. Should the owner be lost later, the run's watch
    notices.
    """
    if message.met_owner != error.owner:
        _postpone(app, replace(message, met_owner=error.owner), error)


def _postpone(app: App, message: Message, error: TransientError | DeniedError) -> None:
    """Sends the message again, later each time; gives up when nothing but failures has come for too long."""
    telemetry.note_error(error.code)
    now = app.now()
    since = _since(message, message.failing_since, now)
    denied_since = _since(message, message.denied_since, now) if isinstance(error, DeniedError) else 0.0
    deadline = since + GIVE_UP_SECONDS
    if denied_since:
        deadline = min(deadline, denied_since + DENIED_SECONDS)
    if now > deadline:
        fail(app, message.run, error, _still(app, message))
        return
    wait = next_try_seconds(message.attempt, error, LONGEST_STEP_WAIT_SECONDS)
    _log.info("%s", waits_line(message, error, wait))

    def change(run: Run) -> Run | None:
        stalled_after = now + wait + app.graces.stalled if _drives(message, run) else None
        return run.waiting_for(error.message, now=now, until=now + wait, deadline=deadline, stalled_after=stalled_after)

    app.store.update(message.run, change)
    _send_again(app, replace(message, denied_since=denied_since), since, wait)


def _send_again(app: App, message: Message, failing_since: float, wait_seconds: float) -> None:
    attempt, due = min(message.attempt + 1, 20), app.now() + wait_seconds
    send(app, replace(message, attempt=attempt, failing_since=failing_since, due=due), wait_seconds)


def _since(message: Message, began: float, now: float, *, given_up: bool = False) -> float:
    """When what the message meets now began; the time in which nobody took it does not count."""
    return began + untaken_seconds(message.due, now, given_up=given_up) if began else now


def _drives(message: Message, run: Run) -> bool:
    """True for the message that the run's next step hangs on: a delivery may wait for hours while it is lost."""
    return message.step == "stage" or (message.step == "confirm" and message.number == run.confirm_number)


def _still(app: App, message: Message) -> Callable[[Run], bool]:
    """True while the run is where this message's step belongs, and no other worker or message drives it."""

    def still(run: Run) -> bool:
        if message.step == "stage":
            return run.state in STAGEABLE and not run.is_owned(app.time())
        return run.state in SENDING and (message.step == "deliver" or message.number == run.confirm_number)

    return still


def _stop(app: App, run: Run, message: Message, error: ExportError) -> None:
    if error.code == "key_vault_reference" and (run.state in SENDING or run.is_approved):
        # The platform's own trouble, such as with the vault or with its answer to one instance.
        _postpone(app, message, TransientError(error.code, error.message, error.advice))
        return
    telemetry.note_error(error.code)
    # A key that is rotated during the run: its new value is read once more before the run ends.
    rotated = error.code == "brevo_key_refused" and run.state in SENDING
    if rotated and not message.key_read_again:
        until = app.now() + _KEY_WAIT_SECONDS
        text = f"{error.message} It is read again before the run fails."
        app.store.update(run.run_id, lambda run: run.waiting_for(text, now=app.now(), until=until, deadline=until))
        app.store.add_event(run.run_id, "waiting", f"{error.message} It is read again in a minute.")
        send(app, replace(message, key_read_again=True), _KEY_WAIT_SECONDS)
        return
    fail(app, run.run_id, error, _still(app, message))
