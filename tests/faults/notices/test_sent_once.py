"""A notice is sent once, whatever is doubled, breaks or dies."""

import json
import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from shared.notices import tell
from shared.notices.queue import NoticeMessage, enqueue
from shared.notices.tell import take_notice
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN
from shared.storage.failures import storage_failures
from shared.storage.tables import Row
from tests.faults.conftest import Story
from tests.faults.notices.received import FAILED, MISSING_LIST, row_states, titles
from tests.memory_line import Mode, WorkerDied
from tests.sizes import thinned

# Once


def test_doubled_messages_tell_nobody_twice(told, there):
    story = told({"type": "teams"}, {"type": "webhook"}, **MISSING_LIST)
    run_id = story.run()["run_id"]
    for name in ("teams", "webhook"):
        for _ in range(3):
            enqueue(story.app, NoticeMessage(run_id, name, "failed"))
    story.tell()
    assert len(there.received) == 2


@pytest.mark.parametrize("kind", ["teams", "webhook"])
def test_two_workers_at_once_post_once(told, there, kind):
    story = told({"type": kind}, **MISSING_LIST)
    run_id = story.run()["run_id"]
    text = json.dumps({"run": run_id, "notification": kind, "event": "failed"})
    # The second worker takes the message while the first one's post is at the receiver.
    there.during = lambda: take_notice(story.app, text)
    take_notice(story.app, text)
    there.during = lambda: None
    story.tell()
    assert titles(there) == [FAILED]


def test_many_workers_that_begin_at_the_same_moment_post_once(told, there):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    text = json.dumps({"run": run_id, "notification": "teams", "event": "failed"})
    threads = [threading.Thread(target=take_notice, args=(story.app, text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    story.tell()
    assert titles(there) == [FAILED]


def test_sweep_of_a_run_that_ended_tells_nobody_again(told, there):
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    story.tell()
    story.app.storage.runs.put(Row(OPEN, run_id, {"key_setting": story.account}))
    sweep(story.app)
    assert len(story.kept.notices) == 2  # the notice and its watch message
    story.tell()
    assert len(there.received) == 1


# Every write of a whole run and its telling is broken


def lived(story: Story, mode: Mode | None = None, at: int = 0) -> list[str]:
    """A run that fails and is told of, with one break after its start; the names of the writes."""
    worker, line = story.worker(mode, at)
    story.start()
    story.work(worker, hours=2)
    story.tell(story.app if line.dead else worker)
    return line.names


@pytest.mark.parametrize("kind", ["teams", "webhook"])
@pytest.mark.parametrize("mode", thinned(["dies", "outage", "echo"], 3))
def test_break_at_any_write_tells_once(told, there, mode, kind):
    names = lived(told({"type": kind}, **MISSING_LIST))
    assert {"queue send", "notices insert", "notices replace"} <= set(names)
    for at, name in enumerate(names, start=1):
        there.received.clear()
        story = told({"type": kind}, **MISSING_LIST)
        lived(story, mode, at)
        (run,) = story.runs()
        assert run.state == "failed", name
        assert story.left_behind() == [], name
        ids = Counter(each.headers.get("webhook-id") for each in there.received)
        # A webhook may come twice, under one id. What dies between claim and post is no write: see the next test.
        assert len(ids) == 1, (name, ids)
        assert kind == "webhook" or ids.total() == 1, (name, ids)
        assert row_states(story).total() == 1, name


def test_worker_that_dies_between_claim_and_post_leaves_teams_untold_and_a_webhook_late(told, there, monkeypatch):
    story = told({"type": "teams"}, {"type": "webhook"}, **MISSING_LIST)
    story.run()
    story.decide_who_is_told()

    def die(*_: Any) -> None:
        raise WorkerDied

    with monkeypatch.context() as patch:
        patch.setattr("shared.notices.sending.send_notice", die)
        for message in [each for each in story.kept.notices if "watch" not in each.text]:
            with pytest.raises(WorkerDied):
                take_notice(story.app, message.text)
    before = story.kept.clock.seconds()
    story.tell()
    assert [each.headers.get("webhook-id", "") != "" for each in there.received] == [True]
    assert story.kept.clock.seconds() - before >= story.app.graces.notice_claim
    assert row_states(story) == {"unknown": 1, "told": 1}


def test_claim_that_ends_while_a_worker_looks_lets_nobody_post_to_teams_again(told, there, monkeypatch):
    """Whoever had it may have posted, and could not write that down while storage was away."""
    story = told(**MISSING_LIST)
    run_id = story.run()["run_id"]
    text = json.dumps({"run": run_id, "notification": "teams", "event": "failed"})
    with monkeypatch.context() as patch:
        patch.setattr(tell, "_write", lambda *_: None)
        take_notice(story.app, text)
    change = tell.change_notice

    def late(app, message, wanted):
        story.kept.clock.skip(app.graces.notice_claim + 1)
        return change(app, message, wanted)

    with monkeypatch.context() as patch:
        patch.setattr(tell, "change_notice", late)
        take_notice(story.app, text)
    assert titles(there) == [FAILED]
    story.tell()
    assert row_states(story) == {"unknown": 1}
    assert titles(there) == [FAILED]


def test_storage_that_denies_access_for_a_while_only_delays_what_is_told(told, there, monkeypatch):
    """A role that was just given, or given back, may not count everywhere yet: no fault of the receiver's."""
    story = told(**MISSING_LIST)
    story.run()
    story.decide_who_is_told()
    denied, load = [None] * 3, tell.load_notice

    def now_and_then(app, message):
        if denied:
            denied.pop()
            with storage_failures("table notices"):
                raise HttpResponseError(response=SimpleNamespace(status_code=403, reason="", headers={}))
        return load(app, message)

    monkeypatch.setattr(tell, "load_notice", now_and_then)
    story.tell()
    assert (denied, titles(there), row_states(story)) == ([], [FAILED], {"told": 1})
