"""EXPORT_SCHEDULE is held to what Azure's timers and cron both take and mean the same by."""

import json
import random
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from cronsim import CronSim

from local.functions_host.ncrontab import Schedule
from shared.errors import ConfigurationError
from shared.timer_schedule import DEFAULT_SCHEDULE, TimerSchedule
from timer_export.blueprint import log_schedule

NOW = datetime(2026, 11, 24, 11, 30, 15, 500_000, tzinfo=UTC)  # a Tuesday
HOST_VECTORS = json.loads((Path(__file__).parents[1] / "host/timers.json").read_text(encoding="utf-8"))


def next_three(text):
    return list(islice(TimerSchedule.parse(text, NOW).next_times(NOW), 3))


def refuses(text):
    try:
        TimerSchedule.parse(text, NOW)
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (DEFAULT_SCHEDULE, "2026-11-24 11:35:00"),
        ("*/30 * * * * *", "2026-11-24 11:30:30"),
        ("0 0 9-17 * * Mon-Friday", "2026-11-24 12:00:00"),
        ("0 30 9 * january MON", "2027-01-04 09:30:00"),
        ("0 10/20 * * * *", "2026-11-24 11:50:00"),
        ("0 0 0 29 2 5", "2036-02-29 00:00:00"),
        ("0 0 9 1-7 * MON", "2026-12-07 09:00:00"),
        ("16 30 11 * * *", "2026-11-24 11:30:16"),
    ],
)
def test_next_time_of_a_schedule(text, first):
    assert f"{next_three(text)[0]:%Y-%m-%d %H:%M:%S}" == first


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "takes six fields"),
        ("*/5 * * * *", "takes six fields"),
        ("0 */5 * * * * *", "takes six fields"),
        ("0  */5 * * * *", "takes six fields"),
        (" 0 */5 * * * *", "takes six fields"),
        ("0 */5 * * * *\n", "takes six fields"),
        ("0\t*/5 * * * * *", "takes six fields"),
        ("00:05:00", "takes six fields"),
        ("0 0 22-6 * * *", "hour '22-6'"),
        ("0 */0 * * * *", "minute '*/0'"),
        ("0 */-5 * * * *", "minute '*/-5'"),
        ("0 */+5 * * * *", "minute '*/+5'"),
        ("0 60 * * * *", "minute '60'"),
        ("0 0 0 0 * *", "day of the month '0'"),
        ("0 0 0 * m *", "month 'm'"),
        ("0 0 0 * sept *", "month 'sept'"),
        ("0 0 0 * * 7", "weekday '7'"),
        ("0 0 0 * * monkey", "weekday 'monkey'"),
        ("0 0 0 * * fri-1", "weekday 'fri-1'"),
        ("0 0 0 * * 5/2", "weekday '5/2'"),
        ("0 0 0 * * 5-5/2", "weekday '5-5/2'"),
        ("0 0 0 L * *", "day of the month 'L'"),
        ("0 0 0 * * *-5", "weekday '*-5'"),
        ("0 5, * * * *", "minute ''"),
        ("0 1 * * * \u0663", "weekday '"),
        ("0 999999 * * * *", "minute '999999'"),
        ("0 99999999999 * * * *", "minute '(not shown)'"),
        ("0 0 0 30 2 *", "never comes"),
        ("0 0 0 31 4,6 *", "never comes"),
    ],
)
def test_schedule_that_azure_or_cron_refuses_or_reads_in_its_own_way_is_refused(text, fault):
    message = refuses(text)
    assert message.startswith("The setting EXPORT_SCHEDULE ")
    assert fault in message
    assert "\n" not in message


def test_schedule_that_is_taken_means_the_same_to_the_real_host():
    after = datetime.fromisoformat(HOST_VECTORS["after"]).replace(tzinfo=UTC)
    taken = [(text, times) for text, times in HOST_VECTORS["expressions"] if not refuses(text)]
    assert len(taken) > 50
    for text, times in taken:
        ours = islice(TimerSchedule.parse(text, after).next_times(after), 3)
        assert [moment.replace(tzinfo=None).isoformat() for moment in ours] == times, text


