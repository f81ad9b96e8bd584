"""The messages of the queue of notices: who is to be told of which run's end."""

import json
from dataclasses import asdict, dataclass

from shared.app import App
from shared.config.notifications import Event


@dataclass(frozen=True, slots=True)
class NoticeMessage:
    """One event of one run for one notification. `failing_since` is POSIX seconds, 0 before the first failure.

    A `watch` message posts the notice only where the worker that was to do it is lost.
    """

    run: str
    notification: str
    event: Event
    attempt: int = 0
    failing_since: float = 0.0
    watch: bool = False

    @property
    def id(self) -> str:
        """The notice's own id: the same in every try, and the key of its row."""
        return f"{self.run}-{self.notification}-{self.event}"


def enqueue(app: App, message: NoticeMessage, delay_seconds: float = 0) -> None:
    """Sends the message, to be seen after the delay."""
    body = {name: value for name, value in asdict(message).items() if value}
    app.storage.notice_queue.send(json.dumps(body), delay_seconds)
