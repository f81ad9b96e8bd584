"""Which ends of runs are sent to whom, and in which form."""

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from shared.runs.holding import approve
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.times import local_text
from tests.faults.notices.holding import HELD, start_plan
from tests.faults.notices.received import FAILED, MISSING_LIST, SECRET, titles
from tests.memory_line import WorkerDied
from tests.sizes import thinned

RECOVERED = "Gold customers: the export works again"


def test_each_channel_is_told_of_a_failed_run_in_its_own_form(told, there):
    story = told({"type": "teams"}, {"type": "slack"}, {"type": "webhook"}, **MISSING_LIST)
    status = story.run()
    story.tell()
    assert titles(there) == [FAILED] * 3
    (hook,) = [each for each in there.received if "webhook-id" in each.headers]
    # Time is virtual here: the library's own check of it is in test_notice_formats and through the functions host.
    at = datetime.fromtimestamp(int(hook.headers["webhook-timestamp"]), UTC)
    signature = Webhook(SECRET).sign(hook.headers["webhook-id"], at, hook.body.decode())
    assert hook.headers["webhook-signature"] == signature
    found = hook.json
    assert found["type"] == "export.failed"
    assert found["data"]["run_id"] == status["run_id"]
    assert found["data"]["code"] == "list_missing"
    assert [each["text"] for each in story.status(status["run_id"])["story"] if each["kind"] == "notified"] == [
        "teams: failed.",
        "slack: failed.",
        "webhook: failed.",
    ]
    assert story.errors == []


@pytest.mark.parametrize("kind", ["teams", "slack", "webhook"])
def test_notice_of_a_failure_that_comes_after_a_later_success_says_so(told, there, kind):
    """Its receiver was away. Who reads it last, behind that of the success, would run the export again."""
    story = told({"type": kind}, **MISSING_LIST)
    story.run()
    there.answers = [503] * 100
    story.tell(hours=0.5)
    there.answers.clear()
    there.received.clear()
    story.save(list_id=12)
    later = story.run()
    story.tell()
    assert sorted(titles(there)) == [FAILED, RECOVERED]
    [late, recovered] = sorted((each.body.decode() for each in there.received), key=lambda body: RECOVERED in body)
    since = f"The run of {local_text(later['times']['queued'])} has gone through since."
    assert since in late
    assert "No action needed." in late
    assert since not in recovered


def test_run_that_succeeds_after_a_success_is_not_told(told, there):
    story = told()
    for _ in range(2):
        assert story.run()["status"] == "succeeded"
    story.tell()
    assert there.received == []


def test_first_success_after_failures_is_told_once(told, there):
    story = told()
    story.save(**MISSING_LIST)
    story.run()
    story.run()
    story.save(list_id=12)
    story.run()
    story.run()
    story.tell()
    assert titles(there) == [FAILED, FAILED, RECOVERED]


def test_run_that_was_skipped_or_cancelled_in_between_hides_no_recovery(told, there):
    story = told()
    story.save(**MISSING_LIST)
    story.run()
    story.segment("CustomerId,EMail,FirstName\n")
    story.save(list_id=12)
    assert story.run()["status"] == "skipped"
    started = story.start()
    request_cancel(story.app, find_run(story.app, started.run_id), "ana@example.com")
    story.work()
    assert story.status(started.run_id)["status"] == "cancelled"
    story.people(4)
    story.run()
    story.tell()
    assert titles(there) == [FAILED, RECOVERED]


@pytest.mark.parametrize(
    ("on", "title"),
    thinned(
        [
            (["failed", "guard", "held", "rejections", "recovered"], HELD),
            (["guard"], "Gold customers: the export was stopped, to be safe"),
            (["failed"], None),
            (["rejections", "recovered"], None),
        ],
        2,
    ),
)
def test_stop_by_a_guard_is_told_once_as_what_it_is_where_that_is_wanted(told, there, on, title):
    story = told({"type": "slack", "on": on}, max_profiles=1)
    assert story.run()["held_for"]["code"] == "guard_max_profiles"
    story.tell()
    assert titles(there) == ([title] if title else [])


