"""NCRONTAB expressions: when a timer runs next.

Unlike cron, a day must fit the day of the month *and* the day of the week.
Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer (2026-11)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_Names = tuple[str, ...]
_FIELDS: tuple[tuple[str, int, int, _Names], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_LOOK_AHEAD_DAYS = 366 * 8


class ScheduleError(Exception):
    """A schedule is not NCRONTAB; the message says which field is wrong."""


@dataclass(frozen=True)
class Schedule:
    """The moments of an NCRONTAB expression, in UTC."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    week_days: tuple[int, ...]

    @classmethod
    def parse(cls, expression: str) -> Schedule:
        """Read six fields (or five: then it is second 0). Raises: ScheduleError."""
        fields = expression.split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise ScheduleError(
                f"{expression!r} has {len(fields)} fields, and NCRONTAB has six: {{second}} {{minute}} ..."
            )
        return cls(*(_values(text, *known) for text, known in zip(fields, _FIELDS, strict=True)))

    def next_after(self, moment: datetime) -> datetime:
        """The first moment later than this one. Raises: ScheduleError where there is none (30 February)."""
        moment = moment.astimezone(UTC)
        earliest = moment.replace(microsecond=0) + timedelta(seconds=1)
        for offset in range(_LOOK_AHEAD_DAYS):
            day = (earliest + timedelta(days=offset)).replace(hour=0, minute=0, second=0)
            if not self._has_day(day):
                continue
            found = self._first_on(day, earliest)
            if found is not None:
                return found
        raise ScheduleError("the schedule never comes")

    def _has_day(self, day: datetime) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.week_days

    def _first_on(self, day: datetime, earliest: datetime) -> datetime | None:
        moments = (
            day.replace(hour=hour, minute=minute, second=second)
            for hour in self.hours
            for minute in self.minutes
            for second in self.seconds
        )
        return next((moment for moment in moments if moment >= earliest), None)


def _values(text: str, name: str, lowest: int, highest: int, names: _Names) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.lower().split(","):
        match = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", part)
        if match is None:
            raise ScheduleError(f"{text!r} is not a value of the field {name}")
        start_text, end_text, step_text = match.groups()
        start = lowest if start_text == "*" else _number(start_text, name, lowest, names)
        open_ended = start_text == "*" or (step_text is not None and end_text is None)
        end = highest if open_ended else start
        if end_text is not None:
            end = _number(end_text, name, lowest, names)
        step = int(step_text or 1)
        if not lowest <= start <= end <= highest or step < 1:
            raise ScheduleError(f"{part!r} is outside {lowest} to {highest}, the values of the field {name}")
        found.update(range(start, end + 1, step))
    return tuple(sorted(found))


def _number(text: str, name: str, lowest: int, names: _Names) -> int:
    if text.isdigit():
        return int(text)
    for place, word in enumerate(names):
        if text[:3] == word:
            return place + lowest
    raise ScheduleError(f"{text!r} is not a value of the field {name}")
