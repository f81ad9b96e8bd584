"""A run is held, approved and sent, or expires, wherever a worker dies, storage fails or an answer is lost."""

import pytest

from shared.errors import ConfigurationError, ExportError
from shared.runs.holding import approve
from shared.runs.status import find_run
from shared.runs.store import OPEN
from tests.faults.breaking import planned_by, work_on
from tests.memory_line import WorkerDied
from tests.sizes import in_parts, sampled

MODES = ("dies", "echo", "outage")


def planned(story, worker):
    """A plan, started by the worker; where that breaks, the person does it again."""
    story.people(3)
    story.save(hold_hours=2)
    return planned_by(story, worker)


def decide(story, run_id, worker, line):
    """Approves as a person does who gets no answer, or an error: again, until it is said to be approved already."""
    for app in (story.app if line.dead else worker, story.app):
        try:
            approve(app, find_run(app, run_id), "ana")
        except ConfigurationError as error:
            assert error.code == "run_not_held", error
            assert "ana has approved it" in error.message
            return
        except (WorkerDied, ExportError):
            continue


def life(story, mode=None, at=0):
    """A plan that is held, approved and sent, with one break; its status, and how many calls it made."""
    worker, line = story.worker(mode, at)
    run_id = planned(story, worker)
    work_on(story, worker, line, 0.5)
    held = story.status(run_id)
    assert (held["status"], held["contacts_new"]) == ("held", 3), held
    assert (story.imports(), story.app.storage.app_blobs.folders("staged", "")) == (0, [])
    decide(story, run_id, worker, line)
    work_on(story, worker, line, 1.0)
    return story.status(run_id), line.calls


def wrong(make_story, mode, some, lived, is_right):
    """What was not right, point by point of these."""
    _, calls = lived(make_story())
    found = []
    for at in range(1, calls + 1)[some]:
        story = make_story()
        story.sandbox.reset()
        try:
            status, _ = lived(story, mode, at)
            assert is_right(status), status
            # A start that was not written stays listed for an hour.
            assert [text for text in story.left_behind() if not text.startswith(OPEN)] == []
        except AssertionError as error:
            found.append(f"{mode} at call {at}: {str(error).splitlines()[0][:300]}")
    return found


def is_sent_once(status):
    return (status["status"], status["contacts_confirmed"], status["approved_by"]) == ("succeeded", 3, "ana")


@sampled(56)
@pytest.mark.parametrize("mode", MODES)
def test_plan_is_held_and_sent_once_it_is_approved_whatever_breaks(make_story, mode, some):
    assert wrong(make_story, mode, some, life, is_sent_once) == []


def unapproved(story, mode=None, at=0):
    """A plan that nobody approves."""
    worker, line = story.worker(mode, at)
    run_id = planned(story, worker)
    work_on(story, worker, line, 0.5)
    # `work` ends where no message is left, as when the send of the watch message has failed: the timer goes on.
    story.kept.clock.skip(2 * 3600)
    work_on(story, worker, line, 0.5)
    assert story.imports() == 0
    return story.status(run_id), line.calls


def is_expired(status):
    return status["status"] == "cancelled" and status["error"]["code"] == "hold_expired"


@in_parts()
@pytest.mark.parametrize("mode", MODES)
def test_plan_that_nobody_approves_ends_whatever_breaks(make_story, mode, some):
    assert wrong(make_story, mode, some, unapproved, is_expired) == []


def test_held_run_ends_in_its_time_also_where_its_watch_message_is_lost(story):
    worker, line = story.worker()
    run_id = planned(story, worker)
    work_on(story, worker, line, 0.5)
    story.kept.messages.clear()
    work_on(story, worker, line, 3.0)
    assert is_expired(story.status(run_id))


def test_approval_whose_message_is_lost_is_gone_on_with_by_the_watch(story):
    worker = story.app
    run_id = planned(story, worker)
    story.work(worker, hours=0.5, timer=False)
    approve(story.app, find_run(story.app, run_id), "ana")
    story.kept.messages[:] = [each for each in story.kept.messages if '"stage"' not in each.text]
    story.work(worker, hours=1, timer=False)
    assert is_sent_once(story.status(run_id))
