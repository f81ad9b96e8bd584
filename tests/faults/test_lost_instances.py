"""A lost instance takes its queue message along for ten minutes; nothing waits for that, and no timer is needed.

Here the timer never ticks: whatever goes on does so by the watch messages of the runs and the notices.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import ConfigurationError, ExportError, TransientError
from shared.notifying import posting
from shared.runs.cancelling import request_cancel
from shared.runs.claim import claimed_batch, claimed_run
from shared.runs.model import Run
from shared.runs.status import find_run
from shared.runs.steps import UnforeseenError, abandon, take_step
from shared.runs.sweeping import sweep
from shared.runs.telling import drop_notice, take_notice
from tests.faults.conftest import LEASE_SECONDS, Story
from tests.faults.memory_storage import WorkerDied
from tests.receiver import Receiver, receiver

IMPORT = "POST /contacts/import"
AT_MOST_SECONDS = 360.0
PARTS = 4
MISSING_LIST = {"list_id": 4711}


def watches(story: Story) -> list[Any]:
    return [each for each in story.kept.messages if '"watch"' in each.text]


def take_away(story: Story, step: str) -> str:
    """Another instance takes the newest message of this step, and is lost with it."""
    message = next(each for each in reversed(story.kept.messages) if f'"{step}"' in each.text)
    story.kept.messages.remove(message)
    return str(message.text)


def work_until(story: Story, done: Callable[[Run], bool], run_id: str) -> Run:
    """Takes one message after the other, without a timer, until the run is as wanted."""
    for _ in range(200):
        run = find_run(story.app, run_id)
        if done(run):
            return run
        received = story.app.storage.queue.receive(LEASE_SECONDS)
        if received is None:
            story.sandbox.imports.wait_until_idle(10)
            next_at = min(message.visible_at for message in story.kept.messages)
            story.kept.clock.skip(next_at - story.kept.clock.seconds())
            continue
        take_step(story.app, received.text)
        story.app.storage.queue.delete(received)
    raise AssertionError(f"the run stays {find_run(story.app, run_id)}")


def ended_at(story: Story, run_id: str) -> float:
    """When the run ended, in the virtual time of the story."""
    from datetime import datetime

    run = find_run(story.app, run_id)
    return datetime.fromisoformat(run.times[run.state]).timestamp()


# Wherever an instance is lost


def lose_at(story: Story, at: int, *, reads: bool) -> None:
    """A whole run whose instance is lost at this call; without a timer it ends within the promised time."""
    story.sandbox.reset()
    wanted = story.people(5)
    worker, line = story.worker("dies", at, reads=reads)
    story.died_at = story.kept.clock.seconds()
    try:
        run_id = story.start(worker).run_id
    except WorkerDied:
        run_id = story.start().run_id  # the caller got no answer and asks again
    story.work(story.app if line.dead else worker, hours=2, timer=False)
    status = story.status(run_id)
    assert status["status"] == "succeeded", (at, reads, status)
    assert story.sent() == wanted, (at, reads)
    # Where the start itself broke off, a run that was never written may be on the list for an hour.
    left = [each for each in story.left_behind() if not each.startswith("open ") or run_id in each]
    assert left == [], (at, reads)
    assert ended_at(story, run_id) - story.died_at <= AT_MOST_SECONDS, (at, reads, line.names[-3:])


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("reads", [False, True], ids=["write", "read"])
def test_run_goes_on_within_six_minutes_wherever_its_instance_is_lost(make_story, part, reads):
    story = make_story()
    story.people(5)
    worker, line = story.worker(reads=reads)
    story.start(worker)
    story.work(worker, timer=False)
    for at in range(1, line.calls + 1)[part::PARTS]:
        lose_at(make_story(), at, reads=reads)


@pytest.mark.parametrize("step", ["stage", "deliver", "confirm"])
def test_message_that_an_instance_takes_along_unread_is_replaced_within_six_minutes(story, step):
    wanted = story.people(5)
    run_id = story.start().run_id
    if step != "stage":
        work_until(story, lambda run: any(f'"{step}"' in each.text for each in story.kept.messages), run_id)
    take_away(story, step)
    lost_at = story.kept.clock.seconds()
    story.work(timer=False)
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == wanted
    assert ended_at(story, run_id) - lost_at <= AT_MOST_SECONDS


def test_instance_that_is_lost_while_it_reads_processes_is_replaced_within_six_minutes(story, monkeypatch):
    story.people(5)
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "confirming", run_id)

    def die(*_: Any) -> None:
        raise WorkerDied

    with monkeypatch.context() as patch:
        patch.setattr("shared.brevo.client.BrevoClient.processes", die)
        message = take_away(story, "confirm")
        with pytest.raises(WorkerDied):
            take_step(story.app, message)
    lost_at = story.kept.clock.seconds()
    story.work(timer=False)
    assert story.status(run_id)["status"] == "succeeded"
    assert ended_at(story, run_id) - lost_at <= AT_MOST_SECONDS


def test_lost_delivery_is_sent_again_while_the_look_at_brevo_waits_for_an_hour(story, three_batches):
    story.people(520)
    story.connection["imports_at_once"] = 3
    story.save()
    run_id = story.start().run_id
    run = work_until(story, lambda run: run.state == "delivering", run_id)
    take_away(story, "deliver")
    lost_at = story.kept.clock.seconds()
    # As after Brevo has asked for an hour's pause: the confirm message that would send it again is far away.
    for message in story.kept.messages:
        if '"confirm"' in message.text:
            message.visible_at += 3600
    story.app.store.update(run_id, lambda run: replace(run, drive_by=run.drive_by + 3600))
    work_until(story, lambda run: all(each.process_id for each in story.app.store.batches(run)), run_id)
    assert story.kept.clock.seconds() - lost_at <= AT_MOST_SECONDS
    assert story.imports() == 3
    assert run.batches == 3


def test_retry_of_a_batch_that_is_lost_with_its_instance_is_sent_within_six_minutes_of_its_time(story):
    story.people(5)
    run_id = story.start().run_id
    run = work_until(story, lambda run: run.state == "delivering", run_id)
    batch = story.app.store.batches(run)[0]
    with pytest.raises(TransientError), claimed_batch(story.app, run, batch, attempt=20):
        raise TransientError("brevo_failing", "Brevo answers with status 503.")
    due_at = story.kept.clock.seconds() + 300
    take_away(story, "deliver")
    story.work(timer=False)
    assert story.status(run_id)["status"] == "succeeded"
    assert 0 < ended_at(story, run_id) - due_at <= AT_MOST_SECONDS


def test_delivery_that_waits_for_hours_hides_no_lost_confirm_message(story):
    story.people(5)
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "delivering", run_id)
    before = find_run(story.app, run_id).drive_by
    deliver = take_away(story, "deliver")

    def busy(*_: Any) -> None:
        raise TransientError("pace", "Brevo is asked again in an hour.", retry_after_seconds=3600)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.brevo.client.BrevoClient.import_contacts", busy)
        take_step(story.app, deliver)
    assert find_run(story.app, run_id).drive_by == before


# A run that is cancelled


def test_cancel_whose_message_is_lost_ends_the_run_within_six_minutes(story):
    story.people(5)
    run_id = story.start().run_id
    run = work_until(story, lambda run: run.state == "delivering", run_id)
    with pytest.raises(WorkerDied), claimed_batch(story.app, run, story.app.store.batches(run)[0], attempt=0):
        request_cancel(story.app, find_run(story.app, run_id), "tester")
        raise WorkerDied
    for step in ("deliver", "confirm", "confirm"):
        take_away(story, step)
    lost_at = story.kept.clock.seconds()
    story.work(timer=False)
    assert story.status(run_id)["status"] == "cancelled"
    assert ended_at(story, run_id) - lost_at <= AT_MOST_SECONDS
    assert story.left_behind() == []


def test_watch_of_a_run_that_is_cancelled_ends_nothing_under_a_live_worker(story):
    story.people(5)
    run_id = story.start().run_id
    with claimed_run(story.app, run_id):
        story.app.store.update(run_id, lambda run: replace(run, cancel_requested_by="tester", watch_due=0.0))
        take_step(story.app, json.dumps({"run": run_id, "step": "watch"}))
        assert not find_run(story.app, run_id).is_final
    assert len(watches(story)) == 2  # the first one, whose time was taken back, and the next one


# What comes late


@pytest.mark.parametrize("moment", ["moved on", "ended"])
@pytest.mark.parametrize("order", [("watch", "stage"), ("stage", "watch")], ids=["watch first", "original first"])
def test_late_original_and_late_watch_change_nothing_in_either_order_and_twice(story, moment, order):
    wanted = story.people(5)
    run_id = story.start().run_id
    late = {"stage": take_away(story, "stage"), "watch": watches(story)[0].text}
    if moment == "moved on":
        run = work_until(story, lambda run: run.state == "confirming", run_id)
    else:
        story.work(timer=False)
        run = find_run(story.app, run_id)
        assert run.is_final
    sent, log = [each.text for each in story.kept.messages], len(story.sandbox.log.entries())
    events = story.app.store.events(run_id)
    for step in order * 2:
        take_step(story.app, late[step])
    assert replace(find_run(story.app, run_id), etag=None) == replace(run, etag=None)
    assert [each.text for each in story.kept.messages] == sent
    assert len(story.sandbox.log.entries()) == log
    assert story.app.store.events(run_id) == events
    story.work(timer=False)
    assert story.status(run_id)["status"] == "succeeded"
    assert (story.sent(), story.imports()) == (wanted, 1)


def test_late_original_that_meets_a_live_owner_comes_back_once_and_is_dropped_then(story):
    story.people(5)
    run_id = story.start().run_id
    late = take_away(story, "stage")
    with claimed_run(story.app, run_id):
        take_step(story.app, late)
        again = take_away(story, "stage")
        take_step(story.app, again)
        assert [each for each in story.kept.messages if '"stage"' in each.text] == []
    story.work(timer=False)
    assert story.status(run_id)["status"] == "succeeded"


def test_message_whose_owner_changes_each_time_waits_for_each(story):
    story.people(5)
    run_id = story.start().run_id
    late = take_away(story, "stage")
    for _ in range(3):
        with claimed_run(story.app, run_id):
            take_step(story.app, late)
        late = take_away(story, "stage")
    take_step(story.app, late)
    assert find_run(story.app, run_id).state == "delivering"


# One chain


def test_watch_stays_a_single_message_whatever_is_doubled(story):
    story.people(5)
    story.connection["import_deadline_hours"] = 1
    story.save()
    story.sandbox.fail_next(IMPORT, "import-stuck")
    run_id = story.start().run_id
    seen = []

    def double(text: str) -> None:
        if '"watch"' in text:
            seen.append(story.kept.clock.seconds())
            assert len([each for each in watches(story) if each.text == text]) <= 2, "a second chain has begun"
        if len(seen) in (1, 3, 5):
            story.app.storage.queue.send(text, 1)

    story.on_message = double
    story.work(hours=3, timer=False)
    assert story.status(run_id)["error"]["code"] == "import_overdue"
    assert watches(story) == []
    # An hour by a watch every four minutes is fifteen of them, and as many copies as were made.
    assert len(seen) <= 15 + 8


def test_watch_of_a_healthy_run_neither_asks_brevo_nor_writes_a_story(story):
    story.people(5)
    story.sandbox.fail_next(IMPORT, "import-stuck")
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "confirming", run_id)
    story.app.store.update(run_id, lambda run: replace(run, watch_due=story.kept.clock.seconds()))
    (message,) = watches(story)
    story.kept.messages.remove(message)
    log, events = len(story.sandbox.log.entries()), story.app.store.events(run_id)
    worker, line = story.worker()
    reads, read_line = story.worker(reads=True)
    take_step(worker, message.text)
    assert line.names == ["runs replace", "queue send"]
    story.app.store.update(run_id, lambda run: replace(run, watch_due=story.kept.clock.seconds()))
    take_step(reads, message.text)
    assert read_line.names == ["runs get", "runs get", "batches query"]
    assert (len(story.sandbox.log.entries()), story.app.store.events(run_id)) == (log, events)


def test_watch_costs_a_short_run_three_calls(story):
    story.people(5)
    writer, writes = story.worker()
    run_id = story.start(writer).run_id
    work_until(story, lambda run: run.is_final, run_id)
    assert sum(name == "queue send" for name in writes.names) == 2  # stage and watch
    (message,) = watches(story)
    reader, reads = story.worker(reads=True)
    take_step(reader, message.text)
    assert reads.names == ["runs get", "runs get"]
    assert watches(story) == [message]


def test_watch_message_that_was_given_up_ends_nothing_and_is_sent_anew(story):
    story.people(5)
    run_id = story.start().run_id
    (message,) = watches(story)
    story.kept.messages.remove(message)
    story.kept.clock.skip(200)
    abandon(story.app, message.text)
    assert not find_run(story.app, run_id).is_final
    assert len(watches(story)) == 1
    story.work(timer=False)
    assert story.status(run_id)["status"] == "succeeded"


def test_timer_replaces_a_watch_message_that_was_lost_itself(story):
    story.people(5)
    run_id = story.start().run_id
    story.kept.messages.clear()
    story.kept.clock.skip(100)
    sweep(story.app)
    assert watches(story) == []
    story.kept.clock.skip(300)
    sweep(story.app)
    sweep(story.app)
    assert len(watches(story)) == 1
    story.work(timer=False)
    assert story.status(run_id)["status"] == "succeeded"


def test_slow_queue_is_not_taken_for_a_lost_instance(story):
    """The run's own message waits in the same queue, before the watch."""
    story.people(5)
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "confirming", run_id)
    run = find_run(story.app, run_id)
    story.app.store.update(run_id, lambda now: replace(now, watch_due=run.drive_by - 1))
    story.kept.clock.skip(1000)
    take_step(story.app, watches(story)[0].text)
    assert "driven_on" not in [event["kind"] for event in story.app.store.events(run_id)]


