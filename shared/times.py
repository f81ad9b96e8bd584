"""Times as people read them: local, to the minute, with their zone. Tools get ISO 8601 in UTC."""

from datetime import UTC, datetime


def local_text(moment: datetime | str | float, *, seconds: bool = False) -> str:
    """Such as `2026-11-28 18:04 EET`, in the zone of this machine (its TZ). A text is ISO 8601 with an offset, a number
    POSIX seconds.

    A deployed app runs in UTC unless its setting TZ says otherwise, and so do the messages that it sends.
    """
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    elif not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    at = moment.astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S %Z}" if seconds else f"{at:%Y-%m-%d %H:%M %Z}"


def iso_text(moment: datetime) -> str:
    """Such as `2026-11-28T16:04:00.000000+00:00`; texts of it sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def duration(seconds: float) -> str:
    """A time span in the unit that fits it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
