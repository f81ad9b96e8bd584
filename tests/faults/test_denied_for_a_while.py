"""Storage refuses the app's identity for a while: a role that does not count yet, or a firewall that was changed."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from shared.errors import ExportError, PermanentError
from shared.runs.steps.dispatch import DENIED_SECONDS
from shared.runs.steps.stop import fail
from shared.storage.failures import DeniedError, UnreachableError
from tests.faults.conftest import CONTAINER, Story
from tests.memory_line import Line

MINUTE = 60.0
# At each of them a run is at another of its steps.
CALLS = (f"{CONTAINER} listing", f"{CONTAINER} read", "staged write", "staged read", "ledgers listing", "staged delete")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch, story: Story) -> Callable[..., list[float]]:
    """Makes storage refuse the calls of this name for so long since the first of them; when it has done so."""

    def refuse(name: str, seconds: float, error: Exception | None = None) -> list[float]:
        call, clock, refused = Line.call, story.kept.clock, list[float]()

        def refusing_call(line: Line, called: str, act: Callable[[], Any]) -> Any:
            now = clock.seconds()
            if called == name and now - (refused[0] if refused else now) < seconds:
                refused.append(now)
                raise error or DeniedError(f"container {name.split()[0]}", "AzureWebJobsStorage")
            return call(line, called, act)

        monkeypatch.setattr(Line, "call", refusing_call)
        return refused

    return refuse


@pytest.mark.parametrize("name", CALLS)
def test_run_goes_on_once_storage_lets_it(story: Story, refusing: Callable[..., list[float]], name: str) -> None:
    people = story.people(4)
    run_id = story.start().run_id
    refused = refusing(name, 5 * MINUTE)
    story.work()
    assert len(refused) > 2, name
    assert story.status(run_id)["status"] == "succeeded"
    assert (story.sent(), story.left_behind()) == (people, [])


@pytest.mark.parametrize("name", [f"{CONTAINER} read", "staged read"])
def test_run_that_stays_refused_fails_within_half_an_hour(
    story: Story, refusing: Callable[..., list[float]], name: str
) -> None:
    story.people(4)
    run_id = story.start().run_id
    refused = refusing(name, 24 * 60 * MINUTE)
    story.work()
    status = story.status(run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "storage_denied")
    assert DENIED_SECONDS <= refused[-1] - refused[0] <= 30 * MINUTE


@pytest.mark.parametrize("error", [DeniedError("container staged", "X"), UnreachableError("container staged")])
def test_rejection_is_not_lost_where_the_body_cannot_be_read_for_a_while(
    story: Story, refusing: Callable[..., list[float]], error: Exception
) -> None:
    """After three tries the report counted as unreadable, and who was rejected as not known."""
    story.sandbox.seed(contacts=[{"email": "owner@example.com", "attributes": {"SMS": "+40722123456"}}])
    story.segment("CustomerId,EMail,Telephone\nC-0,ana@example.com,\nC-1,ion@example.com,+40722123456\n")
    story.save(mapping={"email": "EMail", "phone": "Telephone"})
    refused: list[list[float]] = []

    def refuse_what_is_read_for_a_report(text: str) -> None:
        if '"confirm"' in text and not refused:
            refused.append(refusing("staged read", 5 * MINUTE, error))

    story.on_message = refuse_what_is_read_for_a_report
    status = story.run()
    assert len(refused[0]) > 3
    assert (status["status"], status["warnings"], status["notes"]) == ("succeeded", {"brevo_duplicate_phone": 1}, [])
    assert [row["customer_id"] for row in story.rejects(status["run_id"])] == ["C-1"]


def test_failure_before_a_long_wait_counts_no_more_behind_it(
    make_story: Callable[..., Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run waits while its segment is being written; a failure at either end of that is the first one each time."""
    story = make_story(SNAPSHOT_QUIET_SECONDS="600")
    call, clock, failures = Line.call, story.kept.clock, list[float]()
    people = story.people(3)
    begun = clock.seconds()

    def failing_call(line: Line, name: str, act: Callable[[], Any]) -> Any:
        hours = (clock.seconds() - begun) / 3600
        if name == f"{CONTAINER} listing" and hours >= (0, 7, 24)[len(failures)]:
            failures.append(hours)
            raise UnreachableError("container segments")
        return call(line, name, act)

    def write_on(text: str) -> None:
        if clock.seconds() < begun + 7 * 3600:
            story.people(3)

    monkeypatch.setattr(Line, "call", failing_call)
    story.on_message = write_on
    status = story.run()
    assert len(failures) == 2
    assert (status["status"], story.sent()) == ("succeeded", people), status["error"]


@pytest.mark.parametrize("name", ["staged delete", "ledgers listing"])
def test_end_of_a_run_is_news_though_what_it_leaves_cannot_be_cleared(
    story: Story, refusing: Callable[..., list[float]], name: str
) -> None:
    story.people(4)
    run_id = story.start().run_id
    story.on_message = lambda _: None if story.status(run_id)["status"] != "confirming" else request_stop(story, run_id)

    def request_stop(story: Story, run_id: str) -> None:
        story.on_message = lambda _: None
        refusing(name, 24 * 60 * MINUTE)
        with suppress(ExportError):
            fail(story.app, run_id, PermanentError("stop", "It cannot go on.", "Stop it."))

    story.work(hours=1)
    assert story.status(run_id)["status"] == "failed"
    assert [each for each in story.kept.notices if run_id in each.text]


def test_denial_behind_another_outage_is_waited_for_as_long(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage that comes back after an hour denies access for a moment: that moment is not an hour of denial."""
    people = story.people(4)
    call, clock, failures = Line.call, story.kept.clock, list[type[Exception]]()
    begun = clock.seconds()

    def failing_call(line: Line, name: str, act: Callable[[], Any]) -> Any:
        minutes = (clock.seconds() - begun) / MINUTE
        if name == f"{CONTAINER} listing" and minutes < 65:
            error = UnreachableError("container x") if minutes < 60 else DeniedError("container x", "SEGMENT_STORAGE")
            failures.append(type(error))
            raise error
        return call(line, name, act)

    monkeypatch.setattr(Line, "call", failing_call)
    status = story.run()
    assert {UnreachableError, DeniedError} == set(failures)
    assert (status["status"], story.sent()) == ("succeeded", people), status["error"]
