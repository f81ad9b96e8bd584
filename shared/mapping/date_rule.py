"""Dates as SQL: ISO 8601 in its two forms, and a column's own format. A date is never guessed.

A value with a time of day gives the day as it is written. With a time zone, a value that has an offset from UTC gives
the day that it is there; one without an offset is taken to be local time already.
"""

from shared.config.date_format import NARROW_BLANKS, OFFSET, DateFormat
from shared.mapping.rule import literal

# Four digits, and not 0000: there is no year 0.
_YEAR = r"(?:[1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])"
_HOUR, _SIXTY = r"(?:[01]\d|2[0-3])", r"[0-5]\d"
_TIME = rf"{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:[.,]\d+)?)?"
_BASIC_TIME = rf"{_HOUR}{_SIXTY}(?:{_SIXTY}(?:[.,]\d+)?)?"
_ISO = rf"{_YEAR}-\d\d-\d\d(?:[T ]{_TIME}(?:{OFFSET})?)?"
_ISO_MOMENT = rf"{_YEAR}-\d\d-\d\d[T ]{_TIME}{OFFSET}"
_BASIC = rf"{_YEAR}\d{{4}}(?:T{_BASIC_TIME}(?:{OFFSET})?)?"
_BASIC_MOMENT = rf"{_YEAR}\d{{4}}T{_BASIC_TIME}{OFFSET}"


def date_sql(cell: str, form: DateFormat | None, time_zone: str | None) -> str:
    """A SQL expression for the day in a trimmed cell: a DATE, NULL where the cell holds none.

    `form` is the column's format, if any: ISO dates are read beside it, unless it has day and month the other way
    round. `time_zone` is a name of the IANA database.
    """
    branches = _formatted(cell, form, time_zone) if form else []
    if not (form and form.excludes_iso):
        branches += _iso(cell, time_zone)
    return f"CASE {' '.join(branches)} END"


def _iso(cell: str, time_zone: str | None) -> list[str]:
    branches = []
    if time_zone:
        extended = f"try_cast(replace(left({cell}, 16), 'T', ' ') AS TIMESTAMP)"
        basic = f"try_strptime(left({cell}, 13), '%Y%m%dT%H%M')"
        branches = [
            f"WHEN {_fits(cell, _ISO_MOMENT)} THEN {_day_there(extended, cell, time_zone)}",
            f"WHEN {_fits(cell, _BASIC_MOMENT)} THEN {_day_there(basic, cell, time_zone)}",
        ]
    return [
        *branches,
        f"WHEN {_fits(cell, _ISO)} THEN try_cast(left({cell}, 10) AS DATE)",
        f"WHEN {_fits(cell, _BASIC)} THEN CAST(try_strptime(left({cell}, 8), '%Y%m%d') AS DATE)",
    ]


def _formatted(cell: str, form: DateFormat, time_zone: str | None) -> list[str]:
    subject = f"translate({cell}, '{NARROW_BLANKS}', '  ')"
    local = f"{form.date_pattern}(?:{form.time_pattern})?"
    offset = f"(?:{OFFSET})?" if form.has_offset else ""
    text = f"regexp_extract({subject}, {literal(f'^({local}){offset}$')}, 1)" if form.has_offset else subject
    if form.fraction:
        text = f"regexp_replace({text}, {literal(form.fraction)}, '\\1\\2')"
    moment = f"try_strptime({text}, [{', '.join(map(literal, form.strptime))}])"
    branches = []
    if form.has_offset and time_zone:
        with_offset = _fits(subject, f"{form.date_pattern}{form.time_pattern}{OFFSET}")
        branches.append(f"WHEN {with_offset} THEN {_day_there(moment, subject, time_zone)}")
    fits = _fits(subject, f"{form.date_pattern}(?:{form.time_pattern}{offset})?")
    return [*branches, f"WHEN {fits} THEN {_in_range(f'CAST({moment} AS DATE)')}"]


def _day_there(local: str, cell: str, time_zone: str) -> str:
    """The day in the time zone, of a local time and the offset at the cell's end."""
    offset = f"regexp_extract({cell}, {literal(OFFSET + '$')})"
    digits = f"regexp_replace({offset}, '[^0-9]', '', 'g')"
    hours, minutes = (
        f"coalesce(try_cast({text} AS INTEGER), 0)" for text in (f"left({digits}, 2)", f"substr({digits}, 3)")
    )
    sign = f"CASE WHEN contains({offset}, '-') THEN -1 ELSE 1 END"
    utc = f"timezone('UTC', {local} - to_minutes(({sign}) * ({hours} * 60 + {minutes})))"
    return _in_range(f"CAST(timezone({literal(time_zone)}, {utc}) AS DATE)")


def _in_range(day: str) -> str:
    return f"CASE WHEN {day} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN {day} END"


def _fits(cell: str, pattern: str) -> str:
    return f"regexp_full_match({cell}, {literal(pattern)})"
