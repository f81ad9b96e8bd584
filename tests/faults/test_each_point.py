"""A worker dies, storage fails or an answer is lost at each point of a whole run, and the run still ends right.

Between two writes nothing is decided, so breaking before each write (and once before each read) covers every point.
"""

from typing import Any

import pytest

from shared.errors import ExportError
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN
from tests.faults.breaking import PEOPLE, at_some_points, start, troubles
from tests.faults.brevo_routes import IMPORT
from tests.faults.conftest import Story, check_failed
from tests.memory_line import WorkerDied
from tests.sizes import thinned

pytestmark = pytest.mark.usefixtures("three_batches")


def start_by_event(story: Story, worker: Any) -> None:
    """As `start`, but an event does it, and Event Grid delivers the event again."""
    try:
        story.start_by_event(worker)
    except (WorkerDied, ExportError):
        story.start_by_event()


def check_all_sent(story: Story, status: dict[str, Any]) -> None:
    assert status["status"] == "succeeded", (status["status"], status["error"])
    assert len(story.sent()) == PEOPLE == status["contacts_confirmed"]
    assert story.imports() <= 3 + 1
    assert status["batches"] == 3


def check_nothing_holds_the_next_run(story: Story, status: dict[str, Any]) -> None:
    check_all_sent(story, status)
    left = [text for text in story.left_behind() if not text.startswith(OPEN)]
    assert left == []
    assert story.start().is_new


@at_some_points
def test_worker_that_dies_before_any_write_loses_no_contact(make_story, some):
    assert troubles(make_story, "dies", some, check_nothing_holds_the_next_run) == []


@at_some_points
def test_write_whose_answer_is_lost_and_that_is_made_again_loses_no_contact(make_story, some):
    found = troubles(make_story, "echo", some, check_nothing_holds_the_next_run)
    assert [text for text in found if not text.startswith("echo at call 2:")] == []


def test_start_whose_answer_is_lost_and_that_is_made_again_starts_one_run_that_ends(make_story):
    check = check_nothing_holds_the_next_run
    assert troubles(make_story, "echo", None, check, only=slice(1, 2)) == []


@at_some_points
def test_storage_that_fails_at_any_write_loses_no_contact(make_story, some):
    assert troubles(make_story, "outage", some, check_nothing_holds_the_next_run, step=2) == []


@at_some_points
def test_storage_that_fails_at_any_read_loses_no_contact(make_story, some):
    assert troubles(make_story, "outage", some, check_nothing_holds_the_next_run, reads=True, step=4) == []


@pytest.mark.full
def test_event_run_whose_worker_dies_while_it_stages_still_sends_its_segment(make_story):
    only = slice(0, 24, 2)
    assert troubles(make_story, "dies", None, check_all_sent, how=start_by_event, only=only) == []


def check_no_body_left(story: Story, status: dict[str, Any]) -> None:
    assert story.kept.blob_names("staged") == []


@pytest.mark.full
def test_no_staged_body_is_left_wherever_the_ending_worker_dies(make_story):
    assert troubles(make_story, "dies", None, check_no_body_left, only=slice(-14, None)) == []


@pytest.mark.parametrize("half", thinned([0, 1], 2))
def test_no_staged_body_is_left_by_a_worker_that_dies_before_the_end(make_story, half):
    assert troubles(make_story, "dies", None, check_no_body_left, only=slice(5 * half, -14, 10)) == []


def test_start_that_dies_before_its_run_is_written_leaves_nothing_on_the_list_of_open_runs(make_story):
    def check(story: Story, status: dict[str, Any]) -> None:
        story.kept.clock.skip(25 * 3600)
        sweep(story.app)
        assert story.left_behind() == []

    assert troubles(make_story, "dies", None, check, lambda story: story.people(1), only=slice(1, 2)) == []


def failing_twice(story: Story, worker: Any) -> None:
    # `live` begins with a fresh sandbox, so the faults are told here.
    story.sandbox.fail_next(IMPORT, "import-failed", 3)
    start(story, worker)


@pytest.mark.full
def test_import_that_fails_twice_ends_the_run_wherever_the_worker_dies(make_story):
    def check(story: Story, status: dict[str, Any]) -> None:
        check_failed(status, "import_failed")

    assert (
        troubles(
            make_story,
            "dies",
            None,
            check,
            lambda story: story.people(10),
            how=failing_twice,
            only=slice(-16, None),
        )
        == []
    )


def with_many_refused(story: Story, worker: Any) -> None:
    story.people(PEOPLE)
    story.save(max_rejected=0.1)
    start(story, worker)


@pytest.mark.full
def test_guard_against_rejected_contacts_holds_wherever_the_worker_dies(make_story, monkeypatch):
    refused = {f"person{n}@example.com" for n in range(100)}
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: text not in refused)

    def check(story: Story, status: dict[str, Any]) -> None:
        check_failed(status, "guard_rejected_by_brevo")

    assert (
        troubles(
            make_story,
            "dies",
            None,
            check,
            lambda story: story.people(1),
            how=with_many_refused,
            only=slice(-16, None, 2),
        )
        == []
    )
