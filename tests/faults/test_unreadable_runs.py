"""A run of another export in the same list that this release cannot read: it may have sent, so nobody is taken out."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.access import Caller
from shared.administration.ledgers import reset_ledger
from shared.administration.running import undo_run
from shared.errors import ConfigurationError, PermanentError
from shared.runs.clearing import has_members
from shared.runs.run_ids import run_address
from shared.runs.starting import start_on_demand
from shared.runs.state import Run
from shared.runs.steps.stop import fail
from shared.runs.store import RunStore
from shared.storage.failures import DeniedError
from shared.storage.forms import FORM
from tests.faults.conftest import Story

ADMINISTRATOR = Caller("function key", "administrator")
UNREADABLE: dict[str, dict[str, Any]] = {"of another release": {FORM: 99}, "odd": {"times": "no JSON"}}


def people(story: Story, segment: str, *numbers: int) -> None:
    rows = "".join(f"C-{n},person{n}@example.com,Name\n" for n in numbers)
    story.segment(f"CustomerId,EMail,FirstName\n{rows}", segment)


def run_other(story: Story) -> str:
    run_id = start_on_demand(story.app, "other", "http", "tester").run_id
    story.work()
    assert story.status(run_id)["status"] == "succeeded"
    return run_id


def spoil(story: Story, run_id: str, change: dict[str, Any]) -> None:
    rows = story.kept.tables["runs"]
    values, etag = rows[run_address(run_id)]
    rows[run_address(run_id)] = ({**values, **change}, etag)


@pytest.fixture
def shared_list(story: Story) -> Story:
    """A mirror, and another export of the same list that has one of its people as well."""
    story.export |= {"sync_mode": "mirror", "max_removed": 1}
    other = {**story.export, "id": "other", "segments": ["Silver"], "sync_mode": "full"}
    document = {"connections": [story.connection], "exports": [story.export, other], "notifications": []}
    story.config.write_text(json.dumps(document))
    people(story, "Gold", 0, 1, 2)
    people(story, "Silver", 2, 3)
    return story


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
def test_mirror_takes_nobody_out_whom_that_run_may_have_sent(shared_list: Story, change: dict[str, Any]) -> None:
    story = shared_list
    run_id = run_other(story)
    assert story.run()["status"] == "succeeded"
    reset_ledger(story.app, ADMINISTRATOR, "other")
    del story.kept.tables["runs"]["other", "success"]
    spoil(story, run_id, change)
    people(story, "Gold", 0, 1)
    status = story.run(accept=True)
    assert (status["status"], status["contacts_to_remove"], len(story.sent())) == ("succeeded", 0, 4), status
    assert "Whom other has put into this list is not known" in " ".join(status["notes"])


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
def test_nothing_is_undone_behind_that_run(shared_list: Story, change: dict[str, Any]) -> None:
    story = shared_list
    done = story.run()["run_id"]
    later = run_other(story)
    spoil(story, later, change)
    with pytest.raises(ConfigurationError) as caught:
        undo_run(story.app, ADMINISTRATOR, done, "http")
    assert (caught.value.code, "other" in caught.value.message) == ("undo_impossible", True)
    assert "doctor" in caught.value.advice
    del story.kept.tables["runs"][run_address(later)]
    assert undo_run(story.app, ADMINISTRATOR, done, "http").run_id


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
def test_export_with_such_a_run_is_not_said_to_have_nobody_in_its_list(
    shared_list: Story, change: dict[str, Any]
) -> None:
    story = shared_list
    run_id = run_other(story)
    reset_ledger(story.app, ADMINISTRATOR, "other")
    del story.kept.tables["runs"]["other", "success"]
    spoil(story, run_id, change)
    with pytest.raises(ConfigurationError) as caught:
        has_members(story.app, story.app.ready_export("other"))
    assert caught.value.code == "clear_impossible"


@pytest.mark.parametrize("export", ["gold", "other"])
def test_run_that_was_cut_off_and_cannot_be_read_stops_no_other_run(shared_list: Story, export: str) -> None:
    """What it has written down of the list counts: it may have been sent."""
    story = shared_list
    assert story.run()["status"] == "succeeded"
    run_id = start_on_demand(story.app, export, "http", "tester").run_id

    def cut_off(_: str) -> None:
        if story.status(run_id)["status"] == "confirming":
            story.on_message = lambda _: None
            fail(story.app, run_id, PermanentError("stop", "It cannot go on.", "Stop it."))

    story.on_message = cut_off
    people(story, "Gold", 0, 1, 4)
    story.work()
    assert story.status(run_id)["status"] == "failed"
    spoil(story, run_id, UNREADABLE["odd"])
    people(story, "Gold", 0, 1)
    status = story.run(accept=True)
    assert status["status"] == "succeeded", status["error"]


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch, story: Story) -> Callable[[], list[float]]:
    """Lets storage deny access to the runs of an export for five minutes; when it has done so."""

    def begin() -> list[float]:
        every_run, clock, denied = RunStore.every_run, story.kept.clock, list[float]()

        def refused(store: RunStore, export: str) -> Iterator[Run]:
            if clock.seconds() - (denied or [clock.seconds()])[0] < 300:
                denied.append(clock.seconds())
                raise DeniedError("table runs", "AzureWebJobsStorage")
            return every_run(store, export)

        monkeypatch.setattr(RunStore, "every_run", refused)
        return denied

    return begin


def test_undo_waits_for_runs_that_storage_denies_access_to(shared_list: Story, deny: Callable[[], list[float]]) -> None:
    """Nothing follows from a denial for what those runs have done."""
    story = shared_list
    done = story.run()["run_id"]
    undo = undo_run(story.app, ADMINISTRATOR, done, "http").run_id
    denied = deny()
    story.work()
    assert len(denied) > 2
    status = story.status(undo)
    assert (status["status"], status["contacts_to_remove"]) == ("held", 3), status["error"]  # it would remove everybody


def test_mirror_waits_for_runs_that_storage_denies_access_to(
    shared_list: Story, deny: Callable[[], list[float]]
) -> None:
    story = shared_list
    assert story.run()["status"] == "succeeded"
    people(story, "Gold", 0, 1)
    denied = deny()
    status = story.run(accept=True)
    assert len(denied) > 2
    assert (status["status"], status["contacts_removed"], status["notes"]) == ("succeeded", 1, [])
