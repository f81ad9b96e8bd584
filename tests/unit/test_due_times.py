"""When a cron export is due, over the changes of daylight saving time."""

from datetime import UTC, datetime

import pytest

from shared.config.models import CronSchedule
from shared.runs.due_times import last_due, next_due


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(cron: str, zone: str = "Europe/Bucharest") -> CronSchedule:
    return CronSchedule(cron=cron, time_zone=zone)


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        # Bucharest is UTC+2 in winter and UTC+3 in summer; 2026 changes on 29 March and 25 October.
        ("30 5 * * *", "2026-03-28T12:00", "2026-03-28T03:30"),
        ("30 5 * * *", "2026-03-29T12:00", "2026-03-29T02:30"),
        ("30 5 * * *", "2026-03-29T02:29", "2026-03-28T03:30"),
        ("30 5 * * *", "2026-10-24T12:00", "2026-10-24T02:30"),
        ("30 5 * * *", "2026-10-25T12:00", "2026-10-25T03:30"),
        ("30 5 * * *", "2026-10-25T03:30", "2026-10-25T03:30"),
        ("30 5 * * *", "2026-10-25T03:29", "2026-10-24T02:30"),
        ("0 0 1 1 *", "2026-11-24T00:00", "2025-12-31T22:00"),
    ],
)
def test_last_due_time_follows_the_place_s_clock(cron, now, expected):
    assert last_due(schedule(cron), utc(now)) == utc(expected)


@pytest.mark.parametrize("seconds", [0, 1, 59])
def test_due_minute_is_due_from_its_first_second(seconds):
    now = datetime(2026, 11, 24, 3, 30, seconds, 123, UTC)
    assert last_due(schedule("30 5 * * *"), now) == utc("2026-11-24T03:30")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-03-28T12:00", "2026-03-29T02:30"),
        ("2026-10-24T12:00", "2026-10-25T03:30"),
        ("2026-10-25T03:30", "2026-10-26T03:30"),
    ],
)
def test_next_due_time_follows_the_place_s_clock(after, expected):
    found = next_due(schedule("30 5 * * *"), utc(after))
    assert found is not None
    assert found.astimezone(UTC) == utc(expected)


def test_every_hour_of_a_day_of_change_is_due_once():
    """25 hours in October, 23 in March: whoever looks each minute sees each due time once, and in order."""
    for first, hours in ((utc("2026-10-24T21:00"), 25), (utc("2026-03-28T22:00"), 23)):
        seen: list[datetime] = []
        for minute in range(hours * 60):
            now = datetime.fromtimestamp(first.timestamp() + 60 * minute, UTC)
            due = last_due(schedule("15 * * * *"), now)
            assert due is not None
            if due.astimezone(UTC) not in seen:
                seen.append(due.astimezone(UTC))
        assert seen == sorted(seen)
        assert len([due for due in seen if due >= first]) == hours


def test_nightly_time_that_the_change_skips_is_due_once_all_the_same():
    """03:30 does not exist in Bucharest on 29 March 2026."""
    seen = {
        last_due(schedule("30 3 * * *"), datetime.fromtimestamp(utc("2026-03-28T12:00").timestamp() + 600 * n, UTC))
        for n in range(6 * 36)
    }
    stamps = sorted(due.astimezone(UTC) for due in seen if due is not None)
    assert [stamp.date().isoformat() for stamp in stamps] == ["2026-03-28", "2026-03-29"]


def test_nightly_time_that_the_change_repeats_is_due_once():
    """03:30 comes twice in Bucharest on 25 October 2026."""
    seen = set()
    for n in range(6 * 24):
        due = last_due(
            schedule("30 3 * * *"), datetime.fromtimestamp(utc("2026-10-24T21:00").timestamp() + 600 * n, UTC)
        )
        assert due is not None
        if due.astimezone(UTC) >= utc("2026-10-24T21:00"):
            seen.add(due.astimezone(UTC))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("cron", "zone", "first"),
    [
        ("30 3 * * *", "Europe/Bucharest", "2026-10-24T22:00"),
        ("10,40 3 * * *", "Europe/Bucharest", "2026-10-24T22:00"),
        ("59 3 * * *", "Europe/Bucharest", "2026-10-24T22:00"),
        ("15 1 * * *", "America/New_York", "2026-11-01T04:00"),
        ("*/20 * * * *", "Europe/Bucharest", "2026-10-24T22:00"),
        ("0 */2 * * *", "Australia/Lord_Howe", "2026-04-04T13:00"),
    ],
)
def test_in_the_hour_that_comes_twice_what_was_due_stays_so_and_what_is_next_is_still_to_come(cron, zone, first):
    before = utc("2026-01-01T00:00")
    for minute in range(6 * 60):
        now = datetime.fromtimestamp(utc(first).timestamp() + 60 * minute, UTC)
        last, following = last_due(schedule(cron, zone), now), next_due(schedule(cron, zone), now)
        assert last is not None
        assert following is not None
        assert before <= last.astimezone(UTC) <= now < following.astimezone(UTC)
        before = last.astimezone(UTC)


@pytest.mark.parametrize(
    ("cron", "skipped", "repeated"), [("30 3 * * *", 1, 1), ("30 */3 * * *", 0, 2), ("*/60 3 * * *", 0, 2)]
)
def test_time_that_the_clock_skips_or_repeats_is_due_as_the_guide_says(cron, skipped, repeated):
    for first, count in ((utc("2026-03-28T23:30"), skipped), (utc("2026-10-24T23:30"), repeated)):
        looks = (datetime.fromtimestamp(first.timestamp() + 60 * minute, UTC) for minute in range(150))
        seen = {due.astimezone(UTC) for now in looks if (due := last_due(schedule(cron), now))}
        assert len([due for due in seen if due >= first]) == count


@pytest.mark.parametrize("begin", ["2026-04-04T08:00", "2026-10-03T08:00"])
@pytest.mark.parametrize("cron", ["0 */2 * * *", "*/30 * * * *", "15 2 * * *", "45 1 * * *", "0 2 * * *"])
def test_what_is_next_is_what_is_then_due_where_a_clock_is_set_by_half_an_hour(cron, begin):
    begins = utc(begin).timestamp()
    for quarter in range(0, 4 * 24, 3):
        now = datetime.fromtimestamp(begins + 900 * quarter, UTC)
        following = next_due(schedule(cron, "Australia/Lord_Howe"), now)
        assert following is not None
        for earlier in range(1, 120):
            then = datetime.fromtimestamp(now.timestamp() + 900 * earlier, UTC)
            last = last_due(schedule(cron, "Australia/Lord_Howe"), then)
            assert last is not None
            if last.astimezone(UTC) > now:
                assert last.astimezone(UTC) == following.astimezone(UTC)
                break