def made_up(chance):
    """A schedule of what people write, right or wrong."""

    def item(lowest, highest, names):
        one, other = chance.randint(lowest, highest + 1), chance.randint(lowest, highest)
        return chance.choice(
            ["*", f"*/{chance.randint(0, 70)}", f"{one}", f"{one}-{other}", f"{one}-{other}/{other}", f"{one}/{other}"]
            + ([chance.choice(names)] if names else [])
        )

    limits = [(0, 59, []), (0, 59, []), (0, 23, []), (1, 31, []), (1, 12, ["mar", "Sep"]), (0, 6, ["Tue", "SAT"])]
    return " ".join(",".join(item(*limit) for _ in range(chance.choice([1, 1, 2]))) for limit in limits)


def test_schedule_that_is_taken_means_the_same_to_azure_and_to_cron():
    chance = random.Random(17)
    taken = [text for text in (made_up(chance) for _ in range(1_000)) if not refuses(text)]
    assert len(taken) > 50
    for text in taken:
        ours, azure, moment = next_three(text), Schedule.parse(text), NOW
        for expected in ours:
            moment = azure.next_after(moment)
            assert moment == expected, text
        cron = CronSim(text, NOW)
        cron.day_and = True
        assert list(islice(cron, 3)) == ours, text


def test_schedule_with_both_kinds_of_day_is_in_doubt_and_shows_which_days_are_meant():
    schedule = TimerSchedule.parse("0 0 9 1-7 * MON", NOW)
    assert schedule.describe(NOW) == (
        "Runs on days that fit the day of the month and also the weekday. "
        "Next: 2026-12-07 09:00:00, 2027-01-04 09:00:00, 2027-02-01 09:00:00 UTC."
    )
    assert schedule.is_in_doubt
    assert not TimerSchedule.parse("0 0 9 */2 * MON", NOW).is_in_doubt
    assert not TimerSchedule.parse(DEFAULT_SCHEDULE, NOW).is_in_doubt


def test_documented_example_means_both_days_to_the_timer_and_either_day_to_an_export():
    page = (Path(__file__).parents[2] / "docs/configure.md").read_text(encoding="utf-8")
    assert "| `0 9 1-7 * MON` (here with a second: `0 0 9 1-7 * MON`) |" in page
    assert "`0 9 * * MON#1`" in page
    assert [f"{moment:%d.%m.}" for moment in next_three("0 0 9 1-7 * MON")] == ["07.12.", "04.01.", "01.02."]
    assert [f"{moment:%d.%m.}" for moment in islice(CronSim("0 9 1-7 * MON", NOW), 3)] == ["30.11.", "01.12.", "02.12."]
    assert [f"{moment:%d.%m.}" for moment in islice(CronSim("0 9 * * MON#1", NOW), 3)] == ["07.12.", "04.01.", "01.02."]


@pytest.mark.parametrize(
    ("text", "level", "words"),
    [
        ("*/5 * * * *", "ERROR", "takes six fields"),
        ("0 0 9 1-7 * MON", "WARNING", "Next: 2026-12-07 09:00:00"),
        ("", None, ""),
        (DEFAULT_SCHEDULE, None, ""),
    ],
)
def test_start_of_the_app_logs_one_line_where_the_schedule_is_wrong_or_in_doubt(text, level, words, caplog):
    log_schedule({"EXPORT_SCHEDULE": text}, NOW)
    assert [record.levelname for record in caplog.records] == ([level] if level else [])
    assert words in caplog.text


@pytest.mark.parametrize("name", ["TZ", "WEBSITE_TIME_ZONE"])
@pytest.mark.parametrize(
    ("zone", "is_moved"), [("Europe/Bucharest", True), ("UTC", False), ("Etc/UTC", False), ("utc", False), ("", False)]
)
def test_zone_that_moves_the_timer_of_the_deployed_app_is_logged(caplog, name, zone, is_moved):
    deployed = {"WEBSITE_HOSTNAME": "app.azurewebsites.net", name: zone}
    log_schedule(deployed, NOW)
    assert [record.getMessage().startswith(f"The setting {name} moves the timer") for record in caplog.records] == (
        [True] * is_moved
    )


def test_zone_of_a_terminal_moves_no_timer(caplog):
    log_schedule({"TZ": "Europe/Bucharest"}, NOW)
    assert not caplog.records
