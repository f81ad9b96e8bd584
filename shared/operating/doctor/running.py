"""The doctor's checks of a running app: its queues, its open runs, its timer, its clock."""

from contextlib import suppress
from functools import partial

from shared.app import App
from shared.at_once import at_once
from shared.config.models import Document, Export
from shared.errors import ConfigurationError
from shared.operating import replaying
from shared.operating.doctor.finding import Look
from shared.operating.doctor.rows import open_loaded
from shared.runs.graces import CLAIM_AHEAD_SECONDS
from shared.runs.run_ids import started_at
from shared.runs.state import Run
from shared.runs.ticks import last_tick, missed_ticks
from shared.runs.waiting import WATCH_LATE_SECONDS, overdue_since
from shared.segments.snapshot import odd_refreshes
from shared.storage.failures import NotFound
from shared.times import duration, local_text

_HOST_STOPPED = (
    "Start the app. If it is started, and does not answer `GET health?deep=1`, its host hangs: end it and start it. "
    "Else see its log: one that stops again and again (`Host is shutting down`) has mostly lost its storage (403), and "
    "one that refuses EXPORT_SCHEDULE runs no timer."
)

# Every five minutes a timer drives on what no message drives any more; two of its turns may be late.
_TIMER_SECONDS = 900.0
# Steps that nothing but failures come of are given up after six hours, so an older run works at something.
_LONG_SECONDS = 6 * 3600.0
_LARGE_DIFFERENCE_SECONDS = 2.0
_MOST_FOUND = 5


def queue(app: App) -> Look:
    """How many steps wait."""
    return "ok", f"{app.storage.queue.count():,} messages, those that are delayed or at work included.", ""


def poison(app: App) -> Look:
    """Messages that were given up, and whose run nobody has ended yet."""
    ours, others, hidden = replaying.kinds(app)
    if not ours + others + hidden:
        return "ok", "Empty.", ""
    parts = [(ours, "of runs"), (others, "not ours"), (hidden, "out of sight, most often since no host can read it")]
    text = f"Messages that were given up: {', '.join(f'{number:,} {what}' for number, what in parts if number)}."
    fixes = ["`segment-export replay` shows them, and puts back what has an open run."] if ours + others else []
    if others:
        fixes.append("`segment-export replay --yes --drop-unreadable` drops what is not ours.")
    if hidden:
        fixes.append("`segment-export replay --yes --clear` drops what is still out of sight after ten minutes.")
    return "FAILED", text, " ".join([*fixes, "They expire after seven days."])


def open_runs(app: App) -> Look:
    """The oldest run that has not ended, and whether anything drives the runs."""
    found = sorted((run for run in open_loaded(app) if not run.is_final), key=lambda run: started_at(run.run_id))
    if not found:
        return "ok", "None.", ""
    now = app.now()
    undriven = next((run for run in found if now > run.stalled_after + _TIMER_SECONDS), None)
    if undriven:
        text = f"Nothing drives {undriven.run_id} ({undriven.state}), and no timer has taken it up."
        return "FAILED", text, _driven_by(undriven)
    if late := next(((run, since) for run in found if (since := _untaken_since(app, run))), None):
        return _late(late[0], duration(now - late[1]), next((run for run in found if run.is_owned(app.time())), None))
    oldest = next((run for run in found if not run.is_held), None)
    held = sum(run.is_held for run in found)
    waiting = f" {held:,} held, waiting for approval." if held else ""
    if oldest is None:
        return "ok", waiting.strip(), ""
    seconds = now - started_at(oldest.run_id).timestamp()
    text = f"{len(found) - held:,}; the oldest, {oldest.run_id}, is {oldest.state} for {duration(seconds)}."
    text = f"{text} {oldest.waiting}{waiting}"
    if seconds > _LONG_SECONDS:
        return "warn", text.strip(), f"See `segment-export status {oldest.run_id}`."
    return "ok", text.strip(), ""


def _driven_by(run: Run) -> str:
    """What drives the run on. Where it is held, or sends no segment, a command that runs its export starts another."""
    if run.is_held or not run.sends_segment:
        return "Start the app."
    return f"Start the app, or work the queue here: `segment-export run {run.export} --wait` goes on with this run."


