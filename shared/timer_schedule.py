"""The setting EXPORT_SCHEDULE, held to what Azure's timers and cron both take and mean the same by.

Azure refuses some schedules, and then the timer alone does not run, without a word. It takes others in a way that
nobody expects: a reversed range is swapped, a step of 0 is 1, `m` is Monday. Both kinds are refused here.

Only the standard library: azd checks the setting before any package is installed.
Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions (2026-11)
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise

from shared.errors import ConfigurationError, shown

DEFAULT_SCHEDULE = "0 */5 * * * *"
_MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
_DAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
# A 29 February on a given weekday is at most 40 years away.
_LOOK_AHEAD_DAYS = 366 * 41
# Of turns every five minutes, two months.
_TURNS_COMPARED = 20_000
# The pause of a schedule that comes only once more.
_ONCE = timedelta(days=_LOOK_AHEAD_DAYS)
# By which the host counts instead of UTC. https://github.com/Azure/azure-webjobs-sdk-extensions/issues/880
_ZONES = ("WEBSITE_TIME_ZONE", "TZ")
_IN_UTC = ("", "UTC", "ETC/UTC", "GMT")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


_WEEKDAY = _Field("weekday", 0, 6, _DAYS)
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _WEEKDAY,
)


@dataclass(frozen=True, slots=True)
class TimerSchedule:
    """When the timer runs, in UTC: on days that fit the day of the month *and* the weekday.

    `is_in_doubt`: cron, which an export's own schedule is, would run it on days where either fits.
    """

    seconds: list[int]
    minutes: list[int]
    hours: list[int]
    days: list[int]
    months: list[int]
    weekdays: list[int]
    is_in_doubt: bool

    @classmethod
    def parse(cls, text: str, now: datetime) -> "TimerSchedule":
        """Raises ConfigurationError saying what is wrong, or that no moment after `now` fits."""
        fields = text.split(" ")
        if len(fields) != len(_FIELDS) or text.split() != fields:
            raise _invalid(text, "takes six fields with one blank between them: second minute hour day month weekday")
        seconds, minutes, hours, days, months, weekdays = (
            _values(field_text, field, text) for field_text, field in zip(fields, _FIELDS, strict=True)
        )
        in_doubt = not (fields[3].startswith("*") or fields[5].startswith("*"))
        schedule = cls(seconds, minutes, hours, days, months, weekdays, in_doubt)
        if next(schedule.next_times(now), None) is None:
            raise _invalid(text, "never comes: no month has such a day")
        return schedule

    def next_times(self, after: datetime) -> Iterator[datetime]:
        """The moments after this one, in UTC."""
        after = after.astimezone(UTC)
        for offset in range(_LOOK_AHEAD_DAYS):
            day = after.date() + timedelta(days=offset)
            if self._has(day):
                yield from (moment for moment in self._moments(day) if moment > after)

    def longest_pause_minutes(self, after: datetime) -> float:
        """How far apart two turns are at most, of those that follow."""
        turns = islice(self.next_times(after), _TURNS_COMPARED)
        return max((later - earlier for earlier, later in pairwise(turns)), default=_ONCE).total_seconds() / 60

    def describe(self, now: datetime) -> str:
        """One line: the next three times, and which days are meant where that is in doubt."""
        times = ", ".join(f"{moment:%Y-%m-%d %H:%M:%S}" for moment in islice(self.next_times(now), 3))
        days = "Runs on days that fit the day of the month and also the weekday. " if self.is_in_doubt else ""
        following = f"Next: {times} UTC."
        return f"{days}{following}"

    def _has(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _moments(self, day: date) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                for second in self.seconds:
                    yield datetime.combine(day, time(hour, minute, second), UTC)


def zone_fault(environment: Mapping[str, str]) -> tuple[str, str]:
    """What is wrong where a setting of the deployed app moves the timer out of UTC, and what to do; else two empty
    texts."""
    if not environment.get("WEBSITE_HOSTNAME"):
        return "", ""  # a terminal's zone moves nothing
    for name in _ZONES:
        if environment.get(name, "").strip().upper() not in _IN_UTC:
            return (
                f"The setting {name} moves the timer: Azure reads EXPORT_SCHEDULE in that zone, not in UTC. "
                "Where clocks are set back, the timer may stand still for an hour.",
                f"Remove {name} from the app.",
            )
    return "", ""


def _values(field_text: str, field: _Field, text: str) -> list[int]:
    numbers: set[int] = set()
    for item in field_text.split(","):
        values = _range(item, field)
        if not values:
            raise _invalid(text, f"has the {field.name} {shown(item)!r}")
        numbers.update(values)
    return sorted(numbers)


def _range(item: str, field: _Field) -> range:
    """The values of one item; empty where Azure or cron refuses it, or the two read it in different ways."""
    span, slash, step_text = item.partition("/")
    step = _number(step_text) if slash else 1
    if span == "*":
        return range(field.lowest, field.highest + 1, step) if step > 0 else range(0)
    first_text, dash, last_text = span.partition("-")
    first = _value(first_text, field)
    last = _value(last_text, field) if dash else field.highest if slash else first
    # In `5/2`, cron counts weekdays on to 7, which is Sunday; in `5-5/2` it goes on to the end.
    differs = slash and (first == last or (field is _WEEKDAY and not dash))
    if step < 1 or differs or not field.lowest <= first <= last <= field.highest:
        return range(0)
    return range(first, last + 1, step)


def _value(text: str, field: _Field) -> int:
    for index, name in enumerate(field.names):
        if text.isascii() and text.upper() in (name, name[:3]):
            return field.lowest + index
    return _number(text)


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1


def _invalid(text: str, fault: str) -> ConfigurationError:
    return ConfigurationError(
        "setting_invalid",
        f"The setting EXPORT_SCHEDULE {fault} ({shown(text)!r}).",
        f"Write one such as {DEFAULT_SCHEDULE}; ranges go upwards, steps are 1 or more, names full or three letters.",
    )
