"""A run that is held: a person approves it, or nobody does in time, or a newer run takes its place.

Who cancels it rejects it. It is bound to the snapshot and the settings that it was staged with. Each of these writes
is conditional on the row, so of two that come at once one counts.
"""

from contextlib import suppress

from shared import telemetry
from shared.app import App
from shared.config.document import ReadyExport, ready_export
from shared.errors import ConfigurationError
from shared.runs.kinds import Trigger, command_again
from shared.runs.problem import Problem
from shared.runs.queue import Message, send
from shared.runs.state import Run
from shared.runs.steps import end
from shared.segments.snapshot import own_snapshot, time_of
from shared.storage.failures import DeniedError
from shared.times import local_text

_BY_PEOPLE: tuple[Trigger, ...] = ("http", "terminal")


def approve(app: App, run: Run, by: str) -> Run:
    """Lets a held run go on: it is staged again and sends what it has shown, less who has fallen out meanwhile.

    Raises ConfigurationError: it is not held as `run` shows it, its time is over, or its snapshot or the settings have
    changed.
    """
    _check_held(app, run)
    ready = ready_export(app.document(), run.export)
    check_same_settings(run, ready)
    if run.sends_segment:
        newest = own_snapshot(app.storage.segment_blobs, ready.export)
        check_same_snapshot(run, newest.id)
    # The watch message goes first, as with a new run: where nobody approves, it does nothing.
    send(app, Message(run.run_id, "watch"), app.graces.stalled)

    def change(now: Run) -> Run | None:
        return now.approved(by, app.time(), app.graces) if is_held_as(now, run.rejected_id) else None

    approved = app.store.take(run, change)
    if approved is None:
        now = app.store.load(run.run_id) or run
        _check_held(app, now)
        check_held_as(now, run.rejected_id)
        raise _not_held(now)
    with telemetry.span("approve", parent=run.trace, run=run.run_id, export=run.export):
        app.store.add_event(run.run_id, "approved", f"By {approved.approved_by}. {_shown(run)}")
        send(app, Message(run.run_id, "stage"))
    return approved


def _shown(run: Run) -> str:
    counts = run.counts
    if run.sends_segment and counts.contacts_to_remove:
        sent, removed = counts.contacts_to_send, counts.contacts_to_remove
        return f"{sent:,} contacts were shown to be sent and {removed:,} to be taken out of the list."
    if run.sends_segment:
        return f"{counts.contacts_to_send:,} contacts were shown to be sent."
    return f"{counts.contacts_to_remove:,} contacts were shown to be taken out and {counts.contacts_to_add:,} put back."


def _check_held(app: App, run: Run) -> None:
    if not run.is_held or run.is_stopping:
        raise _not_held(run)
    if run.is_past_hold(app.time()):
        raise ConfigurationError(
            "hold_expired",
            f"The run {run.run_id} could be approved until {local_text(run.held_until)}.",
            f"Ask for it again: {_again(run)}",
        )


def is_held_as(run: Run, shown: str) -> bool:
    """True while the run is held as a person was shown it: `shown` is its `rejected_id` as they saw it."""
    return run.is_held and run.rejected_id == shown


def check_held_as(run: Run, shown: str) -> None:
    """Raises ConfigurationError where the run is not held, or is held with another plan than a person was shown."""
    if is_held_as(run, shown):
        return
    if not run.is_held:
        raise _not_held(run)
    raise ConfigurationError(
        "plan_outdated",
        f"The plan of {run.run_id} was made again since you have seen it.",
        "Look at what it shows now, and decide again.",
    )


def _again(run: Run) -> str:
    return command_again(run.kind, run.export, run.undo_of)


def _not_held(run: Run) -> ConfigurationError:
    approved = f" {run.approved_by} has approved it." if run.is_approved else ""
    return ConfigurationError(
        "run_not_held",
        f"The run {run.run_id} is not held: it is {run.state.replace('_', ' ')}.{approved}",
        f"`segment-export runs {run.export}` lists the runs of the export.",
    )


