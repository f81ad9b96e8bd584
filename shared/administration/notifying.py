"""Tries notifications out: the one operation on them, since they are edited in the document itself."""

from dataclasses import dataclass

from shared.access import Caller, require
from shared.administration import audit
from shared.app import App
from shared.config.models import Document
from shared.config.notifications import Channel, Notification
from shared.errors import ConfigurationError, ExportError, TransientError, shown
from shared.notices.notice import Notice, sample_notice
from shared.notices.sending import send_notice


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of one test. `by_person`: it was refused, and a person must act before it works."""

    id: str
    type: Channel
    accepted: bool
    message: str
    by_person: bool = False


def try_notifications(app: App, caller: Caller, notification_id: str | None = None) -> list[Tried]:
    """Sends a test to one receiver, or to all of them, now and once. Raises ConfigurationError where there is none."""
    require(caller, "try_notifications")
    chosen = _chosen(app.document(), notification_id)
    now = app.storage.clock.now()
    notice = sample_notice(now.isoformat(timespec="milliseconds"))
    audit.note(app, caller, "try notifications", notification_id or "all")
    return [_tried(each, notice, now.timestamp()) for each in chosen]


def _chosen(document: Document, notification_id: str | None) -> list[Notification]:
    found = [each for each in document.notifications if notification_id in (None, each.id)]
    if not found and notification_id is None:
        raise ConfigurationError(
            "notifications_none", "The configuration has no notifications.", "Add one as docs/configure.md says."
        )
    if not found:
        raise ConfigurationError(
            "notification_unknown",
            f"There is no notification {shown(str(notification_id))!r}.",
            "They stand under `notifications` in the configuration.",
        )
    return found


def _tried(notification: Notification, notice: Notice, at: float) -> Tried:
    try:
        # An id of its own each time: a receiver that drops what it has had is to take every test.
        send_notice(notification, notice, f"test-{notification.id}-{int(at * 1000)}", at)
    except ExportError as error:
        by_person = isinstance(error, ConfigurationError)
        text = str(error)
        if isinstance(error, TransientError):  # which says that a notice is tried again: a test is not
            text = f"{error.message} A test is not tried again by itself."
        return Tried(notification.id, notification.type, False, text, by_person)
    return Tried(notification.id, notification.type, True, "The receiver has accepted it.")
