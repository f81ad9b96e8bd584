"""The form in which a column's dates are written, such as `M/d/yyyy h:mm:ss tt`.

The letters are those of .NET, which Customer Insights and Excel show, and those of Java where they differ, which the
annotations of `model.json` use.

Sources: https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings,
https://learn.microsoft.com/dynamics365/customer-insights/data/common-reasons-ingestion-errors
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, StringConstraints

# Z, +02, +0200 or +02:00, perhaps behind a blank. No place on earth is further from UTC than 14 hours.
OFFSET = r" ?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)"

# Blanks that do not break lines are read as blanks: newer versions of .NET and Java write one before AM and PM.
NARROW_BLANKS = "\u00a0\u202f"

_MONTH_NAME = "[A-Za-z]{3,9}"
# Letters of a format: what they stand for, the same for DuckDB's strptime, and a pattern (None: one or two digits).
_LETTERS: dict[str, tuple[str, str, str | None]] = {
    "yyyy": ("year", "%Y", r"\d{4}"),
    "uuuu": ("year", "%Y", r"\d{4}"),
    "MMMM": ("month", "%B", _MONTH_NAME),
    "MMM": ("month", "%b", _MONTH_NAME),
    **dict.fromkeys(("MM", "M"), ("month", "%m", None)),
    **dict.fromkeys(("dd", "d"), ("day", "%d", None)),
    **dict.fromkeys(("HH", "H"), ("hour", "%H", None)),
    **dict.fromkeys(("hh", "h"), ("hour", "%I", None)),
    **dict.fromkeys(("mm", "m"), ("minute", "%M", None)),
    **dict.fromkeys(("ss", "s"), ("second", "%S", None)),
    **dict.fromkeys(("tt", "a"), ("am or pm", "%p", "[AaPp][Mm]")),
    **{letter * count: ("fraction", "", r"\d{1,9}") for letter in "fFS" for count in range(1, 10)},
    **dict.fromkeys(("zzz", "zz", "z", "K", "X", "XX", "XXX", "Z", "ZZZ"), ("offset", "", OFFSET)),
}
# Behind a point, F is .NET's fraction without zeros at its end: where nothing is left, the point is missing, too.
_SHORT_FRACTION = r"(?:[.,]\d{1,9})?"
_READABLE = "yyyy, M or MM, MMM, MMMM, d or dd, H or HH, h or hh, m or mm, s or ss, f to fffffffff, tt, zzz"
_TOKENS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z'])|(')")
_DATE = ("year", "month", "day")


@dataclass(frozen=True, slots=True)
class _Token:
    part: str  # what it stands for; "" for text as it is
    strptime: str
    pattern: str | None


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A format, ready to be read with. Where it has the time of day behind the date, a value may lack the time."""

    date_pattern: str
    time_pattern: str  # what may follow the date, without the offset; "" where it ends with the date
    has_offset: bool
    fraction: str | None  # a pattern with two groups: what stands before and behind the fraction of a second
    strptime: tuple[str, ...]  # what a value without fraction and offset may be, in DuckDB's letters
    excludes_iso: bool  # the day stands before the month behind the year, as no ISO date has it

    @classmethod
    def of(cls, text: str) -> DateFormat:
        """Reads a format. Raises: ValueError, in words for who wrote it, where it is none or could mean two things."""
        tokens = _tokens(text.translate(dict.fromkeys(map(ord, NARROW_BLANKS), " ")))
        parts = [token.part for token in tokens if token.part]
        for part in _DATE:
            if part not in parts:
                raise ValueError(f"has no {part}; write one such as M/d/yyyy or dd.MM.yyyy HH:mm:ss")
        for part in parts:
            if parts.count(part) > 1:
                raise ValueError(f"has the {part} twice")
        has_offset = "offset" in parts
        if has_offset and (tokens[-1].part != "offset" or "hour" not in parts):
            raise ValueError("has an offset from UTC (zzz, K, X) that is not at its end, behind the time of day")
        local = tokens[:-1] if has_offset else tokens
        if has_offset and local[-1].strptime == " ":
            local = local[:-1]  # part of the offset's pattern, since both may be missing
        end = _end_of_date(local)
        date, time = local[:end], local[end:]
        forms = [_strptime(local), *([_strptime(date)] if time else [])]
        year, month, day = (parts.index(part) for part in _DATE)
        return cls(
            date_pattern=_pattern(local, 0, end),
            time_pattern=_pattern(local, end, None),
            has_offset=has_offset,
            fraction=_around_fraction(local),
            strptime=tuple(forms),
            excludes_iso=year < day < month,
        )


