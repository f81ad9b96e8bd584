"""Times as people read them: local, to the minute, with their zone. Tools get ISO 8601 in UTC."""

import os
import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Such as `EET-2EEST`, or a file: the C library reads these.
_RULE_OR_FILE = re.compile(r"/|(?:<[^>]+>|[A-Za-z]{3,})[+-]?\d")


def local_text(moment: datetime | str | float, *, seconds: bool = False) -> str:
    """Such as `2026-11-28 18:04 EET`, in the zone of this machine (its TZ). A text is ISO 8601 with an offset, a number
    POSIX seconds.

    A deployed app runs in UTC, and so do the messages that it sends. Where TZ names no zone, it is UTC that is shown.
    """
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    elif not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    at = moment.astimezone(_own_zone())
    return f"{at:%Y-%m-%d %H:%M:%S %Z}" if seconds else f"{at:%Y-%m-%d %H:%M %Z}"


def header_time(text: str) -> datetime:
    """The time that an HTTP header says, which is in GMT also where no zone stands there. Raises ValueError."""
    said = parsedate_to_datetime(text)
    return said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)


def moment_of(shown: datetime) -> datetime:
    """The moment that `local_text` shows as this time without its zone."""
    zone = _own_zone()
    return shown.replace(tzinfo=zone) if zone else shown.astimezone()


def names_no_zone(name: str) -> bool:
    """Whether this is no value for TZ. The C library would show times in UTC, and call them by a part of the name."""
    return _zone(name) is UTC and name.removeprefix(":").upper() != "UTC"


def _own_zone() -> tzinfo | None:
    return _zone(os.environ.get("TZ", ""))


def _zone(name: str) -> tzinfo | None:
    """The zone that a value of TZ names; UTC where there is none of this name, None for the one of the machine."""
    plain = name.removeprefix(":")
    if not plain or _RULE_OR_FILE.match(plain):
        return None
    try:
        return ZoneInfo(plain)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def iso_text(moment: datetime) -> str:
    """Such as `2026-11-28T16:04:00.000000+00:00`; texts of it sort by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def duration(seconds: float) -> str:
    """A time span in the unit that fits it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
