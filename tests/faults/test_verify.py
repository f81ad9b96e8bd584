"""A verification and a repair that break anywhere: the one has changed nothing, the other leaves the list right."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.administration.running import verify_export
from shared.errors import ExportError
from tests.faults.breaking import WorkerAt, calls_of
from tests.faults.conftest import Story
from tests.faults.members import ADMINISTRATOR, LIST, address, numbers, put_by_others, refresh, run
from tests.memory_line import WorkerDied
from tests.sizes import sampled, thinned

OTHERS = 20


def two_missing(story: Story) -> None:
    """Of six people two are not in the list any more, one is not in the segment, and others have put one there."""
    story.sandbox.reset()
    story.save(sync_mode="mirror", max_removed=1)
    put_by_others(story, [OTHERS])
    refresh(story, range(7))
    run(story)
    for n in (1, 2):
        story.sandbox.account.lists[LIST].members.pop(story.sandbox.account.contacts[address(n)].id)
    refresh(story, range(6))


def verify(story: Story, worker: Any, *, repair: bool) -> dict[str, Any]:
    """Where its start breaks after the run is written, the one who asked for it finds that one active."""
    try:
        verify_export(worker, ADMINISTRATOR, "gold", "http", repair=repair)
    except (WorkerDied, ExportError):
        try:
            verify_export(story.app, ADMINISTRATOR, "gold", "http", repair=repair)
        except ExportError as error:
            assert error.code == "run_active"
    story.work(worker)
    return story.status(story.runs()[0].run_id)


def broken(make_story: Callable[[], Story], worker_at: WorkerAt, points: range, repair: bool) -> list[str]:
    found = []
    assert points
    for at in points:
        story = make_story()
        two_missing(story)
        before = numbers(story)
        try:
            status = verify(story, worker_at(story, at), repair=repair)
            assert status["status"] == "succeeded", status["error"]
            if repair:
                assert numbers(story) == {*range(6), OTHERS}
            else:
                assert numbers(story) == before
                kinds = {"missing_in_list": 2, "surplus_ours": 1, "surplus_of_others": 1}
                assert status["list_differences"] == kinds
                reported = [row["reason"] for row in story.rejects(status["run_id"])]
                assert {kind: reported.count(kind) for kind in kinds} == kinds
            assert story.left_but_listed() == []
        except (AssertionError, ExportError) as error:
            found.append(f"point {at}: {str(error).splitlines()[0][:300]}")
    return found


@sampled(80, first=9)
@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize("mode", thinned(["dies", "outage", "echo"], 3))
def test_verification_that_breaks_at_any_write_is_as_one_that_does_not(make_story, mode, repair, some):
    calls = calls_of(lambda worker_at, points: broken(make_story, worker_at, points, repair))
    points = range(1, calls + 1)[some]
    assert broken(make_story, lambda story, at: story.worker(mode, at)[0], points, repair) == []
