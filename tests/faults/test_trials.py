"""A trial is broken at each point: its customers are in its list and no other, and its export knows nothing of it."""

from contextlib import suppress
from typing import Any

import pytest

from shared.access import Caller
from shared.administration.running import start_trial
from shared.errors import ExportError
from shared.runs.steps.stop import request_cancel
from tests.faults.breaking import at_some_points, troubles
from tests.faults.conftest import Story
from tests.memory_line import WorkerDied

TRIALS = 99
FIRST = {f"person{n}@example.com" for n in range(4)}


@pytest.fixture(autouse=True)
def one_contact_in_each_body(monkeypatch):
    monkeypatch.setattr("shared.brevo.body.LARGEST_BODY_BYTES", 0)


def people(story: Story) -> None:
    story.people(12)


def begin(story: Story, worker: Any) -> None:
    """Starts a trial; where that breaks, the caller asks again, and may hear that it is active."""
    story.sandbox.seed(lists=[{"name": "Trials", "id": TRIALS}])
    caller = Caller("function key", "administrator")
    try:
        start_trial(worker, caller, story.export["id"], "http", TRIALS, customers=4)
    except (WorkerDied, ExportError):
        with suppress(ExportError):
            start_trial(story.app, caller, story.export["id"], "http", TRIALS, customers=4)


def check_export_knows_nothing(story: Story) -> None:
    assert story.sandbox.members(story.export["list_id"]) == {}
    own = {key for (partition, key) in story.app.storage.runs._rows if partition == story.export["id"]}
    assert {key for key in own if not key.startswith("run-")} == set()
    assert story.start().is_new


def check_sent(story: Story, status: dict[str, Any]) -> None:
    assert (status["status"], status["kind"]) == ("succeeded", "trial"), (status["status"], status["error"])
    assert set(story.sandbox.members(TRIALS)) == FIRST
    assert (status["rows_read"], status["contacts_confirmed"], status["batches"]) == (4, 4, 4)
    check_export_knows_nothing(story)


@at_some_points
def test_trial_whose_worker_dies_before_any_write_still_sends_its_customers(make_story, some):
    assert troubles(make_story, "dies", some, check_sent, people, how=begin) == []


@at_some_points
def test_trial_whose_storage_fails_at_any_write_still_sends_its_customers(make_story, some):
    assert troubles(make_story, "outage", some, check_sent, people, how=begin, step=2) == []


def test_trial_that_is_cancelled_at_any_message_leaves_nothing_behind(make_story):
    ends = []
    for at in range(1, 14, 2):
        story = make_story()
        people(story)
        begin(story, story.app)
        taken = []

        def cancel(text: str, story: Story = story, at: int = at, taken: list[str] = taken) -> None:
            taken.append(text)
            run = story.runs()[0]
            if len(taken) == at and not run.is_final:
                request_cancel(story.app, run, "tester")

        story.on_message = cancel
        story.work(hours=2)
        [run] = story.runs()
        ends.append(run.state)
        assert set(story.sandbox.members(TRIALS)) <= FIRST
        assert len(story.sandbox.members(TRIALS)) >= story.status(run.run_id)["contacts_confirmed"]
        check_export_knows_nothing(story)
    assert {"cancelled", "succeeded"} == set(ends), ends
