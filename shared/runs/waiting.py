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
from shared.runs.slots import blocking, removal_beside
from shared.runs.state import SENDING, STAGEABLE, Run
from shared.runs.steps import end
from shared.runs.waiting_words import overdue_text, times_text
from shared.times import local_text

# A watch message is taken within seconds of its time wherever a host runs; a full queue may take a while longer.
WATCH_LATE_SECONDS = 120.0
_MOST_PROCESSES = 20
_MOST_RUNS = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a run waits for, and the imports that Brevo works on. Times are POSIX seconds; 0: there is none.

    `next_check` is the time that was planned, also once it is past; `overdue_since` is when somebody was to look, where
    nobody has for so long that no worker can be there.
    """

    reason: str
    since: float
    next_check: float = 0.0
    deadline: float = 0.0
    processes: list[int] = field(default_factory=list)
    overdue_since: float = 0.0


def waiting_of(app: App, run: Run, batches: Sequence[Batch]) -> Waiting | None:
    """What the run waits for; None for one that has ended. `batches` are all of the run's."""
    if run.is_final:
        return None
    return replace(_waiting(app, run, batches), next_check=_next_check(app, run), overdue_since=overdue_since(app, run))


def overdue_since(app: App, run: Run) -> float:
    """When the next step of the open run was due, where no worker has taken it for too long; else 0.

    Of a step whose worker was lost the run's watch takes care: only once that has not come either, nobody works.
    """
    due, now = run.held_until if run.is_held else _due(app, run), app.now()
    is_unwatched = now > run.watch_due + WATCH_LATE_SECONDS
    return due if due and is_unwatched and now > due + app.graces.stalled else 0.0


def _next_check(app: App, run: Run) -> float:
    """When the open run is looked at next: by its next message or, where the worker of that was lost, by its watch.

    Once both are past, the later of them. 0 where a person or a worker is at it.
    """
    due, now = _due(app, run), app.now()
    return due if due >= now or not due else max(due, run.watch_due)


def _due(app: App, run: Run) -> float:
    """When the next message of the open run is due, or was. 0 where a person or a worker is at it."""
    if run.is_held or _is_read(app, run):
        return 0.0
    if _is_noted(run, app.now()):
        return run.waiting_until or run.stalled_after - app.graces.stalled
    return run.stalled_after - app.graces.stalled if run.state in SENDING else run.watch_due


def _is_read(app: App, run: Run) -> bool:
    return run.state in STAGEABLE and run.is_owned(app.time())


def _is_noted(run: Run, now: float) -> bool:
    """True while it waits for what was noted. A wait that is over in a state that sends is over.

    Up to the worker's claim a run that is staged waits for it.
    """
    return run.is_waiting(now) or bool(run.waiting and run.state in STAGEABLE)


def _waiting(app: App, run: Run, batches: Sequence[Batch]) -> Waiting:
    if run.is_held:
        return Waiting("A person is to approve it.", _entered(run), deadline=run.held_until)
    if _is_read(app, run):
        what = "list" if run.kind in CHANGES_LIST else "segment"
        return Waiting(f"A worker reads and checks the {what}.", _entered(run))
    if _is_noted(run, app.now()):
        since = run.waiting_since or _entered(run)
        return Waiting(run.waiting, since, deadline=run.waiting_deadline, processes=_processes(_open(batches)))
    if run.state in SENDING:
        return _sending(app, run, batches)
    reason = "It waits for a worker." if run.state == "queued" else "Its worker was lost; the next one takes it over."
    return Waiting(reason, _entered(run))


def _sending(app: App, run: Run, batches: Sequence[Batch]) -> Waiting:
    ends = datetime.fromisoformat(run.times["delivering"]).timestamp() + LONGEST_SENDING_HOURS * 3600
    open_batches = _open(batches)
    left = sum(batch.state in ("staged", "delivering") for batch in batches)
    if open_batches:
        since = min(batch.posted_at for batch in open_batches)
        processes = _processes(open_batches)
        what = _imports_text(open_batches)
        reason = f"{what} {accepted_text(end.totals(run, batches).counts)}{_left_text(left)}"
        return Waiting(reason, since, deadline=_deadline(app, run, since) or ends, processes=processes)
    if any(batch.is_owned(app.time()) for batch in batches):
        return Waiting(f"A worker posts to Brevo.{_left_text(left - 1)}", _entered(run), deadline=ends)
    if files := sum(batch.state == "splitting" for batch in batches):
        reason = f"The contacts of {counted(files, 'file')} that Brevo could not import are being written as bodies."
        return Waiting(f"{reason}{_left_text(left)}", _entered(run), deadline=ends)
    if left:
        return _for_slot(app, run, left, Waiting("", _entered(run), deadline=ends))
    reason = "Brevo has confirmed every import; the run is being ended."
    if run.kind in CHANGES_LIST:
        reason = "A worker changes the list."
    return Waiting(reason, _entered(run), deadline=ends)


def _for_slot(app: App, run: Run, left: int, waiting: Waiting) -> Waiting:
    """A run that gets no import slot: which imports have them."""
    if beside := removal_beside(app, run):
        what = f"{beside} takes contacts out of the list. The contacts of this run are sent once that is over."
        return replace(waiting, reason=what)
    imports, others = blocking(app, run)
    taken = f", which {', '.join(others[:_MOST_RUNS])} {'has' if len(others) == 1 else 'have'}" if others else ""
    what = imports[0].describe() if imports else f"a free import slot{taken}"
    reason = f"{counted(left, 'import')} of the run {'waits' if left == 1 else 'wait'} for {what}."
    if not imports:
        return replace(waiting, reason=reason)
    reason += f" It was posted at {local_text(imports[0].posted_at)}."
    if len(imports) > 1:
        reason += f" And for {counted(len(imports) - 1, 'more import')} like it."
    numbers = [each.process for each in imports if each.process][:_MOST_PROCESSES]
    return replace(waiting, reason=reason, deadline=max(each.until for each in imports), processes=numbers)


def _imports_text(open_batches: Sequence[Batch]) -> str:
    """Which imports Brevo works on, and which of them it does not list any more."""
    texts = []
    for is_unlisted in (False, True):
        batches = [batch for batch in open_batches if batch.is_unlisted == is_unlisted]
        if batches:
            numbers = ", ".join(map(str, _processes(batches)))
            imports = counted(len(batches), "import")
            texts.append(f"Brevo {'no longer lists' if is_unlisted else 'works on'} {imports} (process {numbers}).")
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
    times = times_text(waiting.since, waiting.next_check, waiting.deadline, waiting.overdue_since)
    text = f"{waiting.reason} {times[0].upper()}{times[1:]}."
    return f"{text} {overdue_text(waiting.overdue_since)}" if waiting.overdue_since else text
