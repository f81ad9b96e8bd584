"""Takes a message of the notices: claims the notice, posts it, writes down what became of it.

A notice is told once. Its row (table `notices`, partition = run) is claimed by a conditional write before anything is
posted. A try that the receiver has certainly not taken is made again, later each time. One of which that is not known
(no answer, or the worker died) is not, since Teams and Slack would show it twice; only a signed webhook gets it again,
under the same `webhook-id`, by which its receiver knows what it has had.

States of the row: `sending` · `refused` (not taken: free for the next try) · `told` · `unknown`.
"""

import logging
import secrets
from contextlib import suppress
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.config.base import Id
from shared.config.notifications import Event, Notification
from shared.errors import ExportError, PermanentError, TransientError, place_of
from shared.notifying.notice import Notice
from shared.runs.announcing import events_of, run_before
from shared.runs.app import App
from shared.runs.messages import GIVE_UP_SECONDS, next_try_seconds
from shared.runs.model import is_run_id
from shared.runs.notice_messages import NoticeMessage, enqueue
from shared.runs.steps import UnforeseenError
from shared.runs.wording import run_notice
from shared.storage.failures import Conflict, NotFound
from shared.storage.tables import Row

_log = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 900.0
_MOST_ATTEMPTS = 20  # counted so far: the wait is at its longest long before


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)
    run: str = Field(max_length=100)
    notification: Id
    event: Event
    attempt: int = Field(default=0, ge=0, le=_MOST_ATTEMPTS)
    failing_since: float = Field(default=0.0, ge=0, allow_inf_nan=False)


def parse_notice(text: str | bytes) -> NoticeMessage:
    """Raises PermanentError for anything that we did not write."""
    try:
        body = _Body.model_validate_json(text)
    except (ValidationError, ValueError):
        raise PermanentError("message_invalid", "A message of the notices is not one of ours.") from None
    if not is_run_id(body.run):
        raise PermanentError("message_invalid", "A message of the notices names no run.")
    return NoticeMessage(**body.model_dump())


def take_notice(app: App, text: str | bytes) -> None:
    """Tells what a message asks for. A message that is not ours is logged and dropped."""
    try:
        message = parse_notice(text)
    except PermanentError as error:
        _log.error("%s", error)
        return
    try:
        _take(app, message)
    except (Conflict, NotFound) as error:
        _postpone(app, message, TransientError("storage_conflict", f"{error} was changed meanwhile."))
    except TransientError as error:
        _postpone(app, message, error)
    except ExportError as error:
        _give_up(app, message, error)
    except Exception as error:  # noqa: BLE001 - its words may hold the receiver's address, and the host logs them
        raise UnforeseenError(f"notice {message.id}: {place_of(error)}") from None


def drop_notice(text: str | bytes) -> None:
    """Logs that a message which kept failing is given up."""
    with suppress(PermanentError):
        _log.error("notice given up: %s failed again and again without a known reason", parse_notice(text).id)


def _take(app: App, message: NoticeMessage) -> None:
    run = app.store.load(message.run)
    document = app.document()
    notification = next((each for each in document.notifications if each.id == message.notification), None)
    before = run_before(app, run) if run and message.event == "recovered" else None
    if run is None or notification is None or message.event not in events_of(run, before, notification):
        _log.warning("notice dropped: %s is for nobody any more", message.id)
        return
    owner = secrets.token_hex(8)
    if _claimed(app, message, owner, notification):
        export = document.export(run.export)
        name = export.display_name if export else run.export
        _tell(app, message, owner, notification, run_notice(message.event, run, name, before))


def _claimed(app: App, message: NoticeMessage, owner: str, notification: Notification) -> bool:
    """False where the notice is done with. Raises TransientError while another worker may be at it."""
    row = app.storage.notices.get(message.run, message.id)
    state = row.values["state"] if row else "refused"
    if state in ("told", "unknown"):
        return False
    rest = float(row.values["until"]) - app.now() if row else 0.0
    if rest > 0:
        raise TransientError("notice_claimed", "This notice is not due, or on its way.", retry_after_seconds=rest + 1)
    if state == "sending" and notification.type != "webhook":
        _leave_unknown(app, message, row.values["owner"] if row else "", "Its worker died while it was at it.")
        return False
    claim = Row(
        message.run,
        message.id,
        _values("sending", owner, app.now() + app.graces.notice_claim),
        row.etag if row else None,
    )
    try:
        app.storage.notices.replace(claim) if row else app.storage.notices.insert(claim)
    except Conflict:
        now = app.storage.notices.get(message.run, message.id)
        if now is None or now.values["owner"] != owner:  # else our own write, whose answer was lost
            raise
    return True


def _tell(app: App, message: NoticeMessage, owner: str, notification: Notification, notice: Notice) -> None:
    # Loaded here, in the one step that needs it: not at a cold start.
    from shared.notifying.posting import OutcomeUnknownError
    from shared.notifying.sending import send_notice

    try:
        send_notice(notification, notice, message.id, app.now())
    except OutcomeUnknownError as error:
        if notification.type == "webhook":
            _write(app, message, owner, "refused", next_try_seconds(message.attempt, error, _LONGEST_WAIT_SECONDS))
            raise
        _leave_unknown(app, message, owner, error.message)
        return
    except ExportError as error:
        _write(app, message, owner, "refused", next_try_seconds(message.attempt, error, _LONGEST_WAIT_SECONDS))
        raise
    _write(app, message, owner, "told")
    _log.info("notice told: %s", message.id)
    app.store.add_event(message.run, "notified", f"{message.notification}: {message.event}.")


def _leave_unknown(app: App, message: NoticeMessage, owner: str, why: str) -> None:
    _write(app, message, owner, "unknown")
    _log.error("notice unknown: %s may have been told, and is not told again: %s", message.id, why)
    app.store.add_event(message.run, "notice_unknown", f"{message.notification}: {message.event}. {why}")


def _write(app: App, message: NoticeMessage, owner: str, state: str, wait_seconds: float = 0.0) -> None:
    """Writes down what became of it, unless another worker has taken the notice over."""
    row = app.storage.notices.get(message.run, message.id)
    if row is not None and row.values["owner"] == owner:
        with suppress(Conflict):
            values = _values(state, owner, app.now() + wait_seconds if wait_seconds else 0.0)
            app.storage.notices.replace(Row(message.run, message.id, values, row.etag))


def _values(state: str, owner: str, until: float) -> dict[str, str | float]:
    return {"state": state, "owner": owner, "until": until}


def _postpone(app: App, message: NoticeMessage, error: TransientError) -> None:
    """Sends the message again, later each time; gives up when nothing but failures has come for hours."""
    now = app.now()
    since = message.failing_since or now
    if now - since > GIVE_UP_SECONDS:
        _give_up(app, message, error)
        return
    wait = next_try_seconds(message.attempt, error, _LONGEST_WAIT_SECONDS)
    _log.info("notice waits: %s code=%s seconds=%.0f", message.id, error.code, wait)
    later = replace(message, attempt=min(message.attempt + 1, _MOST_ATTEMPTS), failing_since=since)
    enqueue(app, later, wait)


def _give_up(app: App, message: NoticeMessage, error: ExportError) -> None:
    _log.error("notice given up: %s code=%s: %s", message.id, error.code, error)
    app.store.add_event(message.run, "not_notified", f"{message.notification}: {error.message}")
