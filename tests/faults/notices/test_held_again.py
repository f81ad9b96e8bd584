"""A run that is held a second time, since it would do more than was approved, waits for a person again."""

from shared.runs.holding import approve
from shared.runs.starting import start_run
from shared.runs.status import find_run
from shared.runs.verifying import Verify
from tests.faults.following import Following
from tests.faults.notices.holding import HELD, approve_and_hold_again, start_plan
from tests.faults.notices.holding import story as held_story
from tests.faults.notices.received import titles

story = held_story
STOPPED = "Gold customers: the export was stopped, to be safe"


def test_run_that_is_held_again_is_told_again_with_its_new_time(story, there):
    run_id = start_plan(story)
    story.work(hours=1)
    story.tell(hours=1)
    assert titles(there) == [HELD]
    approve_and_hold_again(story, run_id)
    story.tell(hours=1)
    assert titles(there) == [HELD, HELD]
    first, again = (each.json["timestamp"] for each in there.received)
    assert first < again


def test_notice_of_what_was_approved_meanwhile_is_not_told_beside_the_new_one(story, there):
    there.answers = [503] * 1000
    run_id = start_plan(story)
    story.work(hours=1)
    story.tell(hours=0.1)
    approve_and_hold_again(story, run_id)
    there.answers.clear()
    there.received.clear()
    story.tell(hours=12)
    assert titles(there) == [HELD]


def test_repair_that_nobody_approves_is_told_with_the_command_that_shows_it_again(told, there):
    story = told({"type": "webhook"})
    made = Following(story, days=24)
    story.save(sync_mode="mirror", max_removed=0.1, hold_hours=1)
    made.begin()
    made.refresh(range(4, 10))  # four have left
    ready = story.app.ready_export(story.export["id"])
    run_id = start_run(story.app, ready, "http", "tester", instead=Verify("repair")).run_id
    story.work(hours=3)
    assert story.status(run_id)["error"]["code"] == "hold_expired"
    story.tell()
    [notice] = [each.json for each in there.received if each.json["type"] == "export.expired"]
    assert notice["data"]["advice"] == "To look again: segment-export verify gold --repair"


def test_run_that_was_held_as_a_guard_and_is_stopped_by_another_one_later_is_told_again(told, there, monkeypatch):
    """A receiver that has not asked for what is held hears of both as the same event."""
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: text.startswith("person0@"))
    story = told({"type": "webhook", "on": ["failed", "guard"]}, max_rejected=0.5, max_profiles=1)
    run_id = story.run(hours=1)["run_id"]
    story.tell(hours=1)
    assert titles(there) == [STOPPED]
    approve(story.app, find_run(story.app, run_id), "ana")
    story.work()
    assert story.status(run_id)["error"]["code"] == "guard_rejected_by_brevo"
    story.tell()
    assert titles(there) == [STOPPED, STOPPED]
    assert "Brevo rejected 3 of the 4 contacts" in there.received[1].json["data"]["text"]
