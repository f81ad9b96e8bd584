"""What doctor says of notices that did not arrive, where there is more to it than one notice of one end."""

from dataclasses import replace

import pytest

from shared.config.document import ready_export
from shared.operating.doctor.exports import export_findings
from shared.operating.doctor.finding import Finding
from shared.runs.queue import send_news
from shared.runs.starting import start_run
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.trial import Trial
from tests.faults.conftest import Story
from tests.faults.notices.holding import approve_and_hold_again, start_plan
from tests.faults.notices.holding import story as held_story
from tests.faults.notices.received import fail_for_good

story = held_story


def of_notices(story: Story) -> Finding:
    found = export_findings(story.app, story.app.document(), set(), None)
    [line] = [each for each in found if "notices" in each.check]
    return line


def test_doctor_misses_the_notice_of_a_run_that_is_held_again(story, there):
    run_id = start_plan(story)
    story.work(hours=1)
    story.tell(hours=1)
    assert of_notices(story).state == "ok"
    there.answers = [404] * 10
    approve_and_hold_again(story, run_id)
    story.tell(hours=1)
    line = of_notices(story)
    assert line.state == "FAILED"
    assert f"The notice (held) of {run_id} may not have reached webhook. The receiver answers" in line.message


@pytest.mark.parametrize(("on", "state"), [(["held"], "FAILED"), (["failed"], "ok")])
def test_doctor_says_of_whom_nobody_could_decide_that_they_were_not_told(story, there, on, state):
    story.notifications[0]["on"] = on
    story.save()
    run_id = start_plan(story)
    story.work(hours=1)
    document = story.config.read_text()
    story.config.write_text("no JSON")
    story.tell(hours=12)
    story.config.write_text(document)
    story.tell(hours=1)
    line = of_notices(story)
    assert (line.state, there.received) == (state, [])
    if state == "FAILED":
        assert f"Nobody was told of {run_id}, which webhook should have got. " in line.message
        assert "is not JSON" in line.message


@pytest.mark.parametrize(
    ("is_decided", "who"),
    [(False, "Nobody was told of {}, which webhook should"), (True, "of {} may not have reached")],
)
def test_doctor_and_the_story_name_a_notice_that_the_host_has_given_up(story, there, is_decided, who):
    run_id = start_plan(story)
    story.work(hours=1)
    if is_decided:
        story.decide_who_is_told()
    fail_for_good(story)
    line = of_notices(story)
    assert (line.state, there.received) == ("FAILED", [])
    assert who.format(run_id) in line.message
    assert "It failed again and again without a known reason." in line.message
    assert [each["kind"] for each in story.app.store.events(run_id)].count("not_notified") == (1 if is_decided else 2)


def test_given_up_news_of_a_run_that_is_not_there_leave_nothing(story):
    send_news(story.app, replace(find_run(story.app, start_plan(story)), run_id="gold-20261124T050000-abcdef"))
    fail_for_good(story)
    assert "events" not in story.kept.tables


def test_given_up_news_of_a_run_that_brings_no_notice_says_of_nobody_that_none_came(story):
    """Who has started a trial or an undo waits for it."""
    trial = Trial.of(99, 1, ())
    ready = ready_export(story.app.document(), story.export["id"])
    run_id = start_run(story.app, ready, "http", "tester", instead=trial).run_id
    request_cancel(story.app, find_run(story.app, run_id), "tester")
    fail_for_good(story)
    assert "not_notified" not in [each["kind"] for each in story.app.store.events(run_id)]
