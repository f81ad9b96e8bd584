"""What doctor says of notices that did not arrive, where there is more to it than one notice of one end."""

import pytest

from shared.operating.doctor.exports import export_findings
from shared.operating.doctor.finding import Finding
from tests.faults.conftest import Story
from tests.faults.notices.holding import approve_and_hold_again, start_plan
from tests.faults.notices.holding import story as held_story

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
