"""A run that is cancelled while its refresh is still being written: what comes of it later is not sent either."""

import json

import pytest

from shared.runs.starting import start_due
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.faults.conftest import CONTAINER, FOLDER, REFRESH, Story

FILE = "CustomerId,EMail,FirstName\nC-{0},late{0}@example.com,Late\n"


COLUMNS = [{"name": name} for name in ("CustomerId", "EMail", "FirstName")]
NEXT = REFRESH[:-4] + "2359"


@pytest.fixture
def story(make_story):
    """A story whose refresh must have been unchanged for two minutes."""
    return make_story(SNAPSHOT_QUIET_SECONDS="120")


def write(story: Story, name: str, data: str) -> None:
    story.app.storage.segment_blobs.write(CONTAINER, f"{FOLDER}/{name}", data.encode())


def file_comes(story: Story, number: int) -> None:
    write(story, f"Gold/{REFRESH}/Gold_{number}.csv", FILE.format(number))


def start(story: Story, how: str = "event") -> str:
    return (story.start_by_event()[0] if how == "event" else story.start()).run_id


def cancel(story: Story, run_id: str) -> None:
    request_cancel(story.app, find_run(story.app, run_id), "ana")


def ticks(story: Story) -> None:
    for _ in range(12):
        start_due(story.app)
        story.work(hours=1.0)
        story.kept.clock.skip(300.0)


@pytest.mark.parametrize("how", ["event", "on demand"])
def test_file_that_comes_after_the_cancel_starts_nothing(story, how):
    story.people(3)
    run_id = start(story, how)
    cancel(story, run_id)
    file_comes(story, 2)
    ticks(story)
    assert [each.run_id for each in story.start_by_event()] == [""]
    assert (story.status(run_id)["status"], story.imports()) == ("cancelled", 0)


def test_person_who_runs_it_all_the_same_sends_it_and_a_file_behind_that_is_sent_by_itself(story):
    story.people(3)
    cancel(story, start(story))
    file_comes(story, 2)
    assert story.run(skip_quiet=True)["status"] == "succeeded"
    assert "late2@example.com" in story.sent()
    file_comes(story, 3)
    ticks(story)
    assert "late3@example.com" in story.sent()


def test_file_that_model_json_lists_and_that_comes_after_the_cancel_starts_nothing(make_story):
    story = make_story()
    story.people(3)
    partitions = [{"location": f"Gold/{REFRESH}/Gold_{number}.csv"} for number in (1, 2)]
    table = {"name": "Gold", "attributes": COLUMNS, "partitions": partitions}
    write(story, "model.json", json.dumps({"entities": [table]}))
    run_id = start(story)
    story.work(hours=0.2)
    assert "lacks files that model.json lists: Gold_2.csv" in story.status(run_id)["waiting"]
    cancel(story, run_id)
    file_comes(story, 2)
    ticks(story)
    assert (story.status(run_id)["status"], story.imports()) == ("cancelled", 0)


def test_next_refresh_is_sent(story):
    story.people(3)
    cancel(story, start(story))
    write(story, f"Gold/{NEXT}/Gold_1.csv", FILE.format(4))
    ticks(story)
    assert story.sent() == {"late4@example.com"}


def test_cancel_waits_for_a_model_json_that_is_being_written(story):
    story.people(3)
    run_id = start(story)
    write(story, "model.json", '{"entities": [')
    cancel(story, run_id)
    assert not find_run(story.app, run_id).is_final
    write(story, "model.json", json.dumps({"entities": [{"name": "Gold", "attributes": COLUMNS}]}))
    ticks(story)
    assert (story.status(run_id)["status"], story.imports()) == ("cancelled", 0)
