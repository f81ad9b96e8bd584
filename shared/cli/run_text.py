"""Which run it is and what it waits for, as lines of its status: times are this machine's, with their zone."""

from typing import TYPE_CHECKING

from shared.counting import counted
from shared.runs.kinds import CHANGES_LIST
from shared.runs.waiting_words import overdue_text, times_text
from shared.times import local_text

if TYPE_CHECKING:
    from shared.runs.status import RunStatus

_LEFT_OUT = {
    "left_list": "they left the list",
    "excluded": "they are excluded",
    "blocked_new_address": "blocked, with a new address",
    "address_of_another": "another contact has the address",
}
_TRIGGERS = {"http": "over HTTP", "terminal": "in a terminal", "event": "by an event"}


def outcome(run: "RunStatus") -> str:
    """The state in words; of a run that succeeded with how many of the segment are not in the list, and why."""
    if not run.status.startswith("succeeded"):
        return run.status.replace("_", " ")
    parts = [f"{run.rejected:,} rejected"] if run.rejected else []
    parts += [
        f"{count:,} left out ({_LEFT_OUT.get(reason, reason)})"
        for reason, count in sorted(run.contacts_left_out.items())
        if count
    ]
    return ", ".join(["succeeded", *parts])


def head_lines(run: "RunStatus") -> list[str]:
    """The list, who started the run and when, its end and duration, and what is staged so far."""
    lines = [f"  list       {f'{run.list_name} ({run.list_id})' if run.list_name else run.list_id}"]
    if run.started_at:
        lines.append(f"  started    {local_text(run.started_at)} {_started_by(run)}")
    if run.duration_seconds is not None:
        duration = duration_text(run.duration_seconds)
        ended = f"{local_text(run.finished_at)}, after {duration}" if run.finished_at else f"not yet, after {duration}"
        lines.append(f"  ended      {ended}")
    if run.status == "staging":
        lines.append(f"  staged     {run.staged_rows:,} rows read so far, {run.staged_contacts:,} contacts")
    return lines


def _started_by(run: "RunStatus") -> str:
    trigger = _TRIGGERS.get(run.trigger, f"by the {run.trigger}")
    return trigger if run.started_by == run.trigger else f"by {run.started_by}, {trigger}"


def sync_lines(run: "RunStatus") -> list[str]:
    """How the contacts compare with what Brevo had, and what becomes of the list."""
    if run.kind == "verify":  # it compares with the list and not with what was sent: its differences have their line
        return [f"  members    {run.list_before:,}"] if run.list_before is not None else []
    if not run.contacts_mapped:
        return []
    unchanged = f"{run.contacts_unchanged:,} unchanged{' (not sent)' if run.contacts_up_to_date else ''}"
    lines = [f"  compared   {run.contacts_new:,} new + {run.contacts_changed:,} changed + {unchanged}"]
    if run.list_before is not None and run.list_after is not None:
        removed = f"{run.contacts_removed:,} of {run.contacts_to_remove:,} removed"
        is_as_intended = run.finished_at is None or run.status.startswith("succeeded")
        after = f", {run.list_after:,} after" if is_as_intended else ""
        lines.append(f"  members    {run.list_before:,} before{after}; {removed}")
    return lines


def waiting_lines(run: "RunStatus") -> list[str]:
    """What it waits for, and below that since when, until its next step, and how long at most."""
    if run.waiting_for is None:
        return []
    times = times_text(run.waiting_since, run.next_check_at, run.deadline_at, run.check_overdue_since)
    overdue = [f"             {overdue_text(run.check_overdue_since)}"] if run.check_overdue_since else []
    return [f"  waiting    {run.waiting_for}", f"             {times}", *overdue]


def undo_lines(run: "RunStatus") -> list[str]:
    """How far an undo is, or a clear."""
    if run.kind == "clear":
        who = "contacts whom this export had put there"
        return [f"  taken out  {run.contacts_removed:,} of {run.contacts_to_remove:,} {who}"]
    return [
        f"  taken out  {run.contacts_removed:,} of {run.contacts_to_remove:,} contacts whom the run had added",
        f"  put back   {run.contacts_added:,} of {run.contacts_to_add:,} contacts whom the run had removed",
    ]


def held_lines(run: "RunStatus") -> list[str]:
    """What a held run would send, why it is held and until when, and how to decide."""
    lines = [f"  to send    {run.contacts_to_send:,} contacts of {run.contacts_mapped:,}; nothing was sent so far"]
    if run.contacts_to_remove:
        lines.append(f"  to remove  {counted(run.contacts_to_remove, 'member')} of the list")
    if run.kind in CHANGES_LIST:
        lines = []
    if run.held_for:
        advice = [f"  what to do {run.held_for.advice}"] if run.held_for.advice else []
        lines += [f"  held       {run.held_for.message}", *advice]
    until = f" until {local_text(run.held_until)}" if run.held_until else ""
    return [
        *lines,
        f"  to {'do' if run.kind in CHANGES_LIST else 'send'} it: segment-export approve {run.run_id}{until}",
        f"  to reject it: segment-export cancel {run.run_id}",
    ]


def duration_text(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