def test_plan_that_is_held_is_told_with_the_way_to_approve_it(told, there):
    story = told({"type": "webhook"})
    run_id = start_plan(story)
    story.work(hours=1)
    story.tell()
    [notice] = [each.json for each in there.received]
    assert (notice["type"], notice["data"]["customers_affected"], notice["data"]["code"]) == ("export.held", 4, "plan")
    assert f"segment-export approve {run_id}" in notice["data"]["advice"]
    approve(story.app, find_run(story.app, run_id), "ana")
    story.work(hours=1)
    story.tell()
    assert len(there.received) == 1, "that it was approved and has succeeded is no event"


def test_run_that_nobody_approves_is_told_when_its_time_is_over(told, there):
    story = told({"type": "slack"}, hold_hours=1)
    run_id = start_plan(story)
    story.work(hours=3)
    assert story.status(run_id)["error"]["code"] == "hold_expired"
    story.tell()
    # The notice about its being held came too late to be true.
    assert titles(there) == ["Gold customers: nobody approved the export in time"]


def test_held_run_is_told_also_where_the_worker_dies_behind_the_write(told, there, monkeypatch):
    story = told({"type": "slack"})
    start_plan(story)

    def die(run):
        raise WorkerDied

    monkeypatch.setattr("shared.runs.steps.staged.ended_line", die)
    story.work(hours=1)
    story.tell()
    assert titles(there) == [HELD]


@pytest.mark.parametrize(("share", "is_told"), [(0.0, True), (0.24, True), (0.25, False), (1.0, False)])
def test_rejections_are_told_of_above_the_share(told, there, share, is_told):
    story = told({"type": "webhook", "rejected_share": share})
    story.segment("CustomerId,EMail,FirstName\n1,a@example.com,A\n2,nobody,B\n3,c@example.com,C\n4,d@example.com,D\n")
    assert story.run()["status"] == "succeeded_with_rejections"
    story.tell()
    assert [each.json["type"] for each in there.received] == (["export.rejections"] if is_told else [])


def test_recovery_with_rejections_is_two_events_each_told_once(told, there):
    story = told({"type": "webhook"})
    story.save(**MISSING_LIST)
    story.run()
    story.segment("CustomerId,EMail,FirstName\n1,a@example.com,A\n2,nobody,B\n")
    story.save(list_id=12)
    story.run()
    story.tell()
    assert [each.json["type"] for each in there.received] == ["export.failed", "export.recovered", "export.rejections"]


def test_notification_for_other_exports_is_not_told(told, there):
    story = told({"type": "teams", "exports": []}, **MISSING_LIST)
    story.run()
    story.tell()
    assert there.received == []


def test_configuration_that_cannot_be_read_at_a_runs_end_delays_what_is_told(told, there):
    story = told(**MISSING_LIST)
    story.run()
    text = story.config.read_text()
    story.config.write_text("{")
    story.tell(hours=1)
    assert (there.received, story.left_behind()) == ([], [])
    story.config.write_text(text)
    story.tell()
    assert titles(there) == [FAILED]


def test_configuration_that_is_never_readable_again_is_logged_and_stands_in_the_runs_story(told, there, caplog):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    story.config.write_text("{")
    story.tell()
    assert "notice given up" in caplog.text
    assert "not_notified" in [event["kind"] for event in story.app.store.events(run_id)]


def test_recovery_is_told_also_where_many_runs_have_followed_meanwhile(told, there, monkeypatch):
    """Such as of an export that runs each few minutes, to a receiver that is away for hours."""
    monkeypatch.setattr("shared.notices.recipients._LOOKED_AT", 2)
    story = told({"type": "webhook", "on": ["recovered"]})
    story.save(**MISSING_LIST)
    story.run()
    story.save(list_id=12)
    for _ in range(4):
        assert story.run()["status"] == "succeeded"
        story.kept.clock.skip(2)
    story.tell()
    assert [each.json["type"] for each in there.received] == ["export.recovered"]