def check_same_settings(run: Run, ready: ReadyExport) -> None:
    """Raises ConfigurationError where what a person was shown was made with other settings than there are now."""
    if run.settings != ready.digest:
        raise ConfigurationError(
            "plan_outdated",
            f"The configuration of the export or its connection has changed since {run.run_id} was held.",
            f"Ask for it again: {_again(run)}",
        )


def check_same_snapshot(run: Run, newest: str) -> None:
    """Raises ConfigurationError where another snapshot is there than the one that a person was shown."""
    if run.snapshot != newest:
        raise ConfigurationError(
            "plan_outdated",
            f"The run {run.run_id} was held with the snapshot {_named(run.snapshot, newest)}, and the newest one is "
            f"{_named(newest, run.snapshot)}.",
            f"Ask for it again: {_again(run)}",
        )


def _named(snapshot: str, other: str) -> str:
    """The snapshot's time, or its whole id where the other has the same time."""
    return snapshot if time_of(snapshot) == time_of(other) else time_of(snapshot)


def note_fallen_out(app: App, shown: Run, now: Run) -> None:
    """Notes in the run's story who was shown to a person and is not sent, by reason. `shown` is it as it was held."""
    before, after = shown.counts.contacts_left_out, now.counts.contacts_left_out
    fallen = {reason: count - before.get(reason, 0) for reason, count in after.items()}
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(fallen.items()) if count > 0)
    if reasons:
        app.store.add_event(now.run_id, "fallen_out", f"Shown when it was approved, and not sent: {reasons}.")


def expire(app: App, run: Run) -> bool:
    """Ends a held run that nobody has approved in time. False where that is still to come, or it has moved on."""
    why = f" It was held since: {run.held_for.message}" if run.held_for else ""
    problem = Problem(
        "hold_expired",
        f"Nobody has approved it until {local_text(run.held_until)}.{why}",
        f"If it is right, ask for it again and approve that: {_again(run)}",
    )
    with telemetry.span("expire", parent=run.trace, run=run.run_id, export=run.export):
        return end.end_hold(app, run.run_id, problem, lambda now: now.is_past_hold(app.time())).is_final


def supersede(app: App, run: Run | None, ready: ReadyExport, trigger: Trigger, new_run_id: str) -> bool:
    """Ends the export's open run where it is held and the new one is to take its place; False where it stays.

    The new one is started by a person, or there is a newer snapshot, or nobody can approve the held one any more. What
    waits for a clear waits for no snapshot: its export is to end. What this process may not delete behind the held run,
    such as a terminal whose identity lacks a role, is left to the app. Raises ExportError.
    """
    if run is None or not run.is_held:
        return False
    if trigger not in _BY_PEOPLE and not _gives_way_to_triggers(app, run, ready):
        return False
    problem = Problem("superseded", f"The newer run {new_run_id} takes its place.", "")
    with telemetry.span("supersede", parent=run.trace, run=run.run_id, export=run.export), suppress(DeniedError):
        end.end_hold(app, run.run_id, problem, lambda now: now.is_held)
    return True


def replace_outdated(app: App, run: Run | None, ready: ReadyExport, trigger: Trigger) -> str:
    """Ends a held run that nobody can approve any more, since settings have changed or its time is over.

    A repair gives way as a plan does: there may be a newer snapshot. The id of the run that is to take its place; empty
    where it stays. A person asks for the same again.
    """
    if run is None or not run.is_held:
        return ""
    if run.kind != "repair" and not _is_outdated(app, run, ready):
        return ""
    new_run_id = app.store.new_run_id(run.export)
    supersede(app, run, ready, trigger, new_run_id)
    return new_run_id


def _is_outdated(app: App, run: Run, ready: ReadyExport) -> bool:
    """Whether nobody can approve the held run any more: settings have changed, or its time is over."""
    return run.settings != ready.digest or run.is_past_hold(app.time())


def _gives_way_to_triggers(app: App, run: Run, ready: ReadyExport) -> bool:
    return run.kind != "clear" and (_is_outdated(app, run, ready) or _is_newer_there(app, run, ready))


def _is_newer_there(app: App, run: Run, ready: ReadyExport) -> bool:
    newest = own_snapshot(app.storage.segment_blobs, ready.export).id
    return newest != run.snapshot and time_of(newest) >= time_of(run.snapshot)
