"""NCRONTAB expressions give the moments that Azure's documentation names."""

from datetime import UTC, datetime

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


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "60 * * * * *",
        "* * * 0 * *",
        "* * * * * 8",
        "a * * * * *",
        "*/0 * * * * *",
        "5-1 * * * * *",
    ],
)
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(ScheduleError):
        Schedule.parse(expression)


def test_day_that_never_comes_is_refused():
    with pytest.raises(ScheduleError):
        Schedule.parse("0 0 0 30 2 *").next_after(NOW)
