"""Schedules as people say them: each day or some weekdays at a time; what does not fit that is a cron line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from babel.dates import format_time, get_day_names
from werkzeug.datastructures import MultiDict

from export_trigger.pages.phrases import N_
from export_trigger.pages.viewer import Viewer
from shared.config.models import CronSchedule, Schedule

_CRON = re.compile(r"(?P<minute>\d{1,2}) (?P<hour>\d{1,2}) \* \* (?P<days>\*|[0-7](?:[,-][0-7])*)")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
# As cron counts them, Sunday last; Babel begins with Monday as 0.
WEEKDAYS = (1, 2, 3, 4, 5, 6, 0)


@dataclass(frozen=True, slots=True)
class Times:
    """At a time of the day, "06:30", on these weekdays; on each where there are none."""

    at: str
    days: frozenset[int]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the fields of a schedule hold. `kind` is the choice that is ticked."""

    kind: str
    at: str
    days: frozenset[int]
    cron: str
    zone: str


def shown_schedule(schedule: object, zone: str, form: MultiDict[str, str]) -> Shown:
    """The fields as somebody has typed them, right or wrong; else those of the schedule, with the viewer's zone."""
    if "time_zone" in form:
        days = frozenset(day for day in WEEKDAYS if str(day) in form.getlist("day"))
        kind, at, cron, typed = (form.get(name, "") for name in ("schedule", "at", "cron", "time_zone"))
        return Shown(kind, at, days, cron, typed)
    line, zone = _cron_and_zone(schedule, zone)
    if line is None:
        return Shown(str(schedule), "", frozenset(), "", zone)
    times = times_of(schedule)
    if times is None:
        return Shown("cron", "", frozenset(), line, zone)
    return Shown("times", times.at, times.days, "", zone)


def times_of(schedule: object) -> Times | None:
    """The times of a schedule, or of one as the JSON has it; None where it is none, or needs a cron line."""
    cron, _ = _cron_and_zone(schedule)
    match = _CRON.fullmatch(" ".join((cron or "").split()))
    if match is None or int(match["hour"]) > 23 or int(match["minute"]) > 59:
        return None
    days: set[int] = set()
    for part in match["days"].split(",") if match["days"] != "*" else ():
        first, _, last = part.partition("-")
        if (not last.isdigit() and last) or (last and int(last) < int(first)):
            return None
        days.update(day % 7 for day in range(int(first), int(last or first) + 1))
    at = f"{int(match['hour']):02}:{int(match['minute']):02}"
    return Times(at, frozenset(days) if len(days) < len(WEEKDAYS) else frozenset())


def schedule_of(form: MultiDict[str, str]) -> Any:
    """The schedule that a form names, as the JSON has it."""
    kind = form.get("schedule", "")
    if kind not in ("times", "cron"):
        return "with_refresh" if kind == "with_refresh" else "off"
    cron = form.get("cron", "").strip() if kind == "cron" else _cron_of(form)
    return {"cron": cron, "time_zone": form.get("time_zone", "").strip() or "UTC"}


def schedule_faults(form: MultiDict[str, str], before: object) -> list[str]:
    """That a time is none, or that times were typed beside another choice: they would be lost without a word."""
    kind, cron, at = (form.get(name, "").strip() for name in ("schedule", "cron", "at"))
    if kind == "times" and not _TIME.fullmatch(at):
        return [f"schedule: {N_('Say at what time, such as 06:30.')}"]
    known = times_of(before)
    if cron and cron != _cron_and_zone(before)[0] and kind != "cron":
        words = N_("A cron line is typed, but another choice is ticked. Tick “by a cron line”, or empty it.")
        return [f"schedule: {words}"]
    if at and at != (known.at if known else "") and kind != "times":
        words = N_("A time is typed, but another choice is ticked. Tick “each day, or on weekdays”, or empty it.")
        return [f"schedule: {words}"]
    return []


def schedule_text(viewer: Viewer, schedule: Schedule) -> str:
    """When an export runs by itself."""
    if not isinstance(schedule, CronSchedule):
        return viewer.text(
            N_("with each refresh") if schedule == "with_refresh" else N_("only when a person starts it")
        )
    times = times_of(schedule)
    if times is None:
        return f"{schedule.cron} ({schedule.time_zone})"
    hour, minute = map(int, times.at.split(":"))
    at = format_time(time(hour, minute), "short", locale=viewer.locale)
    days = ", ".join(name for day, name in day_names(viewer, "abbreviated") if day in times.days)
    text = viewer.text(N_("%(days)s at %(time)s")) if days else viewer.text(N_("each day at %(time)s"))
    return f"{text % {'days': days, 'time': at}} ({schedule.time_zone})"


def day_names(viewer: Viewer, width: Any = "wide") -> list[tuple[int, str]]:
    """Cron's number and the name of each weekday, Monday first."""
    names = get_day_names(width, locale=viewer.locale)
    return [(day, names[place]) for place, day in enumerate(WEEKDAYS)]


def _cron_and_zone(schedule: object, zone: str = "") -> tuple[str | None, str]:
    """The cron line of a schedule, as the model or the JSON has it, and its time zone; else None, and `zone`."""
    if isinstance(schedule, CronSchedule):
        return schedule.cron, schedule.time_zone
    if isinstance(schedule, Mapping):
        return str(schedule.get("cron", "")), str(schedule.get("time_zone", zone))
    return None, zone


def _cron_of(form: MultiDict[str, str]) -> str:
    """The cron line; what was typed where that is no time, for the configuration to refuse."""
    at = form.get("at", "").strip()
    match = _TIME.fullmatch(at)
    if match is None:
        return at
    days = sorted({int(day) for day in form.getlist("day") if day in map(str, WEEKDAYS)})
    return f"{int(match[2])} {int(match[1])} * * {','.join(map(str, days)) if len(days) % len(WEEKDAYS) else '*'}"
