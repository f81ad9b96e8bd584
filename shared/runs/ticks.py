"""When the timer last ran, as it notes itself: a host that has died is seen by the ticks that are missing."""

from dataclasses import dataclass

from shared.app import App
from shared.storage.tables import Row

# Table `runs`. No id has a tilde, so that no export can have this partition.
_TIMER, _TICK = "~timer", "tick"


@dataclass(frozen=True, slots=True)
class Tick:
    """When the timer ran, in POSIX seconds, and by which schedule."""

    at: float
    schedule: str


def note_tick(app: App, schedule: str) -> None:
    """Notes that the timer runs now. Of two that are late the last to write wins, which is near enough."""
    app.storage.runs.put(Row(_TIMER, _TICK, {"at": app.now(), "schedule": schedule}))


def last_tick(app: App) -> Tick | None:
    """The last tick; None where no timer has run yet."""
    row = app.storage.runs.get(_TIMER, _TICK)
    return Tick(float(row.values["at"]), str(row.values["schedule"])) if row else None
