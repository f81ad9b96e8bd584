"""The messages of the queue of notices: who is to be told of which run's end."""

import json
from dataclasses import asdict, dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.config.base import Id
from shared.config.notifications import Event
from shared.errors import PermanentError
from shared.runs.app import App
from shared.runs.model import is_run_id


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    run: str = Field(max_length=100)
    notification: Id
    event: Event
    attempt: int = Field(default=0, ge=0)
    failing_since: float = Field(default=0.0, ge=0)


@dataclass(frozen=True, slots=True)
class NoticeMessage:
    """One event of one run for one notification. `failing_since` is POSIX seconds, 0 before the first failure."""

    run: str
    notification: str
    event: Event
    attempt: int = 0
    failing_since: float = 0.0

    @property
    def id(self) -> str:
        """The notice's own id: the same in every try, and the key of its row."""
        return f"{self.run}-{self.notification}-{self.event}"


def parse_notice(text: str | bytes) -> NoticeMessage:
    """Raises PermanentError for anything that we did not write."""
    try:
        body = _Body.model_validate_json(text)
    except (ValidationError, ValueError):
        raise PermanentError("message_invalid", "A message of the notices is not one of ours.") from None
    if not is_run_id(body.run):
        raise PermanentError("message_invalid", "A message of the notices names no run.")
    return NoticeMessage(**body.model_dump())


def enqueue(app: App, message: NoticeMessage, delay_seconds: float = 0) -> None:
    """Sends the message, to be seen after the delay."""
    body = {name: value for name, value in asdict(message).items() if value}
    app.storage.notice_queue.send(json.dumps(body), delay_seconds)
