"""Takes a message of the notices: claims the notice, posts it, writes down the result.

A notice is sent once. Its row (table `notices`, partition = run) is claimed by a conditional write before anything is
posted. A try that the receiver has certainly not taken is made again, later each time. One of which that is not known
(no answer, or the worker died) is not, since Teams and Slack would show it twice; only a signed webhook gets it again,
under the same `webhook-id`, by which its receiver knows what it has had.

A message that finds the notice in other hands, or not due, is dropped: until the notice is done with, its watch message
comes back, and posts what a lost worker was to post (see `watching`, which does the same for runs).
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from shared.app import App
from shared.config.notifications import Notification
from shared.errors import ExportError, PermanentError, TransientError, UnforeseenError, place_of
from shared.notices.notice import Notice
from shared.notices.queue import MOST_ATTEMPTS, NoticeMessage, enqueue, parse_notice
from shared.notices.recipients import announce, events_of, held_again, run_before, success_since
from shared.notices.rows import NoticeRow, NoticeState, change_notice, load_notice, take_notice_row
from shared.notices.words import run_notice
from shared.runs.queue import GIVE_UP_SECONDS, kept_for_other_releases, next_try_seconds, untaken_seconds
from shared.storage.failures import Conflict, DeniedError, NotFound
from shared.storage.forms import OtherFormError

_log = logging.getLogger(__name__)

# In the story of a run of which it could not be decided who gets a notice.
NOBODY = "nobody"
_LONGEST_WAIT_SECONDS = 900.0
# How long after its time a retry's own message goes first.
RETRY_FIRST_SECONDS = 15.0
_KEPT_FAILING = "It failed again and again without a known reason."


def take_notice(app: App, text: str | bytes) -> None:
    """Tells what a message asks for. A message that is not ours is logged and dropped, another release's is kept."""
    try:
        with kept_for_other_releases(app.storage.notice_queue, text):
            _take_message(app, parse_notice(text))
    except PermanentError as error:
        _log.error("%s", error)


def _take_message(app: App, message: NoticeMessage) -> None:
    lost: NoticeMessage | None = None
    with _failures_met(app, message):
        if message.watch:
            lost = _watch(app, message)
        elif message.notification:
            _take(app, message)
        else:
            _announce(app, message)
    if lost:
        _take_message(app, lost)  # what it meets is the lost try's, which goes on by a message of its own


@contextmanager
def _failures_met(app: App, message: NoticeMessage) -> Iterator[None]:
    """Sends the message again, or gives it up, by what it meets."""
    try:
        yield
    except OtherFormError:
        raise
    except (Conflict, NotFound) as error:
        _postpone(app, message, TransientError("storage_conflict", f"{error} was changed meanwhile."))
    except (TransientError, DeniedError) as error:  # what storage refuses says nothing of the receiver
        _postpone(app, message, error)
    except ExportError as error:
        # What the vault does not give is the platform's own trouble, such as with its answer to one instance.
        (_postpone if error.code == "key_vault_reference" else _give_up)(app, message, error)
    except Exception as error:  # noqa: BLE001 - its words may hold the receiver's address, and the host logs them
        raise UnforeseenError(f"notice {message.id}: {place_of(error)}") from None


def _announce(app: App, message: NoticeMessage) -> None:
    run = app.store.load(message.run)
    if run is not None and (run.is_final or run.is_held):
        announce(app, run)


def abandon_notice(app: App, text: str | bytes) -> None:
    """Decides what becomes of a message that the host has given up, as while a setting of the app cannot be read.

    It is sent again, later each time, until nothing else has come for hours.
    """
    with suppress(PermanentError), kept_for_other_releases(app.storage.notice_queue, text):
        message = parse_notice(text)
        since = _failing_since(message, app.now(), given_up=True)
        if app.now() - since <= GIVE_UP_SECONDS:
            _send_again(app, message, since, min(2.0 ** (message.attempt + 2), _LONGEST_WAIT_SECONDS))
        elif not message.watch:
            _note_given_up(app, message, _KEPT_FAILING, f": {_KEPT_FAILING}")


def _is_dropped(app: App, message: NoticeMessage) -> bool:
    """Whether nobody tries any more what the message asks for.

    Of an end that was announced nothing is lost, nor of one that brings no notice, such as a trial's.
    """
    if message.notification:
        return change_notice(app, message, NoticeRow.given_up).state == "given_up"
    run = app.store.load(message.run)
    return run is not None and run.sends_segment and not list(app.storage.notices.query(message.run, limit=1))


