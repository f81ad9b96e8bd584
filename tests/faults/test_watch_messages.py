"""The watch message of an open run: one chain, few calls, and nothing done to a healthy run."""

import json
from dataclasses import replace

import pytest

from shared.errors import TransientError, UnforeseenError
from shared.runs.status import find_run
from shared.runs.steps.dispatch import abandon, take_step
from shared.runs.steps.sweep import sweep
from tests.faults.brevo_routes import IMPORT
from tests.faults.losing import watches, work_until


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


def test_watch_message_that_was_given_up_ends_nothing_and_is_sent_again(story):
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
    story.app.store.update(run_id, lambda now: replace(now, watch_due=run.stalled_after - 1))
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
    with pytest.raises(TransientError):
        story.app.ready_export("gold")


def test_unforeseen_error_of_a_watch_shows_its_place_alone(story, monkeypatch):
    story.people(5)
    run_id = story.start().run_id
    monkeypatch.setattr("shared.runs.steps.watch.rearm", lambda *_: 1 / 0)
    with pytest.raises(UnforeseenError, match=r"step watch of run .*ZeroDivisionError"):
        take_step(story.app, json.dumps({"run": run_id, "step": "watch"}))
