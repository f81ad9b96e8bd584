"""People read local times with their zone; tools get UTC in ISO 8601."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.times import header_time, iso_text, local_text, moment_of, names_no_zone

ROOT = Path(__file__).parents[2]
# The timer's setting counts in UTC, so its next times are shown in UTC beside it.
IN_UTC = {"shared/times.py", "shared/timer_schedule.py"}
SUMMER = datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC)


@pytest.fixture
def zone(monkeypatch):
    """Sets the machine's zone."""

    def use(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "winter", "summer"),
    [
        ("Europe/Bucharest", "2026-11-28 18:04 EET", "2026-07-01 15:00:05 EEST"),
        ("UTC", "2026-11-28 16:04 UTC", "2026-07-01 12:00:05 UTC"),
        ("America/Sao_Paulo", "2026-11-28 13:04 -03", "2026-07-01 09:00:05 -03"),
    ],
)
def test_people_read_the_machine_s_time_and_its_zone(zone, name, winter, summer):
    zone(name)
    assert local_text("2026-11-28T16:04:59.999+00:00") == winter
    assert local_text("2026-11-28T17:04:59+01:00") == winter
    assert local_text(SUMMER, seconds=True) == summer
    assert local_text(SUMMER.timestamp(), seconds=True) == summer


@pytest.mark.parametrize("name", ["Europe/Bucarest", "E. Europe Standard Time", "Bucharest", "Europe", "../etc", "?"])
def test_time_in_a_zone_that_is_not_there_is_in_utc_and_says_so(zone, name):
    zone(name)
    assert local_text(SUMMER) == "2026-07-01 12:00 UTC"
    assert names_no_zone(name)


def test_utc_in_small_letters_is_utc(zone):
    """As for the timer: nobody is to correct what moves nothing."""
    zone("utc")
    assert local_text(SUMMER) == "2026-07-01 12:00 UTC"
    assert not names_no_zone("utc")


@pytest.mark.parametrize("name", ["", "UTC", "Etc/UTC", ":Europe/Bucharest", "EET-2EEST", "<-03>3", "/etc/localtime"])
def test_other_forms_of_the_setting_are_read_as_the_machine_reads_them(zone, name):
    zone(name)
    here = SUMMER.astimezone()
    assert local_text(SUMMER) == f"{here:%Y-%m-%d %H:%M %Z}"
    assert moment_of(here.replace(tzinfo=None)) == SUMMER
    assert not names_no_zone(name)


def test_tools_get_utc_in_iso_8601_wherever_the_machine_is(zone):
    zone("Europe/Bucharest")
    assert iso_text(SUMMER) == iso_text(SUMMER.astimezone()) == "2026-07-01T12:00:05.000000+00:00"


def test_no_other_module_formats_a_time_for_people():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted(ROOT.glob("shared/**/*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"%H:%M|\[:1[69]\]\.replace", line) and not re.search(r"%MZ|%H%M", line)
        if str(path.relative_to(ROOT)) not in IN_UTC
    ]
    assert found == [], "use shared.times.local_text"


@pytest.mark.parametrize("name", ["UTC", "Europe/Bucharest", "America/New_York"])
@pytest.mark.parametrize("said", ["GMT", "-0000", "", "+0000", "EST"])
def test_time_of_a_header_is_in_gmt_also_where_it_does_not_say_so(zone, name, said):
    zone(name)
    found = header_time(f"Mon, 30 Nov 2026 12:00:00 {said}".rstrip())
    assert found == datetime(2026, 11, 30, 17 if said == "EST" else 12, tzinfo=UTC)
