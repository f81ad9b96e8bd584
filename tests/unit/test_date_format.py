"""Formats of dates: what they read, and which are refused in which words."""

import itertools
import random
import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError

from shared.config.date_format import DateFormat
from shared.config.mapping import MappedField
from shared.config.source import Source
from shared.mapping.date_rule import date_sql
from tests.sizes import in_both_sizes, thinned

SOURCE = {"container": "segments", "folder": "CustomerInsights_abcd1234/BlobExport"}


def read(values, form=None, time_zone=None):
    """The day of each value as ISO text, or None."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest(?::VARCHAR[]) AS v", [list(values)])
    day = date_sql("v", DateFormat.of(form) if form else None, time_zone)
    return [found for (found,) in connection.execute(f"SELECT CAST({day} AS VARCHAR) FROM t").fetchall()]


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    thinned(
        [
            ("M/d/yyyy", "8/24/1984", "1984-08-24"),
            ("MM/dd/yyyy", "8/4/1984", "1984-08-04"),
            ("M/d/yyyy", "24/8/1984", None),
            ("d/M/yyyy", "4/8/1984", "1984-08-04"),
            ("M/d/yyyy", "8/24/84", None),
            ("M/d/yyyy", "8/24/01984", None),
            ("M/d/yyyy", "1/1/0000", None),
            ("M/d/yyyy", "2/29/2023", None),
            ("M/d/yyyy", "8/24/1984 12:00:00 AM", None),
            ("M/d/yyyy h:mm:ss tt", "8/24/1984 0:00:00 AM", None),
            ("M/d/yyyy h:mm:ss a", "8/24/1984 11:00:00 pm", "1984-08-24"),
            ("M/d/yyyy\u202fh:mm tt", "8/24/1984 11:00\u00a0PM", "1984-08-24"),
            ("dd.MM.yyyy HH:mm", "24.08.1984 25:00", None),
            ("ddMMyyyy", "24081984", "1984-08-24"),
            ("ddMMyyyy", "4081984", None),
            ("ddMMyyyy", "19840824", None),
            ("M/d/yyyy", "19840824", "1984-08-24"),
            ("d.M.yyyy HH:mm:ss.fffffff", "24.8.9999 10:30:00.1234567", "9999-08-24"),
            ("d.M.yyyy HH:mm:ss.fffffff tt", "24.8.1984 10:30:00.123 AM", "1984-08-24"),
            ("d.M.yyyy HH:mm:ss.fffffff", "24.8.1984 10:30:00.", None),
            ("d.M.yyyy HH:mm:ss.FFF", "24.8.1984 10:30:00", "1984-08-24"),
            ("d.M.yyyy HH:mm:ss.FFFFFFFK", "24.8.1984 10:30:00.12Z", "1984-08-24"),
            ("d.M.yyyy HH:mm:ss.FFFFFFFK", "24.8.1984 10:30:00Z", "1984-08-24"),
            ("d.M.yyyy HH:mm:ss.FFF", "24.8.1984 10:30:00.", None),
            ("yyyyMMddHHmmss", "19840824235959", "1984-08-24"),
            ("d MMM yyyy", "24 aug 1984", "1984-08-24"),
            ("MMMM d, yyyy", "August 24, 1984", "1984-08-24"),
            ("MMMM d, yyyy", "Awgust 24, 1984", None),
            ("yyyy'年'M'月'd'日'", "1984年8月24日", "1984-08-24"),
            ("d 'o''clock' M yyyy", "24 o'clock 8 1984", "1984-08-24"),
            ("100% d.M.yyyy", "100% 24.8.1984", "1984-08-24"),
            ("d.M.yyyy", "24x8x1984", None),
            ("yyyy-dd-MM", "1984-04-08", "1984-08-04"),
            ("yyyy-dd-MM", "1984-08-24", None),
            ("yyyy.dd.MM", "1984-04-08", None),
            ("yyyy.dd.MM", "19840408", None),
            ("dd.MM.yyyy", "1984-04-08", "1984-04-08"),
            ("HH:mm d.M.yyyy", "10:30 24.8.1984", "1984-08-24"),
            ("yyyy-MM-ddTHH:mm:ss.fffffffK", "1984-08-24T10:30:00.1234567Z", "1984-08-24"),
            ("uuuu/MM/dd HH:mm:ss XXX", "1984/08/24 10:30:00 +02:00", "1984-08-24"),
            ("d-M-yyyy HH:mmzzz", "24-8-1026", "1026-08-24"),
        ],
        2,
    ),
)
def test_value_is_read_as_its_format_says(form, value, expected):
    assert read([value], form) == [expected]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("", "has no year"),
        ("d/M", "has no year"),
        ("d/yyyy", "has no month"),
        ("MM.yyyy", "has no day"),
        ("d/M/yy", "without its century"),
        ("d/M/yyyy M", "has the month twice"),
        ("d/M/yyyy HH hh", "has the hour twice"),
        ("DD/MM/YYYY", "the letters DD"),
        ("dddd d/M/yyyy", "the letters dddd"),
        ("en-US", "the letters e"),
        ("%d/%M/%Y", "the letters Y"),
        ("d/M/yyyy 'at HH", "quote that is not closed"),
        ("zzz d/M/yyyy HH:mm", "not at its end"),
        ("d/M/yyyy zzz", "behind the time of day"),
    ],
)
def test_text_that_is_no_format_is_refused_with_its_fault(form, words):
    with pytest.raises(ValueError, match=words):
        DateFormat.of(form)
    with pytest.raises(ValidationError, match=words):
        MappedField(field="Born", type="date", format=form)
    with pytest.raises(ValidationError, match=words):
        Source(**SOURCE, date_format=form)


def test_format_and_time_zone_are_refused_for_what_is_no_date():
    for more in ({"format": "d.M.yyyy"}, {"time_zone": "Europe/Bucharest"}):
        with pytest.raises(ValidationError, match='write "type": "date"'):
            MappedField(field="City", type="text", **more)
        assert MappedField(field="City", **more).own_type == "date", "what has a format is a date"


@pytest.mark.parametrize("name", ["Mars/Olympus", "localtime", "CEST", "europe/bucharest", ""])
def test_time_zone_that_is_not_known_is_refused(name):
    with pytest.raises(ValidationError, match="not a known time zone"):
        MappedField(field="Born", type="date", time_zone=name)


@in_both_sizes
def test_every_time_zone_that_is_let_in_gives_the_same_day_as_python(size):
    rng = random.Random(5)
    names = sorted(zoneinfo.available_timezones() - {"localtime"})
    assert len(names) > 400
    for name in rng.sample(names, round(200 * size)):
        MappedField(field="Born", type="date", time_zone=name)
        moments = [
            datetime(rng.randint(1990, 2026), rng.randint(1, 12), 15, rng.randint(0, 23), 59, tzinfo=UTC)
            for _ in range(10)
        ]
        zones = [timezone(timedelta(minutes=rng.choice([0, 120, -570, 840]))) for _ in moments]
        written = [moment.replace(tzinfo=zone) for moment, zone in zip(moments, zones, strict=True)]
        there = [moment.astimezone(zoneinfo.ZoneInfo(name)).date().isoformat() for moment in written]
        assert read([moment.isoformat() for moment in written], None, name) == there, name


def test_moment_beyond_the_calendar_is_refused_not_written_with_another_era():
    assert read(["0001-01-01T00:00:00Z"], None, "America/New_York") == [None]
    assert read(["9999-12-31T23:30:00Z"], None, "Europe/Bucharest") == [None]
    assert read(["9999-12-31T23:30:00Z"], None, "America/New_York") == ["9999-12-31"]


def test_fraction_that_is_nothing_may_be_missing_with_its_point():
    values = ["24.8.1984 1:2:3", "24.8.1984 1:2:3.5", "24.8.1984", "24.8.1984 1:2:3."]
    assert read(values, "d.M.yyyy H:m:s.FFF") == ["1984-08-24"] * 3 + [None]
    assert read(values, "d.M.yyyy H:m:s.fff") == [None, "1984-08-24", "1984-08-24", None]


FORMS = {
    "M/d/yyyy": "{0.month}/{0.day}/{0.year:04}",
    "dd.MM.yyyy": "{0:%d.%m.}{0.year:04}",
    "d-MMM-yyyy HH:mm": "{0.day}-{0:%b}-{0.year:04} {0:%H:%M}",
    "yyyyMMdd": "{0.year:04}{0:%m%d}",
    "M/d/yyyy h:mm:ss tt": "{0.month}/{0.day}/{0.year:04} {0:%I:%M:%S %p}",
    "yyyy-MM-dd'T'HH:mm:ss:SSS": "{0.year:04}-{0:%m-%dT%H:%M:%S}:007",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_day_that_is_written_in_a_format_is_read_back(form):
    rng = random.Random(11)
    days = [datetime(1, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(9998 * 365 * 86_400)) for _ in range(2_000)]
    assert read([FORMS[form].format(day) for day in days], form) == [day.date().isoformat() for day in days]


def test_date_that_is_not_iso_is_never_guessed():
    days = [date(1984, month, day) for month, day in itertools.product(range(1, 13), range(1, 13))]
    signs = ("/", ".", "-", " ")
    written = [f"{one}{sign}{two}{sign}1984" for sign in signs for day in days for one, two in [(day.day, day.month)]]
    assert set(read(written)) == {None}
    assert set(read([f"{day:%d%m%Y}" for day in days])) == {None}


def documented():
    """The rows of the table of dates in docs/configure.md."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "configure.md").read_text()
    _, _, table = page.partition("| value | `format` | `time_zone` | day |\n|---|---|---|---|\n")
    for line in table.partition("\n\n")[0].splitlines():
        yield tuple(cell.strip().strip("`") for cell in line.strip("|").split("|"))


def test_dates_are_read_as_the_documentation_says():
    rows = list(documented())
    assert len(rows) > 10
    for value, form, time_zone, expected in rows:
        assert read([value], form, time_zone) == [None if expected == "invalid_date" else expected], value
