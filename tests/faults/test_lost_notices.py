"""A lost instance takes a notice along for ten minutes; the notice's own watch message does not wait for that."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.errors import ExportError
from shared.notices import posting
from shared.notices.tell import take_notice
from tests.faults.conftest import LEASE_SECONDS, Story
from tests.faults.losing import AT_MOST_SECONDS
from tests.faults.notices.received import fail_for_good
from tests.memory_line import WorkerDied
from tests.receiver import Receiver, receiver

MISSING_LIST = {"list_id": 4711}


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def told(story: Story, there: Receiver, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Story]:
    """A run that has failed and is to be told, to a receiver of this kind."""
    monkeypatch.setattr(posting, "POST_SECONDS", 3.0)
    monkeypatch.setenv("HOOK_SECRET", "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    monkeypatch.setenv("HOOK_URL", f"{there.url}/hook")

    def make(kind: str) -> Story:
        secret = {"secret": {"setting": "HOOK_SECRET"}} if kind == "webhook" else {}
        story.notifications.append({"id": kind, "type": kind, "url": {"setting": "HOOK_URL"}, **secret})
        story.people(4)
        story.save(**MISSING_LIST)
        story.run()
        story.decide_who_is_told()
        return story

    return make


def next_notice(story: Story) -> Any:
    return next(each for each in story.kept.notices if "watch" not in each.text)


@pytest.mark.parametrize("kind", ["teams", "webhook"])
def test_notice_that_an_instance_takes_along_unread_is_told_within_six_minutes(told, there, kind):
    story = told(kind)
    late = next_notice(story)
    story.kept.notices.remove(late)
    lost_at = story.kept.clock.seconds()
    story.tell()
    assert len(there.received) == 1
    assert story.kept.clock.seconds() - lost_at <= AT_MOST_SECONDS
    for _ in range(2):
        take_notice(story.app, late.text)
    assert len(there.received) == 1
    assert story.kept.notices == []


@pytest.mark.parametrize(("kind", "posts", "state"), [("teams", 0, "unknown"), ("webhook", 1, "told")])
def test_notice_whose_sender_is_lost_in_the_middle_is_settled_within_six_minutes(
    told, there, kind, posts, state, monkeypatch
):
    story = told(kind)
    late = next_notice(story)
    story.kept.notices.remove(late)

    def die(*_: Any) -> None:
        raise WorkerDied

    with monkeypatch.context() as patch, pytest.raises(WorkerDied):
        patch.setattr("shared.notices.sending.send_notice", die)
        take_notice(story.app, late.text)
    lost_at = story.kept.clock.seconds()
    story.tell()
    assert story.kept.clock.seconds() - lost_at <= AT_MOST_SECONDS
    take_notice(story.app, late.text)
    assert len(there.received) == posts
    assert [values["state"] for values, _ in story.kept.tables["notices"].values()] == [state]


def test_retry_of_a_notice_that_is_lost_goes_on_with_its_tries(told, there):
    story = told("teams")
    there.answers = [500]
    first = next_notice(story)
    story.kept.notices.remove(first)
    take_notice(story.app, first.text)
    retry = next_notice(story)
    story.kept.notices.remove(retry)
    (values,) = [values for values, _ in story.kept.tables["notices"].values()]
    assert (values["state"], values["attempt"]) == ("refused", 1)
    assert values["failing_since"] > 0
    lost_at = story.kept.clock.seconds()
    story.tell()
    assert len(there.received) == 2
    assert story.kept.clock.seconds() - lost_at <= AT_MOST_SECONDS


def test_copies_of_a_notices_watch_message_leave_one_chain(told, there):
    story = told("webhook")
    there.answers = [500] * 6  # the retries go on for two minutes
    (watch,) = [each for each in story.kept.notices if "watch" in each.text]
    for _ in range(3):
        story.app.storage.notice_queue.send(watch.text, 60)
    copies_end = story.kept.clock.seconds() + 70
    most = 0
    while story.kept.notices:
        received = story.app.storage.notice_queue.receive(LEASE_SECONDS)
        if received is None:
            story.kept.clock.skip(min(each.visible_at for each in story.kept.notices) - story.kept.clock.seconds())
            continue
        take_notice(story.app, received.text)
        story.app.storage.notice_queue.delete(received)
        if story.kept.clock.seconds() > copies_end:
            most = max(most, sum("watch" in each.text for each in story.kept.notices))
    assert most == 1
    assert len(there.received) == 7


def test_notice_that_was_given_up_is_not_brought_back_by_its_watch_message(told, there):
    story = told("teams")
    (watch,) = [each for each in story.kept.notices if "watch" in each.text]
    fail_for_good(story)
    story.kept.notices.append(watch)
    story.tell()
    assert there.received == []
    assert story.kept.notices == []


def test_news_of_an_end_that_an_instance_takes_along_come_again_a_minute_later(story, there, monkeypatch):
    monkeypatch.setenv("HOOK_URL", f"{there.url}/hook")
    story.notifications.append({"id": "teams", "type": "teams", "url": {"setting": "HOOK_URL"}})
    story.people(4)
    story.save(**MISSING_LIST)
    story.run()
    first = min(story.kept.notices, key=lambda each: each.visible_at)
    story.kept.notices.remove(first)
    lost_at = story.kept.clock.seconds()
    story.tell()
    assert len(there.received) == 1
    assert story.kept.clock.seconds() - lost_at <= AT_MOST_SECONDS
    take_notice(story.app, first.text)
    story.tell()
    assert len(there.received) == 1


def test_break_of_storage_under_a_notices_watch_message_brings_it_back(told, there):
    story = told("teams")
    notice = next_notice(story)
    story.kept.notices.remove(notice)
    worker, _ = story.worker("outage", 1, reads=True)
    story.tell(worker)
    assert len(there.received) == 1
    assert not [error for error in story.errors if not isinstance(error, ExportError)]


def test_notice_whose_own_retry_was_lost_is_given_up_after_six_hours_too(told, there):
    story = told("teams")
    there.answers = [500] * 1000
    take_notice(story.app, next_notice(story).text)
    story.kept.notices[:] = [each for each in story.kept.notices if "watch" in each.text]
    begun = story.kept.clock.seconds()
    story.tell(hours=24)
    assert [values["state"] for values, _ in story.kept.tables["notices"].values()] == ["given_up"]
    assert story.kept.clock.seconds() - begun < 7 * 3600