def _late(run: Run, late: str, read: Run | None) -> Look:
    """A message of the run that nobody takes. `read` is another one that a live worker reads at this moment."""
    if read is not None:
        text = f"A message of {run.run_id} that was due {late} ago waits for a worker; one reads {read.run_id}."
        return "warn", text, "Nothing, if that run goes on: it is taken when a worker is free."
    return "FAILED", f"No host has taken a message of {run.run_id} that was due {late} ago.", _HOST_STOPPED


def _untaken_since(app: App, run: Run) -> float:
    """Since when a message of the run lies there, in POSIX seconds, where that is too long; else 0.

    The watch message of a run that a live worker reads may lie there behind it.
    """
    is_unwatched = not run.is_owned(app.time()) and app.now() > run.watch_due + WATCH_LATE_SECONDS
    times = (overdue_since(app, run), run.watch_due if is_unwatched else 0.0)
    return min((each for each in times if each), default=0.0)


def timer_ticks(app: App) -> Look:
    """Whether the timer runs by its schedule, as it notes itself: it does not where the host is dead."""
    tick = last_tick(app)
    missed = missed_ticks(app, tick)
    if missed is not None:
        text = f"{missed.text} Until it runs, nothing starts by schedule, and no lost run goes on."
        return "warn" if missed.is_first else "FAILED", text, _HOST_STOPPED
    if tick is None:
        return "ok", "No timer has run yet with this storage.", ""
    return "ok", f"It last ran at {local_text(tick.at)}.", ""


def wrong_times(app: App, document: Document) -> Look:
    """What a clock that was wrong has left: refreshes that are passed over or hidden, and times that lie ahead."""
    found = [text for texts in at_once(partial(_times_ahead, app), document.exports) for text in texts]
    places = {(each.source.container, each.source.folder, *each.segments): each for each in document.exports}
    found += [text for texts in at_once(partial(_odd_refreshes, app), places.values()) for text in texts]
    found += [f"The run {run_id} is dated ahead." for run_id, _ in app.store.open_runs() if _lies_ahead(app, run_id)]
    if not found:
        return "ok", "None.", ""
    more = f" And {len(found) - _MOST_FOUND:,} more." if len(found) > _MOST_FOUND else ""
    fix = (
        "Times that lie ahead hold nothing up. Delete a refresh that hides a newer one, such as one whose folder is "
        "wrongly dated, or export it again."
    )
    return "warn", f"{' '.join(found[:_MOST_FOUND])}{more}", fix


def _times_ahead(app: App, export: Export) -> list[str]:
    """What of the export's rows is dated ahead."""
    found: list[str] = []
    if due := app.store.due_ahead(export.id):
        found.append(f"Export {export.id} was noted as started for {due}, which lies ahead.")
    if (last := next(app.store.latest(export.id, 1), None)) and _lies_ahead(app, last.run_id):
        found.append(f"The run {last.run_id} is dated ahead, and stands first in the list of runs.")
    return found


def _odd_refreshes(app: App, export: Export) -> list[str]:
    with suppress(ConfigurationError, NotFound):  # the containers' own lines say so
        return [f"{text}." for text in odd_refreshes(app.storage.segment_blobs, export.source, export.segments)]
    return []


def _lies_ahead(app: App, run_id: str) -> bool:
    return started_at(run_id).timestamp() > app.now() + CLAIM_AHEAD_SECONDS


def clock(app: App) -> Look:
    """How far this machine's clock is from storage's, by the last answer. `Date` there has whole seconds."""
    difference = app.storage.clock.difference_seconds
    if difference is None:
        return "warn", "Storage has not told its time.", "Make storage answer first."
    if abs(difference) <= _LARGE_DIFFERENCE_SECONDS:
        return "ok", "As storage's.", ""
    where = "behind" if difference > 0 else "ahead of"
    text = f"{abs(difference):,.0f} s {where} storage's; the app goes by storage's."
    return "warn", text, "Let the machine set its clock by NTP; beyond 15 minutes storage refuses it."
