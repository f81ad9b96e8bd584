"""The queue's messages: which run takes which step next, and the one that drives a run."""

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from shared import telemetry
from shared.app import App
from shared.errors import ExportError, PermanentError
from shared.runs.run_ids import RunId
from shared.runs.state import Run
from shared.storage.forms import FORM, OtherFormError
from shared.storage.queue import Queue

# The form of the messages, as rows have theirs (shared/storage/forms.py); one without a number is of form 1.
MESSAGE_FORM = 1
NOTICE_FORM = 1

Step = Literal["stage", "deliver", "confirm", "watch"]

_log = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS = 2.0
# The longest pause before a step is tried again.
LONGEST_STEP_WAIT_SECONDS = 300.0
# Nothing but failures for so long, and a step or a notice is given up.
GIVE_UP_SECONDS = 6 * 3600.0
# A message that comes so much later than it was due was taken by nobody: longer than a lost instance hides one.
_UNTAKEN_SECONDS = 900.0
# One that the host has given up was taken ten times, and had by each for half an hour and ten minutes (host.json).
_TEN_TRIES_SECONDS = 10 * 2400.0


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="ignore", strict=True))
class Message:
    """One step of one run. `number` tells the live confirm message from stale ones; times are POSIX seconds.

    Its step has met nothing but failures since `failing_since`, and nothing but denied access since `denied_since`.
    `trace` is the span that sent it, a `traceparent`. `met_owner` is the worker whose claim it has waited for. `due` is
    when a step is wanted, to the part of a second, or tried again.
    """

    run: RunId
    step: Step
    batch: int = Field(default=0, ge=0, le=1_000_000)
    number: int = Field(default=0, ge=0)
    attempt: int = Field(default=0, ge=0)
    failing_since: float = Field(default=0.0, ge=0)
    denied_since: float = Field(default=0.0, ge=0)
    key_read_again: bool = False
    met_owner: str = Field(default="", max_length=100)
    trace: str = ""
    due: float = Field(default=0.0, ge=0)


_MESSAGE = TypeAdapter(Message)
_FIELDS = tuple(field.name for field in fields(Message))


def parse_message(text: str | bytes) -> Message:
    """Raises PermanentError for anything that we did not write, OtherFormError for what another release wrote."""
    check_form(text, "A message of a run", MESSAGE_FORM)
    try:
        return _MESSAGE.validate_json(text)
    except ValueError:
        raise PermanentError("message_invalid", "A queue message is not one of ours.") from None


def check_form(text: str | bytes, what: str, form: int) -> None:
    """Raises OtherFormError for a message with another number. What is no message of ours is for the caller to say."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    number = found.get(FORM, 1) if isinstance(found, dict) else 1
    if isinstance(number, int) and not isinstance(number, bool) and number != form:
        raise OtherFormError(what, number)


def send(app: App, message: Message, delay_seconds: float = 0) -> None:
    """Sends the message, to be seen after the delay."""
    _send(app, message, delay_seconds, message.due)


def _send(app: App, message: Message, delay_seconds: float, due: float) -> None:
    body = {name: getattr(message, name) for name in _FIELDS}
    body |= {"due": due, "trace": telemetry.carrier(), FORM: MESSAGE_FORM}
    app.storage.queue.send(json.dumps({name: value for name, value in body.items() if value}), delay_seconds)


def send_for(app: App, message: Message, delay_seconds: float) -> None:
    """Sends a message that the queue shows up to a second early; `rest_until_due` waits for what is left.

    The queue counts in whole seconds. Between imports that take a moment, rounding would be most of the wait.
    """
    _send(app, message, math.floor(delay_seconds), app.now() + delay_seconds)


@contextmanager
def kept_for_other_releases(queue: Queue, text: str | bytes) -> Iterator[None]:
    """Puts the message back as it is where this release cannot read it, or the row that it is about."""
    try:
        yield
    except OtherFormError as error:
        _log.warning("message kept: %s", error)
        queue.send(text.decode() if isinstance(text, bytes) else text, error.retry_after_seconds or 0)


def schedule_confirm(
    app: App, run: Run, delay_seconds: float, also: Callable[[Run], Run | None] = lambda run: run
) -> None:
    """Sends the run's confirm message and makes every earlier one stale, so that one drives it.

    `also` is what else is to be written in the run's row.
    """
    due = app.now() + delay_seconds

    def change(run: Run) -> Run | None:
        changed = also(run)
        return changed.confirm_at(due, app.graces) if changed else None

    run = app.store.update(run, change)
    if not run.is_final:
        send_confirm(app, run, delay_seconds)


def send_confirm(app: App, run: Run, delay_seconds: float) -> None:
    """Sends the message that drives the run, as its row has it."""
    send_for(app, Message(run.run_id, "confirm", number=run.confirm_number), delay_seconds)


def send_ended(app: App, run: Run) -> None:
    """Says to the queue of notices that the run has ended. Twice, so that no lost worker takes the news along."""
    send_news(app, run, app.graces.notice_watch)
    send_news(app, run)


def send_news(app: App, run: Run, delay_seconds: float = 0) -> None:
    """Lets the notices look, after the delay, at whether the run has ended or is held. Looking twice does no harm."""
    app.storage.notice_queue.send(json.dumps({"run": run.run_id, FORM: NOTICE_FORM}), delay_seconds)


def rest_until_due(app: App, message: Message) -> bool:
    """Sleeps for what the queue could not wait, less than a second; tells whether there was anything to wait for."""
    rest = min(message.due - app.now(), 1.0)
    if rest > 0:
        app.storage.clock.sleep(rest)
    return rest > 0


def next_try_seconds(attempt: int, error: Exception, longest_seconds: float) -> float:
    """How long until a failed step or notice is tried again: as the other system asks, else longer each time."""
    asked = getattr(error, "retry_after_seconds", None)
    return min(_FIRST_WAIT_SECONDS * 2**attempt, longest_seconds) if asked is None else float(asked)


def untaken_seconds(due: float, now: float, *, given_up: bool = False) -> float:
    """For how long nobody took a message that was due then, as while the app was stopped: nothing failed meanwhile.

    `given_up`: by the host, after ten tries. Workers that die at it, or stand still, are no time in which nobody tried.
    """
    late = now - due if due else 0.0
    return late if late > (_TEN_TRIES_SECONDS if given_up else _UNTAKEN_SECONDS) else 0.0


def waits_line(message: Message, error: ExportError, wait_seconds: float) -> str:
    """Why a step is put off, in the one line that alerts and queries read (infra/queries)."""
    return f"step waits: run={message.run} step={message.step} code={error.code} seconds={wait_seconds:.0f}"
