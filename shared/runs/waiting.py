"""What an open run waits for: since when, until its next step, how long at most, and which imports Brevo works on."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.app import App
from shared.counting import counted
from shared.errors import ExportError
from shared.lifetimes import LONGEST_SENDING_HOURS
from shared.runs.batch import Batch
from shared.runs.counts import accepted_text
from shared.runs.kinds import CHANGES_LIST
from shared.runs.slots import blocking
from shared.runs.state import SENDING, STAGEABLE, Run
from shared.runs.steps import end
from shared.times import local_text

_MOST_PROCESSES = 20
_MOST_RUNS = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a run waits for, and the imports that Brevo works on. Times are POSIX seconds; 0: there is none."""

    reason: str
    since: float
    next_check: float = 0.0
    deadline: float = 0.0
    processes: list[int] = field(default_factory=list)


def waiting_of(app: App, run: Run, batches: Sequence[Batch]) -> Waiting | None:
    """What the run waits for; None for one that has ended. `batches` are all of the run's."""
    if run.is_final:
        return None
    now = app.now()
    if run.is_held:
        return Waiting("A person is to approve it.", _entered(run), deadline=run.held_until)
    if run.state in STAGEABLE and run.is_owned(app.time()):
        what = "list" if run.kind in CHANGES_LIST else "segment"
        return Waiting(f"A worker reads and checks the {what}.", _entered(run), run.watch_due)
    # A wait that is over in this state is over; up to the worker's claim a run that is staged waits for what was noted.
    if run.is_waiting(now) or (run.waiting and run.state in STAGEABLE):
        until = run.waiting_until or run.stalled_after - app.graces.stalled
        since = run.waiting_since or _entered(run)
        return Waiting(run.waiting, since, max(until, now), run.waiting_deadline, _processes(_open(batches)))
    if run.state in SENDING:
        return _sending(app, run, batches)
    reason = "It waits for a worker." if run.state == "queued" else "Its worker was lost; the next one takes it over."
    return Waiting(reason, _entered(run), max(run.watch_due, now))


def _sending(app: App, run: Run, batches: Sequence[Batch]) -> Waiting:
    now = app.now()
    next_check = max(run.stalled_after - app.graces.stalled, now)
    ends = datetime.fromisoformat(run.times["delivering"]).timestamp() + LONGEST_SENDING_HOURS * 3600
    open_batches = _open(batches)
    left = sum(batch.state in ("staged", "delivering") for batch in batches)
    if open_batches:
        since = min(batch.posted_at for batch in open_batches)
        processes = _processes(open_batches)
        what = _imports_text(open_batches)
        reason = f"{what} {accepted_text(end.totals(run, batches).counts)}{_left_text(left)}"
        return Waiting(reason, since, next_check, _deadline(app, run, since) or ends, processes)
    if any(batch.is_owned(app.time()) for batch in batches):
        return Waiting(f"A worker posts to Brevo.{_left_text(left - 1)}", _entered(run), next_check, ends)
    if left:
        return _for_slot(app, run, left, Waiting("", _entered(run), next_check, ends))
    reason = "Brevo has confirmed every import; the run is being ended."
    if run.kind in CHANGES_LIST:
        reason = "A worker changes the list."
    return Waiting(reason, _entered(run), next_check, ends)


def _for_slot(app: App, run: Run, left: int, waiting: Waiting) -> Waiting:
    """A run that gets no import slot: which imports have them."""
    imports, others = blocking(app, run)
    who = f"{counted(left, 'import')} of the run {'waits' if left == 1 else 'wait'}"
    if not imports:
        taken = f", which {', '.join(others[:_MOST_RUNS])} {'has' if len(others) == 1 else 'have'}" if others else ""
        return replace(waiting, reason=f"{who} for a free import slot{taken}.")
    first = imports[0]
    posted = local_text(first.posted_at)
    reason = f"{who} for {first.describe()}. It was posted at {posted}."
    if len(imports) > 1:
        reason += f" And for {counted(len(imports) - 1, 'more import')} like it."
    numbers = [each.process for each in imports if each.process][:_MOST_PROCESSES]
    return replace(waiting, reason=reason, deadline=max(each.until for each in imports), processes=numbers)


def _imports_text(open_batches: Sequence[Batch]) -> str:
    """Which imports Brevo works on, and which of them it does not list any more."""
    texts = []
    for is_unlisted, words in ((False, "Brevo works on"), (True, "Brevo no longer lists")):
        batches = [batch for batch in open_batches if batch.is_unlisted == is_unlisted]
        if batches:
            numbers = ", ".join(map(str, _processes(batches)))
            texts.append(f"{words} {counted(len(batches), 'import')} (process {numbers}).")
    return " ".join(texts)


def _left_text(left: int) -> str:
    return f" {counted(left, 'more import')} {'is' if left == 1 else 'are'} still to be posted." if left else ""


def _open(batches: Sequence[Batch]) -> list[Batch]:
    return [batch for batch in batches if batch.state == "delivered"]


def _processes(batches: Sequence[Batch]) -> list[int]:
    return [batch.process_id for batch in batches][:_MOST_PROCESSES]


def _deadline(app: App, run: Run, posted_at: float) -> float:
    """When the oldest open import is overdue; 0 where the configuration cannot be read just now."""
    with suppress(ExportError):
        return posted_at + app.ready_export(run.export).connection.import_deadline_hours * 3600
    return 0.0


def _entered(run: Run) -> float:
    return datetime.fromisoformat(run.times[run.state]).timestamp()


def waiting_text(waiting: Waiting) -> str:
    """One sentence after the other, with the times of this machine's zone."""
    parts = [f"Since {local_text(waiting.since)}"]
    if waiting.next_check:
        parts.append(f"next check at {local_text(waiting.next_check, seconds=True)}")
    if waiting.deadline:
        parts.append(f"at most until {local_text(waiting.deadline)}")
    return f"{waiting.reason} {', '.join(parts)}."
