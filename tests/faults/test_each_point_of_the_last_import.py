"""The last import, of contacts whose number another contact has, wherever a worker dies or storage breaks."""

from typing import Any

import pytest

from tests.faults.breaking import at_some_points, start, troubles
from tests.faults.conftest import Story

PEOPLE, SHARED = 24, 4  # two batches and the last one

# The calls before the first batch is confirmed are those of any run: test_each_point.py breaks them.
BEHIND_STAGING = 24


@pytest.fixture(autouse=True)
def _two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.brevo.body.LARGEST_BODY_BYTES", 1_200)


def with_shared_numbers(story: Story, worker: Any) -> None:
    """In each of the two batches are two whose number somebody else has."""
    numbers = {n: f"+4072212{n:04}" for n in range(0, PEOPLE, PEOPLE // SHARED)}
    story.sandbox.seed(
        contacts=[{"email": f"owner{n}@example.com", "attributes": {"SMS": phone}} for n, phone in numbers.items()]
    )
    rows = [f"C-{n},person{n:02}@example.com,{numbers.get(n, '')}\n" for n in range(PEOPLE)]
    story.segment(f"CustomerId,EMail,Telephone\n{''.join(rows)}")
    story.save(mapping={"email": "EMail", "phone": "Telephone"}, max_rejected=0.1)
    start(story, worker)


def check(story: Story, status: dict[str, Any]) -> None:
    assert (status["status"], status["notes"]) == ("succeeded", []), status["error"]
    assert story.sent() == {f"person{n:02}@example.com" for n in range(PEOPLE)}
    assert status["contacts_delivered"] == status["contacts_confirmed"] == PEOPLE
    assert status["warnings"] == {"brevo_duplicate_phone": SHARED}
    assert status["batches"] == 3
    assert story.imports() <= 3 + 1
    assert sorted(int(row["line"]) for row in story.rejects(status["run_id"])) == [2, 8, 14, 20]
    assert {row["outcome"] for row in story.rejects(status["run_id"])} == {"sent_without_value"}
    assert story.left_behind() == []
    assert story.kept.blob_names("staged") == []


def broken(make_story, mode, some, **how):
    return troubles(
        make_story,
        mode,
        None,
        check,
        lambda story: story.people(1),
        how=with_shared_numbers,
        only=slice(BEHIND_STAGING + some.start, None, some.step),
        **how,
    )


@at_some_points
def test_worker_that_dies_before_any_write_leaves_nobody_out(make_story, some):
    assert broken(make_story, "dies", some) == []


@at_some_points
def test_write_whose_answer_is_lost_and_that_is_made_again_sends_nobody_twice(make_story, some):
    assert broken(make_story, "echo", some) == []


@at_some_points
def test_storage_that_fails_at_any_write_leaves_nobody_out(make_story, some):
    assert broken(make_story, "outage", some) == []
