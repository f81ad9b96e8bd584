"""NCRONTAB expressions give the moments that the real host's library gives.

timers.json holds expressions with the answers of that library: the next three times after `after`, "refused",
"never", or "period" where the host takes the text as a time span.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.functions_host.ncrontab import Schedule, ScheduleError

NOW = datetime(2026, 11, 24, 11, 30, 15, 500_000, tzinfo=UTC)  # A Tuesday.


@pytest.mark.parametrize(
    ("expression", "next_moment"),
    [
        ("0 */5 * * * *", "2026-11-24T11:35:00"),
        ("*/1 * * * * *", "2026-11-24T11:30:16"),
        ("15 30 11 * * *", "2026-11-25T11:30:15"),
        ("0 0 * * * *", "2026-11-24T12:00:00"),
        ("0 0 */2 * * *", "2026-11-24T12:00:00"),
        ("0 0 9-17 * * *", "2026-11-24T12:00:00"),
        ("0 30 9 * * *", "2026-11-25T09:30:00"),
        ("0 30 9 * * 1-5", "2026-11-25T09:30:00"),
        ("0 30 9 * Jan Mon", "2027-01-04T09:30:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 0 13 * Friday", "2027-08-13T00:00:00"),
        ("0 0 1,13 * * *", "2026-11-24T13:00:00"),
        ("0 10/20 * * * *", "2026-11-24T11:50:00"),
        ("30 11 * * *", "2026-11-25T11:30:00"),
    ],
)
def test_next_moment_of_an_expression(expression, next_moment):
    assert Schedule.parse(expression).next_after(NOW) == datetime.fromisoformat(next_moment).replace(tzinfo=UTC)


VECTORS = json.loads((Path(__file__).parent / "timers.json").read_text(encoding="utf-8"))


def answer(expression, moment):
    try:
        schedule = Schedule.parse(expression)
    except ScheduleError:
        return "refused"
    if schedule.period is not None:
        return "period"
    times = []
    try:
        for _ in range(3):
            moment = schedule.next_after(moment)
            times.append(moment.replace(tzinfo=None).isoformat())
    except ScheduleError:
        return "never"
    return times


def test_every_expression_means_what_it_means_to_the_real_host():
    after = datetime.fromisoformat(VECTORS["after"]).replace(tzinfo=UTC)
    assert {text: answer(text, after) for text, _ in VECTORS["expressions"]} == dict(VECTORS["expressions"])


def same(one, other):
    return Schedule.parse(one) == Schedule.parse(other)


def test_fields_are_six_or_five_with_nothing_but_blanks_between_them():
    assert same("30 5 * * *", "0 30 5 * * *")
    assert same(" 0  30 5 * * * ", "0 30 5 * * *")
    for text in ("", "* * * *", "* * * * * * *", "0\t30\t5\t*\t*\t*", "0\n30 5 * * *", "0\u00a030 5 * * *"):
        assert answer(text, NOW) == "refused"


def test_day_of_the_month_and_day_of_the_week_must_both_fit():
    assert Schedule.parse("0 9 1-7 * MON").next_after(NOW).isoformat() == "2026-12-07T09:00:00+00:00"


def test_reversed_range_is_swapped():
    assert same("0 0 22-6 * * *", "0 0 6-22 * * *")
    assert same("5-1 * * * * *", "1-5 * * * * *")
    assert answer("61-5 * * * * *", NOW) == "refused"


@pytest.mark.parametrize("step", ["0", "-5", "+1"])
def test_step_below_one_is_one(step):
    assert same(f"*/{step} * * * * *", "* * * * * *")


def test_names_are_beginnings_of_the_full_names():
    assert same("0 0 0 * m m", "0 0 0 * 3 1")
    assert same("0 0 0 * SEPTEMB thursd", "0 0 0 * 9 4")


@pytest.mark.parametrize("text", ["monkey", "*-5", "１", "٣", "L", "W#1", "?", "1-", "-1", "1,", "/2", "7"])
def test_what_is_no_value_of_a_field_is_refused(text):
    assert answer(f"0 0 0 * * {text}", NOW) == "refused"


def test_moment_far_ahead_is_found():
    assert Schedule.parse("0 0 0 29 2 5").next_after(NOW) == datetime(2036, 2, 29, tzinfo=UTC)


def test_number_beyond_32_bits_is_refused():
    assert same("*/2147483647 * * * * *", "0 * * * * *")
    assert answer("*/2147483648 * * * * *", NOW) == "refused"


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("00:05:00", timedelta(minutes=5)),
        ("24:00:00", timedelta(days=24)),
        ("2", timedelta(days=2)),
        ("1.02:03:04.5", timedelta(1, 4.5, minutes=3, hours=2)),
    ],
)
def test_time_span_is_taken_as_a_period(text, period):
    assert Schedule.parse(text).next_after(NOW) == NOW + period


def test_day_that_never_comes_is_taken_but_has_no_next_moment():
    schedule = Schedule.parse("0 0 0 30 2 *")
    with pytest.raises(ScheduleError):
        schedule.next_after(NOW)
