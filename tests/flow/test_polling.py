"""How often and when a run polls Brevo for the end of its imports."""

import json
import time
from dataclasses import replace

import pytest

from shared.brevo import body
from shared.brevo.client import BrevoClient
from shared.brevo.polling import OpenImport, learn, seconds_per_contact
from shared.runs.queue import Message, rest_until_due, schedule_confirm
from shared.runs.status import find_run
from shared.runs.steps.dispatch import take_step
from tests.flow.gold_file import TWO, many


@pytest.mark.full
@pytest.mark.usefixtures("azurite")  # in real time, over a queue that counts whole seconds
def test_waits_between_imports_that_take_a_moment_are_not_rounded_to_whole_seconds(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
    flow.segment(many(1_000))
    assert flow.run()["status"] == "succeeded"
    posts, looks = (
        [entry.at for entry in flow.sandbox.log.entries(route)] for route in ("POST /contacts/import", "GET /processes")
    )
    assert len(posts) == len(looks) > 3
    # The wait learned by then, and not the second that the queue would make of it, or none.
    assert 0.4 < min(look - post for post, look in zip(posts, looks, strict=True)) < 0.95


@pytest.mark.usefixtures("azurite")  # in real time, over a queue that counts whole seconds
def test_message_that_wants_to_rest_for_ever_rests_a_second(flow):
    begun = time.monotonic()
    assert rest_until_due(flow.app, Message("gold-20261124T050000-abcdef", "confirm", due=1e300))
    assert 0.9 < time.monotonic() - begun < 60
    assert not rest_until_due(flow.app, Message("gold-20261124T050000-abcdef", "confirm", due=1.0))


def test_confirm_message_that_grew_stale_while_it_rested_looks_at_nothing(flow, monkeypatch):
    flow.sandbox.fail_next("POST /contacts/import", "import-stuck")
    flow.segment(TWO)
    started = flow.start()
    flow.work_until(lambda: find_run(flow.app, started.run_id).state == "confirming")
    run = find_run(flow.app, started.run_id)
    looks = flow.sandbox.log.count("GET /processes")
    told = {"run": run.run_id, "step": "confirm", "number": run.confirm_number, "due": flow.app.now() + 0.6}
    rests: list[float] = []

    def overtaken(seconds: float) -> None:
        rests.append(seconds)
        schedule_confirm(flow.app, run.run_id, 60)

    monkeypatch.setattr(flow.app.storage.clock, "sleep", overtaken)
    take_step(flow.app, json.dumps(told))
    assert len(rests) == 1
    assert flow.sandbox.log.count("GET /processes") == looks


def test_how_long_brevo_takes_is_learned_from_large_imports_and_once_a_look(flow):
    def learned(contacts, seconds, polls):
        learn(flow.app.pace(flow.account).rows, OpenImport(0.5 + seconds, contacts), polls)
        return round(seconds_per_contact(flow.app.pace(flow.account).rows) * 10_000, 1)

    assert learned(10_000, 60.0, polls=3) == 60.0  # it took more than a look: known
    assert learned(10_000, 60.0, polls=1) == 51.0  # done already: perhaps long before
    assert learned(10_000, 20.0, polls=1) == 20.0
    assert learned(4_999, 20.0, polls=5) == 20.0  # small ones say nothing, neither of slowness
    assert learned(10, 0.1, polls=1) == 20.0  # nor of speed
    assert learned(5_000, 15.0, polls=2) == 30.0

    flow.change_connection(imports_at_once=4)
    flow.segment(many(1_000))
    before = seconds_per_contact(flow.app.pace(flow.account).rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body, "LARGEST_BODY_BYTES", 20_000)
        learnings = []
        patch.setattr("shared.runs.steps.confirm.learn", lambda *learned: learnings.append(learned))
        assert flow.run()["status"] == "succeeded"
    assert before == seconds_per_contact(flow.app.pace(flow.account).rows)
    assert len(learnings) == flow.sandbox.log.count("GET /processes") < len(flow.sandbox.imports.records())


def test_look_that_is_overtaken_by_another_changes_nothing(flow, monkeypatch):
    flow.segment(many(5))
    started = flow.start()
    real = BrevoClient.imports
    looks = []

    def processes(self, wanted, **how):
        found = real(self, wanted, **how)
        looks.append(found)
        if len(looks) > 1:
            return found
        run = find_run(flow.app, started.run_id)
        take_step(flow.app, json.dumps({"run": run.run_id, "step": "confirm", "number": run.confirm_number}))
        return replace(found, wanted={number: replace(each, state="failed") for number, each in found.wanted.items()})

    monkeypatch.setattr(BrevoClient, "imports", processes)
    flow.sandbox.change(seconds_fixed=0.0)
    status = flow.finish(started.run_id, seconds=30)
    assert status["status"] == "succeeded"
    assert [each.state for look in looks for each in look.wanted.values()] == ["completed"] * 2
    (batch,) = flow.app.store.batches(find_run(flow.app, started.run_id))
    assert (batch.state, batch.sent_again) == ("confirmed", 0)


def test_run_without_call_backs_needs_hardly_more_looks_than_imports(flow, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 18_000)
    flow.segment(many(8 * 256))
    status = flow.finish(flow.start().run_id, seconds=60)
    assert (status["status"], status["batches"]) == ("succeeded", 8)
    assert flow.sandbox.log.count("GET /processes") <= 10
