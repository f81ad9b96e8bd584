"""The queue's messages: which run takes which step next."""

import json
import math
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared import telemetry
from shared.app import App
from shared.errors import PermanentError
from shared.runs.run_ids import is_run_id

Step = Literal["stage", "deliver", "confirm", "watch"]

_FIRST_WAIT_SECONDS = 2.0
# The longest pause before a step is tried again.
LONGEST_STEP_WAIT_SECONDS = 300.0
# Nothing but failures for so long, and a step or a notice is given up.
GIVE_UP_SECONDS = 6 * 3600.0


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    run: str = Field(max_length=100)
    step: Step
    batch: int = Field(default=0, ge=0, le=1_000_000)
    number: int = Field(default=0, ge=0)
    attempt: int = Field(default=0, ge=0)
    failing_since: float = Field(default=0.0, ge=0)
    key_read_again: bool = False
    met_owner: str = Field(default="", max_length=100)
    trace: str = ""
    due: float = Field(default=0.0, ge=0)


@dataclass(frozen=True, slots=True)
class Message:
    """One step of one run. `number` tells the live confirm message from stale ones; times are POSIX seconds.

    `trace` is the span that sent it, a `traceparent`. `met_owner` is the worker whose claim it
    has waited for. `due` is when a step is wanted, to the part of a second.
    """

    run: str
    step: Step
    batch: int = 0
    number: int = 0
    attempt: int = 0
    failing_since: float = 0.0
    key_read_again: bool = False
    met_owner: str = ""
    trace: str = ""
    due: float = 0.0


def parse_message(text: str | bytes) -> Message:
    """Raises PermanentError for anything that we did not write."""
    try:
        body = _Body.model_validate_json(text)
    except (ValidationError, ValueError):
        raise PermanentError("message_invalid", "A queue message is not one of ours.") from None
    if not is_run_id(body.run):
        raise PermanentError("message_invalid", "A queue message names no run.")
    return Message(**body.model_dump())


def send(app: App, message: Message, delay_seconds: float = 0) -> None:
    """Sends the message, to be seen after the delay."""
    body = {name: getattr(message, name) for name in Message.__slots__}
    body["trace"] = telemetry.carrier()
    app.storage.queue.send(json.dumps({name: value for name, value in body.items() if value}), delay_seconds)


def send_for(app: App, message: Message, delay_seconds: float) -> None:
    """Sends a message that the queue shows up to a second early; `rest_until_due` waits for what is left.

    The queue counts in whole seconds. Between imports that take a moment, rounding would be most of the wait.
    """
    send(app, replace(message, due=app.now() + delay_seconds), math.floor(delay_seconds))


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
