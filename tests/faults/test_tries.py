"""A snapshot whose run has failed is tried again; what people have decided is not."""

import json
from datetime import datetime

import pytest

from shared.errors import TransientError
from shared.operating.doctor.exports import export_findings
from shared.runs.starting import start_due, start_for_blob, start_run
from shared.runs.status import find_run
from shared.runs.steps import stop
from shared.runs.steps.dispatch import take_step
from shared.runs.steps.stop import request_cancel
from tests.faults.conftest import CONTAINER, FOLDER, REFRESH, Story, check_failed

MINUTE, HOUR = 60.0, 3600.0
WRONG_KEY = "wrong-key"


def tick(story: Story, hours: float = 12.0) -> str:
    """One turn of the timer, worked to its end: the run that it has started, or the reason why none."""
    [start] = start_due(story.app)
    if start.run_id:
        story.work(timer=False, hours=hours)
    return start.run_id or start.reason


def ticks(story: Story, hours: float) -> list[str]:
    """The timer every five minutes: the runs that it has started."""
    found = []
    for _ in range(int(hours * 12)):
        found.append(tick(story))
        story.kept.clock.skip(5 * MINUTE)
    return [each for each in found if each.startswith("gold-")]


def last_run(story: Story):
    found = export_findings(story.app, story.app.document(), set(), None)
    return next(each for each in found if each.check == "export gold, last run")


@pytest.mark.parametrize("schedule", ["with_refresh", {"cron": "0 0 1 1 *"}])
def test_timer_tries_three_times_more_with_growing_pauses_and_then_tells_people(story, monkeypatch, sandbox, schedule):
    monkeypatch.setenv(story.account, WRONG_KEY)
    people = story.people(3)
    story.save(schedule=schedule)
    if schedule != "with_refresh":
        story.app.store.note_due("gold", "2020-01-01T00:00Z")
    runs = ticks(story, 1 / 12)
    status = story.status(runs[0])
    assert "It is tried again by itself after" in check_failed(status, "brevo_key_refused")
    assert story.why().code == "waiting_for_retry"
    assert "It is tried again by itself after" in story.why().text
    runs += ticks(story, 12)
    assert len(runs) == 4
    times = [find_run(story.app, run_id).times for run_id in runs]
    ended = [story.app.store.load(run_id).times["failed"] for run_id in runs]
    pauses = [minutes(end, each["queued"]) for end, each in zip(ended, times[1:], strict=False)]
    assert [least <= pause <= least + 5 for least, pause in zip((15, 60, 240), pauses, strict=True)] == [True] * 3
    assert "has failed 4 times and is not tried again" in check_failed(story.status(runs[-1]), "brevo_key_refused")
    assert story.why().code == "given_up"
    found = last_run(story)
    assert (found.state, found.fix.rpartition("`")[0].rpartition("`")[2]) == ("FAILED", "segment-export run gold")
    assert runs[-1] in found.message
    assert "has failed 4 times and is not tried again" in found.fix

    monkeypatch.setenv(story.account, sandbox.api_key)
    assert story.run()["status"] == "succeeded"
    assert story.sent() == people
    assert last_run(story).state == "ok"
    assert ticks(story, 12) == []


