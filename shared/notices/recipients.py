"""Which notices a run's end brings, or that it is held, and to whom. Nothing is posted here: a queue carries it on.

The watch message goes first: once it is sent, no lost instance takes the notice along.
"""

from dataclasses import replace
from itertools import chain

from shared.app import App
from shared.config.notifications import Event, Notification
from shared.notices.queue import NoticeMessage, enqueue
from shared.runs.state import SUCCEEDED, Run
from shared.runs.tries import is_guard

# How many runs back the one before is looked for, past those that were skipped or cancelled.
_LOOKED_AT = 20


def announce(app: App, run: Run) -> None:
    """Sends a message for each notification that wants to hear of it; repeated, it tells nobody a second time.

    Raises TransientError while the configuration cannot be read.
    """
    if not run.sends_segment:
        return  # the person who has started a trial or an undo waits for it
    wanted = [each for each in app.document_under_way().notifications if each.is_for(run.export)]
    asked = run.state in SUCCEEDED and any("recovered" in each.on for each in wanted)
    before = run_before(app, run) if asked else None
    for notification in wanted:
        for event in events_of(run, before, notification):
            message = NoticeMessage(run.run_id, notification.id, event, held_again=held_again(run))
            enqueue(app, replace(message, watch=True), app.graces.notice_watch)
            enqueue(app, message)


def held_again(run: Run) -> str:
    """The staging that waits for a person, or that a guard has stopped, where one has approved another before.

    That is news, though it may be the same event as the hold that was approved. Otherwise empty.
    """
    return run.rejected_id if run.is_approved and (run.is_held or is_guard(_code(run))) else ""


def events_of(run: Run, before: Run | None, notification: Notification) -> list[Event]:
    """The events that this run's end is, or its being held, of those that the notification is for."""
    if run.state not in SUCCEEDED:
        # What is several events is told once: as what it is, where that is wanted.
        return [event for event in _kinds(run) if event in notification.on][:1]
    found: list[Event] = []
    if "recovered" in notification.on and before is not None and before.state == "failed":
        found.append("recovered")
    if "rejections" in notification.on and run.counts.rejected > notification.rejected_share * run.counts.rows_read:
        found.append("rejections")
    return found


def _kinds(run: Run) -> list[Event]:
    """What a run is told as that is held or has not succeeded, best word first; skipped or cancelled is no event."""
    code = _code(run)
    if run.is_held:
        return ["held", "guard"] if is_guard(code) else ["held"]
    if run.state == "failed":
        return ["guard", "failed"] if is_guard(code) else ["failed"]
    return ["expired"] if code == "hold_expired" else []


def _code(run: Run) -> str:
    problem = run.held_for if run.is_held else run.error
    return problem.code if problem else ""


def success_since(app: App, run: Run) -> Run | None:
    """The export's newest run that has gone through since this one failed or was not approved; None for others."""
    if run.is_held or run.state in SUCCEEDED:
        return None
    newest = (each for each in app.store.latest(run.export, _LOOKED_AT) if each.times["queued"] > run.times["queued"])
    return next((each for each in newest if each.sends_segment and each.state in SUCCEEDED), None)


def run_before(app: App, run: Run) -> Run | None:
    """The export's last run before this one that went through or failed. It had ended before this one began.

    Where many have followed meanwhile, as while a receiver was away, the runs behind this one are looked at as well.
    """
    newest = list(app.store.latest(run.export, _LOOKED_AT))
    behind = app.store.latest(run.export, _LOOKED_AT, after=run.run_id) if len(newest) == _LOOKED_AT else ()
    for earlier in chain(newest, behind):
        # By the time of the start, since ids of the same second are in no order.
        is_before = earlier.times["queued"] < run.times["queued"]
        if is_before and earlier.sends_segment and (earlier.state == "failed" or earlier.state in SUCCEEDED):
            return earlier
    return None
