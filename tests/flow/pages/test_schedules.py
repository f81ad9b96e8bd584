"""Schedules in people's words, on the form and where an export is shown."""

import re

import pytest
from werkzeug.datastructures import MultiDict

from export_trigger.pages.schedules import schedule_faults, schedule_of, schedule_text, times_of
from export_trigger.pages.viewer import Viewer
from shared.config.models import CronSchedule


def form(**values):
    return MultiDict({"time_zone": "Europe/Bucharest", **values})


def cron(line):
    return {"cron": line, "time_zone": "UTC"}


@pytest.mark.parametrize(
    ("line", "at", "days"),
    [
        ("30 6 * * *", "06:30", set()),
        ("0 7 * * 1-5", "07:00", {1, 2, 3, 4, 5}),
        ("5 23 * * 6,0", "23:05", {6, 0}),
        ("5 23 * * 6-7", "23:05", {6, 0}),
        ("0 0 * * 0-6", "00:00", set()),
        ("0  7  *  * 1", "07:00", {1}),
    ],
)
def test_simple_cron_lines_are_times_of_the_day(line, at, days):
    found = times_of(cron(line))
    assert (found.at, found.days) == (at, days)


@pytest.mark.parametrize(
    "line", ["0 8 1 * *", "*/5 * * * *", "0 7 * 3 *", "0 7 * * MON", "99 7 * * *", "0 24 * * *", "0 7 * * 5-1", "x", ""]
)
def test_what_is_no_time_of_the_day_stays_a_cron_line(line):
    assert times_of(cron(line)) is None


@pytest.mark.parametrize("other", ["off", "with_refresh", None])
def test_other_schedules_have_no_times(other):
    assert times_of(other) is None


@pytest.mark.parametrize(
    ("at", "days", "line"),
    [("06:30", [], "30 6 * * *"), ("7:05", ["5", "1"], "5 7 * * 1,5"), ("23:59", list("1234560"), "59 23 * * *")],
)
def test_form_gives_the_cron_line_of_its_times_and_reads_it_again(at, days, line):
    sent = form(schedule="times", at=at)
    sent.setlist("day", days)
    assert schedule_faults(sent, "off") == []
    assert schedule_of(sent) == {"cron": line, "time_zone": "Europe/Bucharest"}
    CronSchedule.model_validate(schedule_of(sent))
    assert len(times_of(schedule_of(sent)).days) == len(days) % 7


@pytest.mark.parametrize("at", ["", "7", "24:00", "06:60", "six"])
def test_time_that_is_none_is_said(at):
    assert "Say at what time" in schedule_faults(form(schedule="times", at=at), "off")[0]


def test_times_beside_another_choice_are_said_unless_they_stood_there_before():
    assert "A time is typed" in schedule_faults(form(schedule="off", at="06:30"), "off")[0]
    assert schedule_faults(form(schedule="off", at="06:30"), cron("30 6 * * *")) == []
    assert "A cron line is typed" in schedule_faults(form(schedule="times", at="06:30", cron="0 8 1 * *"), "off")[0]
    assert schedule_faults(form(schedule="times", at="06:30", cron="0 8 1 * *"), cron("0 8 1 * *")) == []


@pytest.mark.parametrize(
    ("line", "language", "words"),
    [
        ("30 6 * * *", "en", "each day at 6:30\u202fAM (UTC)"),
        ("0 7 * * 1-2", "en", "Mon, Tue at 7:00\u202fAM (UTC)"),
        ("30 18 * * 0", "ro", "dum. la 18:30 (UTC)"),
        ("0 8 1 * *", "ro", "0 8 1 * * (UTC)"),
    ],
)
def test_schedule_is_said_in_words(line, language, words):
    assert schedule_text(Viewer(language, "UTC"), CronSchedule(cron=line)) == words


def test_times_of_an_export_are_saved_and_shown_again(browser):
    path = f"/exports/{browser.flow.export_id}/schedule"
    browser.send(path, schedule="times", at="06:30", day=["1", "3"], time_zone="Europe/Bucharest")
    assert browser.flow.app.document().export(browser.flow.export_id).schedule.cron == "30 6 * * 1,3"
    page = browser.open(path)
    assert 'value="06:30"' in page.html
    assert 'value="3" checked' in page.html
    assert 'name="cron" value=""' in page.html
    assert "Mon, Wed at 6:30" in browser.open("/").text
    page = browser.send(path, schedule="times", at="late", time_zone="UTC")
    assert page.status == 400
    assert "Say at what time, such as 06:30." in page.text
    assert 'value="late"' in page.html


def test_what_was_typed_into_a_schedule_stays_whatever_is_wrong(browser):
    path = f"/exports/{browser.flow.export_id}/schedule"
    typed = {"schedule": "with_refresh", "at": "07:15", "day": ["1", "4"], "time_zone": "Europe/Bucharest"}
    page = browser.send(path, **typed)
    assert page.status == 400
    assert 'value="07:15"' in page.html
    assert [day for day in range(7) if f'value="{day}" checked' in page.html] == [1, 4]
    assert "<option selected>Europe/Bucharest" in page.html
    assert 'value="with_refresh" checked' in page.html


@pytest.mark.parametrize("zone", ["CET", "Etc/GMT-2", "Europe/Bucharest", "UTC"])
@pytest.mark.parametrize("page", ["edit", "schedule"])
def test_time_zone_that_the_choice_lacks_is_not_lost(browser, zone, page):
    browser.configure(schedule={"cron": "30 5 * * *", "time_zone": zone})
    shown = browser.open(f"/exports/{browser.flow.export_id}/{page}")
    options = shown.html.split('name="time_zone"')[1].split("</select>")[0]
    assert re.findall(r"<option selected>([^<]*)", options) == [zone]
