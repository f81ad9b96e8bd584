"""Messages of notices that failed ten times, as while a setting cannot be read, and that the host has given up."""

import pytest

from shared.notices.queue import NoticeMessage, enqueue
from shared.notices.tell import abandon_notice, take_notice
from shared.runs.queue import GIVE_UP_SECONDS
from tests.faults.notices.received import MISSING_LIST, fail_for_good, row_states


@pytest.fixture
def story(told):
    """A run that has failed, of which nobody knows yet."""
    story = told(**MISSING_LIST)
    story.run()
    return story


def give_up_all(story):
    for message in [*story.kept.notices]:
        story.kept.notices.remove(message)
        abandon_notice(story.app, message.text)


@pytest.mark.parametrize("is_decided", [False, True])
def test_notice_that_the_host_gives_up_is_told_once_the_app_works_again(story, there, is_decided):
    if is_decided:
        story.decide_who_is_told()
    give_up_all(story)
    story.tell()
    assert len(there.received) == 1
    assert story.kept.notices == []


@pytest.mark.parametrize("seconds", [0, 6000])
def test_it_is_given_up_for_good_after_six_hours_of_failures(story, there, seconds):
    begun = story.kept.clock.seconds()
    fail_for_good(story, seconds)
    assert there.received == []
    assert GIVE_UP_SECONDS < story.kept.clock.seconds() - begun < GIVE_UP_SECONDS + 1800 + 2 * seconds


def test_watch_message_that_met_failures_long_ago_gives_up_no_notice_at_the_next_one(story, there, monkeypatch):
    """What it has met before it could be taken does not count for the watch messages behind it."""
    there.answers = [500] * 100
    story.decide_who_is_told()
    [notice, watch] = sorted(story.kept.notices, key=lambda each: "watch" in each.text)
    story.kept.notices.clear()
    long_ago = story.kept.clock.seconds() - GIVE_UP_SECONDS - 60
    run_id = story.runs()[0].run_id
    enqueue(story.app, NoticeMessage(run_id, "teams", "failed", watch=True, failing_since=long_ago))
    [watch] = story.kept.notices
    take_notice(story.app, notice.text)
    story.kept.notices.clear()
    take_notice(story.app, watch.text)
    [following] = [each for each in story.kept.notices if "watch" in each.text]
    assert "failing_since" not in following.text


def test_notice_that_failed_before_a_stop_of_the_app_is_tried_again_behind_it(story, there):
    there.answers = [500] * 100
    story.tell(hours=0.1)
    story.kept.notices[:] = [each for each in story.kept.notices if "watch" not in each.text]
    there.answers = [500]
    story.kept.clock.skip(8 * 3600)
    story.tell()
    assert row_states(story) == {"told": 1}


def test_copy_of_a_message_whose_notice_was_posted_says_of_nobody_that_no_notice_came(story, there):
    story.tell()
    assert row_states(story) == {"told": 1}
    run_id = story.runs()[0].run_id
    long_ago = story.kept.clock.seconds() - GIVE_UP_SECONDS - 60
    enqueue(story.app, NoticeMessage(run_id, "teams", "failed", failing_since=long_ago))
    story.config.write_text("{")
    [copy] = story.kept.notices
    take_notice(story.app, copy.text)
    assert "not_notified" not in [each["kind"] for each in story.app.store.events(run_id)]
