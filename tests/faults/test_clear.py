"""A clear that breaks anywhere: all whom the export has put into the list are out, nobody else, and the export ends."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from shared.administration.ending import take_members_out
from shared.errors import ExportError
from shared.runs.holding import approve
from shared.runs.status import find_run
from tests.faults.breaking import WorkerAt, calls_of, dying_at_brevo
from tests.faults.conftest import Story
from tests.faults.members import ADMINISTRATOR, numbers, put_by_others, refresh, run
from tests.memory_line import WorkerDied
from tests.sizes import in_parts, sampled, thinned


def begin(story: Story, worker: Any = None) -> Any:
    """The start of the clear; None where nobody is left."""
    return take_members_out(worker or story.app, ADMINISTRATOR, "remove_export", story.export["id"], "http")


def clear(story: Story, worker: Any) -> dict[str, Any]:
    """The clear, approved where it is held; where its start breaks, the one who asked for it asks again."""
    try:
        started = begin(story, worker)
    except (WorkerDied, ExportError):
        started = begin(story)
    story.work(worker)
    if (held := find_run(story.app, started.run_id)).is_held:
        try:
            approve(worker, held, "tester")
        except (WorkerDied, ExportError):
            if find_run(story.app, started.run_id).is_held:
                approve(story.app, held, "tester")
        story.work(worker)
    return story.status(started.run_id)


def broken(make_story: Callable[[], Story], break_at: WorkerAt, points: range) -> list[str]:
    """Breaks a clear at each of these points; what was not right, point by point."""
    found = []
    for at in points:
        story = make_story()
        story.sandbox.reset()
        story.save(sync_mode="changes_only", max_removed=1)
        put_by_others(story, [20, 21])
        refresh(story, range(8))
        run(story)
        try:
            cleared = clear(story, break_at(story, at))
            assert cleared["status"] == "succeeded", cleared["error"]
            assert numbers(story) == {20, 21}
            assert (cleared["contacts_to_remove"], cleared["contacts_removed"]) == (8, 8)
            assert begin(story) is None, "nobody is left"
            assert story.left_but_listed() == []
            assert [name.rpartition("/")[2] for name in story.kept.blob_names("ledgers")] == ["ledger.parquet"]
        except (AssertionError, ExportError) as error:
            found.append(f"point {at}: {str(error).splitlines()[0][:300]}")
    return found


@sampled(200, parts=8, first=12)
@pytest.mark.parametrize("mode", thinned(["dies", "outage", "echo"], 3))
def test_clear_that_breaks_at_any_write_is_as_one_that_does_not(make_story, mode, some):
    points = range(1, calls_of(partial(broken, make_story)) + 1)[some]
    assert broken(make_story, lambda story, at: story.worker(mode, at)[0], points) == []


@in_parts(4)
def test_clear_that_breaks_at_any_read_is_as_one_that_does_not(make_story, some):
    points = range(1, calls_of(partial(broken, make_story), reads=True) + 1)[some]
    assert broken(make_story, lambda story, at: story.worker("outage", at, reads=True)[0], points) == []


@in_parts(2)
@pytest.mark.parametrize("when", ["before", "after"])
def test_clear_whose_worker_dies_at_any_call_to_brevo_is_as_one_that_does_not(make_story, monkeypatch, when, some):
    assert broken(make_story, dying_at_brevo(monkeypatch, when), range(1, 16)[some]) == []