def _checked_format(text: str) -> str:
    DateFormat.of(text)
    return text


@cache
def _time_zones() -> frozenset[str]:
    """They are read from files, which takes some milliseconds each time."""
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Whether every machine has a time zone of this name. `localtime` is what one is set to, or is not there at all."""
    return name not in ("localtime", "Factory") and name in _time_zones()


def _known_time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("is not a known time zone; use a name such as Europe/Bucharest")
    return name


# In the document both stay the text that was written; what it means is read from it where it is used.
DateForm = Annotated[str, StringConstraints(max_length=100), AfterValidator(_checked_format)]
TimeZone = Annotated[str, AfterValidator(_known_time_zone)]


def _tokens(text: str) -> list[_Token]:
    tokens = []
    for found in _TOKENS.finditer(text):
        letters, quoted = found[0], found[1]
        if found[4]:
            raise ValueError("has a quote that is not closed")
        if quoted is not None or found[3] or letters == "T":
            literal = letters if quoted is None else (quoted.replace("''", "'") or "'")
            tokens.append(_Token("", literal.replace("%", "%%"), re.escape(literal)))
        elif letters in ("y", "yy", "u", "uu"):
            raise ValueError(f"has the year as {letters}, without its century; only dates with yyyy can be read")
        elif letters in _LETTERS:
            if letters[0] == "F" and tokens and tokens[-1].strptime in (".", ","):
                tokens[-1] = _Token("fraction", "", _SHORT_FRACTION)
            else:
                tokens.append(_Token(*_LETTERS[letters]))
        else:
            raise ValueError(f"has the letters {letters}, which are not known; use {_READABLE}, or 'quotes'")
    return tokens


def _end_of_date(tokens: list[_Token]) -> int:
    """How many tokens make the date, where all of it stands before the time of day; else all of them."""
    last = max(place for place, token in enumerate(tokens) if token.part in _DATE)
    first = min((place for place, token in enumerate(tokens) if token.part not in ("", *_DATE)), default=len(tokens))
    return last + 1 if last < first < len(tokens) else len(tokens)


def _around_fraction(tokens: list[_Token]) -> str | None:
    """DuckDB reads up to six digits of a fraction, or nine between 1677 and 2262; a day needs none."""
    place = next((place for place, token in enumerate(tokens) if token.part == "fraction"), None)
    if place is None:
        return None
    return rf"^({_pattern(tokens, 0, place)}){tokens[place].pattern}({_pattern(tokens, place + 1, None)})$"


def _pattern(tokens: list[_Token], start: int, end: int | None) -> str:
    """A number of one or two digits, but of two where another number touches it."""
    patterns = []
    for place in range(start, len(tokens) if end is None else end):
        neighbours = tokens[max(place - 1, 0) : place] + tokens[place + 1 : place + 2]
        digits = [token for token in neighbours if token.part and token.pattern != _SHORT_FRACTION]
        touched = any(token.part != "am or pm" for token in digits)
        patterns.append(tokens[place].pattern or (r"\d{2}" if touched else r"\d{1,2}"))
    return "".join(patterns)


def _strptime(tokens: list[_Token]) -> str:
    return "".join(token.strptime for token in tokens)
