"""When the cron line of an export's schedule is due, at its place."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from shared.config.models import CronSchedule

# What a clock that is set back shows twice, at most. In its second pass a line at a fixed time counts as due in the
# first, but CronSim looks at the clock alone: there it takes what is past for what comes.
_LONGEST_REPETITION = timedelta(hours=3)
_MINUTE = timedelta(minutes=1)
_STAMP = "%Y-%m-%dT%H:%MZ"


def next_due(schedule: CronSchedule, after: datetime) -> datetime | None:
    """The next time the cron line fires at its place, in local time; None where it never does."""
    local = after.astimezone(ZoneInfo(schedule.time_zone))
    due = next((due for due in CronSim(schedule.cron, local) if due.astimezone(UTC) > after), None)
    # Where a clock is set by half an hour, CronSim passes over times that come, forwards but not backwards.
    while due and (earlier := last_due(schedule, due.astimezone(UTC) - _MINUTE)) and earlier.astimezone(UTC) > after:
        due = earlier
    return due


def last_due(schedule: CronSchedule, now: datetime) -> datetime | None:
    """The last time the cron line should have fired, up to now."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    behind = (minute + _MINUTE).astimezone(ZoneInfo(schedule.time_zone))
    if behind.fold:
        behind = (minute + _LONGEST_REPETITION).astimezone(behind.tzinfo)
    return next((due for due in CronSim(schedule.cron, behind, reverse=True) if due.astimezone(UTC) <= minute), None)


def due_stamp(due: datetime) -> str:
    """The due time as the row of an export notes it. Stamps sort by time."""
    return due.astimezone(UTC).strftime(_STAMP)


def due_time(stamp: str) -> datetime:
    """The due time that the row of an export notes. Raises ValueError."""
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