def test_watch_that_cannot_read_the_configuration_ends_nothing(story, caplog):
    story.people(5)
    run_id = story.start().run_id
    work_until(story, lambda run: run.state == "delivering", run_id)
    story.app.store.update(run_id, lambda run: replace(run, watch_due=0.0))
    story.config.write_text("{")
    take_step(story.app, watches(story)[0].text)
    assert find_run(story.app, run_id).state == "delivering"
    assert "is looked at again later" in caplog.text
    with pytest.raises(ConfigurationError):
        story.app.target("gold")


def test_unforeseen_error_of_a_watch_shows_its_place_alone(story, monkeypatch):
    story.people(5)
    run_id = story.start().run_id
    monkeypatch.setattr("shared.runs.watching.rearm", lambda *_: 1 / 0)
    with pytest.raises(UnforeseenError, match=r"step watch of run .*ZeroDivisionError"):
        take_step(story.app, json.dumps({"run": run_id, "step": "watch"}))


# Notices


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
        patch.setattr("shared.notifying.sending.send_notice", die)
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
    notice = next_notice(story)
    story.kept.notices.remove(notice)
    (watch,) = story.kept.notices
    drop_notice(story.app, watch.text)
    assert "notices" not in story.kept.tables
    drop_notice(story.app, notice.text)
    story.tell()
    assert there.received == []
    assert story.kept.notices == []


def test_break_of_storage_under_a_notices_watch_message_brings_it_back(told, there):
    story = told("teams")
    notice = next_notice(story)
    story.kept.notices.remove(notice)
    worker, _ = story.worker("outage", 1, reads=True)
    story.tell(worker)
    assert len(there.received) == 1
    assert not [error for error in story.errors if not isinstance(error, ExportError)]
