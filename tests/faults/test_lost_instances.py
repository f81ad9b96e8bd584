"""A lost instance takes its queue message along for ten minutes; nothing waits for that, and no timer is needed.

Here the timer never ticks: whatever goes on does so by the watch messages of the runs and the notices.
"""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import TransientError
from shared.runs.claim import claimed_batch, claimed_run
from shared.runs.status import find_run
from shared.runs.steps.dispatch import take_step
from shared.runs.steps.stop import request_cancel
from shared.runs.store import OPEN
from tests.faults.conftest import Story
from tests.faults.losing import AT_MOST_SECONDS, take_away, watches, work_until
from tests.memory_line import WorkerDied
from tests.sizes import sampled


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
    left = [each for each in story.left_behind() if not each.startswith(f"{OPEN} ") or run_id in each]
    assert left == [], (at, reads)
    assert ended_at(story, run_id) - story.died_at <= AT_MOST_SECONDS, (at, reads, line.names[-3:])


@sampled(8)
@pytest.mark.parametrize("reads", [False, True], ids=["write", "read"])
def test_run_goes_on_within_six_minutes_wherever_its_instance_is_lost(make_story, some, reads):
    story = make_story()
    story.people(5)
    worker, line = story.worker(reads=reads)
    story.start(worker)
    story.work(worker, timer=False)
    for at in range(1, line.calls + 1)[some]:
        lose_at(make_story(), at, reads=reads)


@pytest.mark.parametrize("step", ["stage", "deliver", "confirm"])
def test_message_that_an_instance_takes_along_unread_is_replaced_within_six_minutes(story, step):
    wanted = story.people(5)
    run_id = story.start().run_id
    before = {"stage": "queued", "deliver": "delivering", "confirm": "confirming"}[step]
    work_until(story, lambda run: run.state == before, run_id)
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

    def die(*_: Any, **__: Any) -> None:
        raise WorkerDied

    with monkeypatch.context() as patch:
        patch.setattr("shared.brevo.client.BrevoClient.imports", die)
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
    story.app.store.update(run_id, lambda run: replace(run, stalled_after=run.stalled_after + 3600))
    work_until(story, lambda run: all(each.process_id for each in story.app.store.batches(run)), run_id)
    assert story.kept.clock.seconds() - lost_at <= AT_MOST_SECONDS
    assert story.imports() == 3
    assert run.counts.batches == 3


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
    before = find_run(story.app, run_id).stalled_after
    deliver = take_away(story, "deliver")

    def busy(*_: Any) -> None:
        raise TransientError("pace", "Brevo is asked again in an hour.", retry_after_seconds=3600)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.brevo.client.BrevoClient.import_contacts", busy)
        take_step(story.app, deliver)
    assert find_run(story.app, run_id).stalled_after == before


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
    with claimed_run(story.app, find_run(story.app, run_id), ""):
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
    with claimed_run(story.app, find_run(story.app, run_id), ""):
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
        with suppress(InterruptedError), claimed_run(story.app, find_run(story.app, run_id), ""):
            take_step(story.app, late)
            raise InterruptedError
        late = take_away(story, "stage")
    take_step(story.app, late)
    assert find_run(story.app, run_id).state == "delivering"
