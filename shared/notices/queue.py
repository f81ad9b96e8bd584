"""The messages of the queue of notices: a run has ended; and who gets a notice of it."""

import json
from dataclasses import asdict
from typing import Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from shared.app import App
from shared.config.base import Id
from shared.config.notifications import EVENTS, Event
from shared.errors import PermanentError
from shared.runs.queue import NOTICE_FORM, check_form
from shared.runs.run_ids import RunId
from shared.storage.forms import FORM

MOST_ATTEMPTS = 20  # counted so far: the wait is at its longest long before


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="ignore", strict=True))
class NoticeMessage:
    """One event of one run for one notification. Without a notification: it is still to be decided who gets a notice.

    `failing_since` is POSIX seconds, 0 before the first failure; `due` is when it is tried again. A `watch` message
    posts the notice only where the worker that was to do it is lost. `held_again` is the staging of a run that is held,
    or stopped by a guard, after an approval.
    """

    run: RunId
    notification: Id | Literal[""] = ""
    event: Event | Literal[""] = ""
    attempt: int = Field(default=0, ge=0, le=MOST_ATTEMPTS)
    failing_since: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    due: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    watch: bool = False
    held_again: str = ""

    @property
    def id(self) -> str:
        """The notice's own id: the same in every try, and the key of its row."""
        return "-".join(filter(None, (self.run, self.notification, self.event, self.held_again)))


def receiver_and_event(run_id: str, notice_id: str) -> tuple[str, str]:
    """The notification and the event of a notice of the run, by its id."""
    parts = notice_id.removeprefix(f"{run_id}-").split("-")
    at = -1 if parts[-1] in EVENTS else -2  # behind the event may stand a staging
    return "-".join(parts[:at]), parts[at] if len(parts) > 1 else ""


_MESSAGE = TypeAdapter(NoticeMessage)


def parse_notice(text: str | bytes) -> NoticeMessage:
    """Raises PermanentError for anything that we did not write, OtherFormError for what another release wrote."""
    check_form(text, "A message of the notices", NOTICE_FORM)
    try:
        return _MESSAGE.validate_json(text)
    except ValueError:
        raise PermanentError("message_invalid", "A message of the notices is not one of ours.") from None


def enqueue(app: App, message: NoticeMessage, delay_seconds: float = 0) -> None:
    """Sends the message, to be seen after the delay."""
    body = {name: value for name, value in asdict(message).items() if value} | {FORM: NOTICE_FORM}
    app.storage.notice_queue.send(json.dumps(body), delay_seconds)
