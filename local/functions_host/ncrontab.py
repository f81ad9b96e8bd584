"""NCRONTAB expressions: when a timer runs next, by the rules of NCrontab.Signed 3.4, which the real host uses.

They differ from cron: a day must fit the day of the month *and* the day of the week. Where the library is lenient
(reversed ranges, steps below 1, beginnings of names), so is this: a schedule must mean the same here and on Azure.
Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer and
https://github.com/atifaziz/NCrontab/blob/master/NCrontab/CrontabField.cs (2026-11)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_LARGEST_INT32 = 2**31 - 1
_TIME = r"(?P<h>\d{1,8}):(?P<m>\d{1,8})(?::(?P<s>\d{1,8})(?:\.(?P<f>\d{1,7}))?)?"
_TIME_SPANS = (r"(?P<d>\d{1,8})", rf"(?:(?P<d>\d{{1,8}})\.)?{_TIME}", rf"(?P<d>\d{{1,8}}):{_TIME}")
_MOST_DAYS = 10_675_199


class ScheduleError(Exception):
    """The real host refuses this schedule, or it never comes; the message says why."""


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """The moments of a timer, in UTC: those that the six fields name, or one each `period`."""

    seconds: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    week_days: tuple[int, ...] = ()
    period: timedelta | None = None

    @classmethod
    def parse(cls, expression: str) -> Schedule:
        """Read six fields, five (then it is second 0), or a .NET time span. Raises: ScheduleError."""
        fields = [field for field in expression.split(" ") if field]
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) == 6:
            seconds, minutes, hours, days, months, week_days = map(_values, fields, _FIELDS)
            return cls(seconds, minutes, hours, days, months, week_days)
        period = _time_span(expression)
        if period is None:
            raise ScheduleError(f"schedule {expression!r} has {len(fields)} fields; NCRONTAB takes six, or five")
        return cls(period=period)

    def next_after(self, moment: datetime) -> datetime:
        """The first moment later than this one. Raises: ScheduleError where there is none (30 February)."""
        moment = moment.astimezone(UTC)
        if self.period is not None:
            return _after(moment, self.period)
        earliest = moment.replace(microsecond=0) + timedelta(seconds=1)
        for day in self._days_from(earliest.date()):
            is_first = day == earliest.date()
            moment_of_day = self._time_from(earliest.time()) if is_first else self._first_time()
            if moment_of_day is not None:
                return datetime.combine(day, moment_of_day, UTC)
        raise ScheduleError(f"the schedule has no moment after {moment:%Y-%m-%d}")

    def _days_from(self, first: date) -> Iterator[date]:
        for year in range(first.year, MAXYEAR + 1):
            for month in self.months:
                for number in self.days:
                    day = _date(year, month, number)
                    if day is not None and day >= first and day.isoweekday() % 7 in self.week_days:
                        yield day

    def _first_time(self) -> time:
        return time(self.hours[0], self.minutes[0], self.seconds[0])

    def _time_from(self, earliest: time) -> time | None:
        later = (
            time(hour, minute, second)
            for hour in self.hours
            if hour >= earliest.hour
            for minute in self.minutes
            if hour > earliest.hour or minute >= earliest.minute
            for second in self.seconds
        )
        return next((moment for moment in later if moment >= earliest), None)


def _after(moment: datetime, period: timedelta) -> datetime:
    try:
        return moment + period
    except OverflowError as error:
        raise ScheduleError(f"the schedule has no moment after {moment:%Y-%m-%d}") from error


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _values(text: str, field: _Field) -> tuple[int, ...]:
    numbers: set[int] = set()
    for part in text.split(",") if text.find(",") > 0 else [text]:
        numbers.update(_range(part, field))
    return tuple(sorted(numbers))


def _range(part: str, field: _Field) -> range:
    """One item of a list: `*`, a value or a range, with or without a step."""
    span, slash, step_text = part.partition("/") if part.find("/") > 0 else (part, "", "")
    step = max(1, _int32(step_text, field)) if slash else 1
    if span == "*":
        return range(field.lowest, field.highest + 1, step)
    if span.find("-") > 0:
        first_text, _, last_text = span.partition("-")
        first, last = sorted((_value(first_text, field), _value(last_text, field)))
    else:
        first = _value(span, field)
        first, last = sorted((first, field.highest if slash else first))
    if first < field.lowest or last > field.highest:
        raise ScheduleError(f"{part!r} is outside {field.lowest} to {field.highest}, the values of the {field.name}")
    return range(first, last + 1, step)


def _value(text: str, field: _Field) -> int:
    if re.match("[0-9]", text):
        return _int32(text, field)
    if text.isascii():
        for index, name in enumerate(field.names):
            if text and name.startswith(text.lower()):
                return field.lowest + index
    raise ScheduleError(f"{text!r} is not a value of the {field.name}")


def _int32(text: str, field: _Field) -> int:
    """A number as .NET's `int.Parse` reads it: a sign and white space around it are let through."""
    if re.fullmatch(r"[\t-\r ]*[+-]?[0-9]+[\t-\r ]*", text) is None:
        raise ScheduleError(f"{text!r} is not a number in the {field.name}")
    number = int(text)
    if not -_LARGEST_INT32 - 1 <= number <= _LARGEST_INT32:
        raise ScheduleError(f"{text!r} in the {field.name} is beyond 32 bits")
    return number


def _time_span(text: str) -> timedelta | None:
    """A period as `TimeSpan.TryParse` reads it; `24:00:00` has too many hours, so it is 24 days."""
    for pattern in _TIME_SPANS:
        match = re.fullmatch(rf"[\t-\r ]*(?P<sign>-?){pattern}[\t-\r ]*", text, re.ASCII)
        if match is None:
            continue
        parts = match.groupdict("0")
        days, hours, minutes, seconds = (int(parts.get(name, "0")) for name in ("d", "h", "m", "s"))
        if days <= _MOST_DAYS and hours < 24 and minutes < 60 and seconds < 60:
            microseconds = int(parts.get("f", "0").ljust(7, "0")) // 10
            period = timedelta(days, seconds, microseconds, minutes=minutes, hours=hours)
            return -period if parts["sign"] == "-" else period
    return None