def _watch(app: App, message: NoticeMessage) -> NoticeMessage | None:
    """Sends the next watch message; returns the message of the try whose worker is lost, if one is."""
    if load_notice(app, message).is_final or _wanted(app, message) is None:
        return None
    row = take_notice_row(app, message, lambda now: now.watched_at(_watch_due(app, now), app.now()))
    if row is None:
        return None
    enqueue(app, replace(message, attempt=0, failing_since=0.0, due=0.0), row.watch_due - app.now())
    if row.state == "refused" and app.now() < row.until + RETRY_FIRST_SECONDS:
        return None
    return replace(message, watch=False, attempt=row.attempt, failing_since=row.failing_since, due=row.until)


def _watch_due(app: App, row: NoticeRow) -> float:
    delay = max(row.until - app.now() + RETRY_FIRST_SECONDS, app.graces.notice_watch)
    return app.now() + min(delay, app.graces.longest_watch)


def _take(app: App, message: NoticeMessage) -> None:
    wanted = _wanted(app, message)
    if wanted is None:
        _log.warning("notice dropped: %s is for nobody any more", message.id)
        return
    notification, notice = wanted
    owner = secrets.token_hex(8)
    if _claimed(app, message, owner, notification):
        _tell(app, message, owner, notification, notice)


def _wanted(app: App, message: NoticeMessage) -> tuple[Notification, Notice] | None:
    """Whom the message is for and what is to be said; None where it is for nobody any more."""
    run = app.store.load(message.run)
    document = app.document_under_way()
    notification = next((each for each in document.notifications if each.id == message.notification), None)
    before = run_before(app, run) if run and message.event == "recovered" else None
    if run is None or notification is None or message.event not in events_of(run, before, notification):
        return None
    if message.held_again != held_again(run):
        return None  # what it was held for before has been approved
    export = document.export(run.export)
    name = export.display_name if export else run.export
    return notification, run_notice(message.event, run, name, before, success_since(app, run))


def _claimed(app: App, message: NoticeMessage, owner: str, notification: Notification) -> bool:
    """False where the notice is done with, not due, or in other hands."""
    row, repeats = load_notice(app, message), notification.type == "webhook"
    if row.is_lost(app.now()) and not repeats:
        _leave_unknown(app, message, row.owner, "Its worker died while it posted it.")
        return False

    def claim(now: NoticeRow) -> NoticeRow | None:
        return now.claimed(owner, row, app.now(), app.now() + app.graces.notice_claim, repeats=repeats)

    return change_notice(app, message, claim).owner == owner


def _tell(app: App, message: NoticeMessage, owner: str, notification: Notification, notice: Notice) -> None:
    # Loaded here, in the one step that needs it: not at a cold start.
    from shared.notices.posting import OutcomeUnknownError
    from shared.notices.sending import send_notice

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


def _write(app: App, message: NoticeMessage, owner: str, state: NoticeState, wait_seconds: float = 0.0) -> None:
    """Writes down the result, unless another worker has taken the notice over."""

    until = app.now() + wait_seconds if wait_seconds else 0.0
    since = _failing_since(message, app.now())
    attempt = min(message.attempt + 1, MOST_ATTEMPTS)
    change_notice(app, message, lambda now: now.ended_try(owner, state, until, attempt, since))


def _postpone(app: App, message: NoticeMessage, error: ExportError) -> None:
    """Sends the message again, later each time; gives up when nothing but failures has come for hours."""
    now = app.now()
    since = _failing_since(message, now)
    if now - since > GIVE_UP_SECONDS:
        _give_up(app, message, error)
        return
    wait = next_try_seconds(message.attempt, error, _LONGEST_WAIT_SECONDS)
    _log.info("notice waits: %s code=%s seconds=%.0f", message.id, error.code, wait)
    _send_again(app, message, since, wait)


def _send_again(app: App, message: NoticeMessage, since: float, wait: float) -> None:
    attempt, due = min(message.attempt + 1, MOST_ATTEMPTS), app.now() + wait
    enqueue(app, replace(message, attempt=attempt, failing_since=since, due=due), wait)


def _failing_since(message: NoticeMessage, now: float, *, given_up: bool = False) -> float:
    """Since when it has met nothing but failures; the time in which nobody took the message does not count."""
    untaken = untaken_seconds(message.due, now, given_up=given_up)
    return message.failing_since + untaken if message.failing_since else now


def _give_up(app: App, message: NoticeMessage, error: ExportError) -> None:
    _note_given_up(app, message, error.message, f" code={error.code}: {error}")


def _note_given_up(app: App, message: NoticeMessage, why: str, logged: str) -> None:
    if not _is_dropped(app, message):
        return
    _log.error("notice given up: %s%s", message.id, logged)
    app.store.add_event(message.run, "not_notified", f"{message.notification or NOBODY}: {why}")
