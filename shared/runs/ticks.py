"""What the timer notes: when it last ran, and with which export its next turn begins.

A host that has died is seen by the ticks that are missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile

from shared.app import App
from shared.errors import ConfigurationError
from shared.storage.forms import OtherFormError
from shared.storage.tables import Row
from shared.timer_schedule import TimerSchedule
from shared.times import duration, local_text

# Table `runs`. No id has a tilde, so that no export can have this partition.
_TIMER, _TICK, _NEXT = "~timer", "tick", "next"
# The host starts a function late where it has to start a worker for it.
_LATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Tick:
    """When the timer ran, in POSIX seconds, and by which schedule."""

    at: float
    schedule: str


def note_tick(app: App, schedule: str) -> None:
    """Notes that the timer runs now. Of two that are late the last to write wins, which is near enough."""
    _noted(app, _TICK)  # as a worker's first call, so that its clock has storage's time
    app.storage.runs.put(Row(_TIMER, _TICK, {"at": app.now(), "schedule": schedule}))


def last_tick(app: App) -> Tick | None:
    """The last tick; None where no timer has run yet."""
    row = _noted(app, _TICK)
    return Tick(float(row.values["at"]), str(row.values["schedule"])) if row else None


def _noted(app: App, key: str) -> Row | None:
    """What the timer has noted for itself; None also where another release has: nothing rests on it."""
    try:
        return app.storage.runs.get(_TIMER, key)
    except OtherFormError:
        return None


@dataclass(frozen=True, slots=True)
class MissedTicks:
    """Of a timer that does not run by its schedule. `is_first`: only its last turn is missing."""

    text: str
    is_first: bool


def missed_ticks(app: App, tick: Tick | None) -> MissedTicks | None:
    """What is to be said of a timer that has missed a turn since this tick; None where it has not, or none can say.

    Where EXPORT_SCHEDULE was changed since, only a turn counts that it has missed by both schedules.
    """
    if tick is None:
        return None
    last = datetime.fromtimestamp(tick.at, UTC)
    schedules = {tick.schedule, app.settings.export_schedule or tick.schedule}
    turns = [times for each in schedules if (times := _turns(each, last)) is not None]
    counted = [list(takewhile(lambda at: at.timestamp() < app.now() - _LATE_SECONDS, each)) for each in turns]
    missed = min(counted, key=len, default=[])
    if not missed:
        return None
    last_text, due_text = (local_text(at, seconds=True) for at in (last, missed[0]))
    return MissedTicks(
        f"The timer last ran at {last_text}, {duration(app.now() - tick.at)} ago, and was due again at {due_text}.",
        is_first=len(missed) == 1,
    )


def _turns(schedule: str, after: datetime) -> Iterator[datetime] | None:
    """The next two turns; None of a schedule that the host may have taken or refused."""
    try:
        return islice(TimerSchedule.parse(schedule, after).next_times(after), 2)
    except ConfigurationError:
        return None


def next_to_start(app: App) -> str:
    """The id of the export that the timer's next turn begins with; empty for the first one."""
    row = _noted(app, _NEXT)
    return str(row.values.get("export", "")) if row else ""


def note_next_to_start(app: App, export: str) -> None:
    """Notes where the timer's next turn begins."""
    app.storage.runs.put(Row(_TIMER, _NEXT, {"export": export}))