def minutes(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds() / MINUTE


def test_try_that_succeeds_is_the_last_one(story, monkeypatch, sandbox):
    monkeypatch.setenv(story.account, WRONG_KEY)
    people = story.people(3)
    [first] = ticks(story, 0.2)
    monkeypatch.setenv(story.account, sandbox.api_key)
    [second] = ticks(story, 24)
    assert (story.status(first)["status"], story.status(second)["status"]) == ("failed", "succeeded")
    assert story.sent() == people
    assert story.why().code == "no_new_snapshot"


def test_event_tries_a_failed_snapshot_again_once_its_pause_is_over(story, monkeypatch, sandbox):
    monkeypatch.setenv(story.account, WRONG_KEY)
    people = story.people(3)
    [start] = story.start_by_event()
    story.work(timer=False)
    check_failed(story.status(start.run_id), "brevo_key_refused")
    monkeypatch.setenv(story.account, sandbox.api_key)
    [early] = story.start_by_event()
    assert not early.run_id
    assert early.reason.startswith("The last run failed: Brevo does not accept the API key")
    assert "Nothing was sent. It is tried again by itself after" in early.reason
    assert early.reason.endswith("To run it now: segment-export run gold")
    story.kept.clock.skip(16 * MINUTE)
    [again] = story.start_by_event()
    story.work(timer=False)
    assert story.status(again.run_id)["status"] == "succeeded"
    assert story.sent() == people


def test_newer_refresh_does_not_wait_for_the_pause_of_the_older_one(story, monkeypatch, sandbox):
    monkeypatch.setenv(story.account, WRONG_KEY)
    story.people(3)
    tick(story)
    monkeypatch.setenv(story.account, sandbox.api_key)
    newer = story.people(4)
    assert story.status(tick(story))["status"] == "succeeded"
    assert story.sent() == newer
    assert ticks(story, 12) == []


def test_run_that_a_person_starts_of_a_new_snapshot_and_that_fails_is_tried_again(story, monkeypatch, sandbox):
    monkeypatch.setenv(story.account, WRONG_KEY)
    people = story.people(3)
    check_failed(story.run(), "brevo_key_refused")
    monkeypatch.setenv(story.account, sandbox.api_key)
    assert len(ticks(story, 12)) == 1
    assert story.sent() == people


def test_run_that_a_person_starts_of_a_snapshot_that_was_sent_is_not_tried_again(story, monkeypatch):
    story.people(3)
    assert story.run()["status"] == "succeeded"
    monkeypatch.setenv(story.account, WRONG_KEY)
    check_failed(story.run(), "brevo_key_refused")
    assert ticks(story, 12) == []


def test_guard_stop_waits_for_a_person(story):
    story.people(3)
    story.save(max_profiles=2)
    status = story.status(tick(story, hours=1))
    assert (status["status"], status["held_for"]["code"]) == ("held", "guard_max_profiles")
    assert ticks(story, 12) == []
    assert story.why().code == "held"


def test_export_that_is_pointed_elsewhere_in_mid_run_is_not_tried_again(story):
    story.people(3)
    [start] = start_due(story.app)
    story.on_message = lambda text: story.save(list_id=13) if '"deliver"' in text else None
    story.work(timer=False)
    check_failed(story.status(start.run_id), "export_changed")
    assert ticks(story, 12) == []


def test_two_ticks_at_once_start_one_try(story, monkeypatch):
    monkeypatch.setenv(story.account, WRONG_KEY)
    story.people(3)
    tick(story)
    story.kept.clock.skip(16 * MINUTE)
    snapshot = story.app.store.started("gold").snapshot
    one, other = story.app, story.app
    [start] = start_due(one)
    story.work(timer=False)
    check_failed(story.status(start.run_id), "brevo_key_refused")
    # The other tick has read what was true before the first one began.
    ready = other.ready_export("gold")
    assert start_run(other, ready, "timer", "timer", snapshot=snapshot).reason == "This was started before."
    assert len(story.runs()) == 2


# An unreadable configuration


@pytest.mark.parametrize("step", ["stage", "deliver", "confirm", "watch"])
def test_typo_in_the_configuration_in_mid_run_ends_no_run(story, three_batches, step):
    people = story.people(600)
    waited = []
    broken_at = 0.0

    def break_and_correct(text: str) -> None:
        nonlocal broken_at
        now = story.kept.clock.seconds()
        if not broken_at and json.loads(text)["step"] == step:
            broken_at = now
            story.config.write_text('{"exports": [,]}')
        elif broken_at and now > broken_at + 3 * HOUR:
            story.save()
        elif broken_at:
            waited.append(story.runs()[0].waiting)

    story.on_message = break_and_correct
    [start] = start_due(story.app)
    story.work(hours=24, timer=step == "watch")
    assert story.status(start.run_id)["status"] == "succeeded", story.status(start.run_id)["error"]
    assert story.sent() == people
    assert step == "watch" or any("is not JSON" in each for each in waited)


def test_configuration_that_is_not_there_is_waited_for_too(story):
    people = story.people(3)
    run_id = story.start().run_id
    story.config.unlink()
    take_step(story.app, story.app.storage.queue.receive(30).text)
    assert "There is no configuration at" in find_run(story.app, run_id).waiting
    story.save()
    story.kept.clock.skip(HOUR)
    story.work()
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == people


# A model.json that is half there

_COLUMNS = [{"name": name} for name in ("CustomerId", "EMail", "FirstName")]
_PARTITION = {"location": f"{FOLDER}/Gold/{REFRESH}/Gold_1.csv", "fileFormatSettings": {"columnHeaders": True}}
WHOLE = json.dumps({"entities": [{"name": "Gold", "attributes": _COLUMNS, "partitions": [_PARTITION]}]})


def write_model_json(story: Story, text: str) -> None:
    story.app.storage.segment_blobs.write(CONTAINER, f"{FOLDER}/model.json", text.encode())


def test_half_written_model_json_is_waited_for_until_it_has_rested(make_story):
    story = make_story(SNAPSHOT_QUIET_SECONDS="120")
    people = story.people(3)
    run_id = story.start().run_id
    story.kept.clock.skip(HOUR)
    write_model_json(story, WHOLE[:40])
    take_step(story.app, story.app.storage.queue.receive(30).text)
    assert "model.json cannot be read as a Common Data Model" in find_run(story.app, run_id).waiting
    story.kept.clock.skip(30)
    write_model_json(story, WHOLE)
    story.work()
    assert story.status(run_id)["status"] == "succeeded"
    assert story.sent() == people


def test_run_that_a_broken_model_json_has_failed_is_tried_again(make_story):
    story = make_story(SNAPSHOT_QUIET_SECONDS="120")
    people = story.people(3)
    story.kept.clock.skip(HOUR)
    [start] = start_due(story.app)
    write_model_json(story, WHOLE[:40])
    story.work(timer=False)
    check_failed(story.status(start.run_id), "model_json_invalid")
    write_model_json(story, WHOLE)
    [again] = ticks(story, 12)
    assert story.status(again)["status"] == "succeeded"
    assert story.sent() == people


# A cancelled run


@pytest.fixture(params=["event", "on demand", "timer"])
def queued(story, request):
    """A story whose run is queued, with the run's id."""
    story.people(3)
    if request.param == "event":
        [start] = story.start_by_event()
    elif request.param == "timer":
        [start] = start_due(story.app)
    else:
        start = story.start()
    return story, start.run_id


def ask_to_cancel(story: Story, run_id: str) -> None:
    request_cancel(story.app, find_run(story.app, run_id), "ana")


def check_settled(story: Story, run_id: str) -> None:
    """The run is cancelled, nothing starts its snapshot again, and a newer one is sent."""
    assert story.status(run_id)["status"] == "cancelled"
    assert ticks(story, 12) == []
    assert [start.run_id for start in story.start_by_event()] == [""]
    assert story.imports() == 0
    newer = story.people(5)
    assert story.status(tick(story))["status"] == "succeeded"
    assert story.sent() == newer


def test_snapshot_of_a_run_that_is_cancelled_while_it_is_queued_is_not_started_again(queued):
    story, run_id = queued
    ask_to_cancel(story, run_id)
    check_settled(story, run_id)


def test_refresh_that_had_come_before_the_cancel_is_settled_with_it(queued):
    story, run_id = queued
    story.people(4)
    ask_to_cancel(story, run_id)
    check_settled(story, run_id)


def test_cancel_holds_where_the_segments_cannot_be_read_at_that_time(queued, monkeypatch):
    story, run_id = queued
    away_until = story.kept.clock.seconds() + 2 * HOUR
    real = stop.own_snapshot

    def away(*arguments):
        if story.kept.clock.seconds() < away_until:
            raise TransientError("storage_unreachable", "Storage did not answer for container segments.")
        return real(*arguments)

    monkeypatch.setattr(stop, "own_snapshot", away)
    ask_to_cancel(story, run_id)
    assert not find_run(story.app, run_id).is_final
    story.work()
    check_settled(story, run_id)


def test_cancel_holds_where_there_is_no_snapshot_any_more(queued):
    story, run_id = queued
    blobs = story.app.storage.segment_blobs
    blobs.delete_below(CONTAINER, FOLDER)
    ask_to_cancel(story, run_id)
    assert story.status(run_id)["status"] == "cancelled"
    assert ticks(story, 1) == []


def test_refresh_that_comes_while_a_run_is_sent_outlives_the_cancel_of_that_run(story, three_batches):
    story.people(600)
    [start] = start_due(story.app)
    while find_run(story.app, start.run_id).state != "delivering":
        message = story.app.storage.queue.receive(30)
        take_step(story.app, message.text)
        story.app.storage.queue.delete(message)
    newer = story.people(4)
    ask_to_cancel(story, start.run_id)
    story.work(timer=False)
    assert story.status(start.run_id)["status"] == "cancelled"
    assert story.status(tick(story))["status"] == "succeeded"
    assert newer <= story.sent()


def test_events_of_a_cancelled_snapshot_start_nothing(queued):
    story, run_id = queued
    ask_to_cancel(story, run_id)
    [start] = start_for_blob(story.app, story.subject)
    assert start.reason == (
        "The last run ended early: Cancelled by ana. Nothing was sent. A newer snapshot starts the next run. "
        "To run it now: segment-export run gold"
    )
