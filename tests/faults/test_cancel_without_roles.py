"""A person cancels a run from a terminal whose identity may change tables, and no more: the app does the rest."""

from dataclasses import replace
from typing import Any

import pytest

from shared.runs.starting import start_due, start_run
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.store import RunStore
from shared.storage.failures import DeniedError
from tests.faults.conftest import Story, Worker


class Denied:
    """Blobs that this identity may read, or not even that."""

    def __init__(self, blobs: Any, *, reads: bool) -> None:
        self._blobs, self._reads = blobs, reads

    def __getattr__(self, name: str) -> Any:
        is_read = name in ("listing", "listing_if_there", "level", "folders", "files", "read", "read_new", "chunks")
        if is_read and self._reads:
            return getattr(self._blobs, name)

        def denied(container: str, *_: Any, **__: Any) -> Any:
            raise DeniedError(f"container {container}", "AzureWebJobsStorage")

        return denied


def terminal(story: Story, *, segments: bool) -> Worker:
    storage = story.app.storage
    segment_blobs: Any = Denied(storage.segment_blobs, reads=segments)
    app_blobs: Any = Denied(storage.app_blobs, reads=True)
    storage = replace(storage, app_blobs=app_blobs, segment_blobs=segment_blobs)
    return Worker(story.settings, storage, RunStore(storage))


@pytest.fixture
def story(make_story):
    made = make_story()
    made.people(4)
    made.save()
    return made


@pytest.mark.parametrize("segments", [True, False])
def test_snapshot_of_a_run_that_was_cancelled_while_it_was_queued_starts_no_other(story, segments):
    run_id = story.start().run_id
    app = terminal(story, segments=segments)
    request_cancel(app, find_run(app, run_id), "ana")
    story.work()
    assert story.status(run_id)["status"] == "cancelled"
    story.kept.clock.skip(600)
    assert not any(start.is_new for start in start_due(story.app))
    assert (story.imports(), story.left_behind()) == (0, [])


def test_run_that_ends_by_it_is_cancelled_and_what_it_has_staged_goes_later(story):
    """The answer says so: it was an error about a container, after the run had ended."""
    run_id = story.start().run_id
    app = terminal(story, segments=True)
    app.storage.app_blobs._blobs.write("staged", f"{run_id}/x/00001.json", b"{}")
    cancelled = request_cancel(app, find_run(app, run_id), "ana")
    assert cancelled.state == "cancelled"
    story.work()
    assert story.left_behind() == []


def test_run_that_is_started_beside_a_held_one_takes_its_place_and_what_that_has_staged_goes_later(story):
    """Without the role that deletes, ending the held run was an error about a container, and nothing was started."""
    held = start_run(story.app, story.app.ready_export(story.export["id"]), "http", "ana", kind="plan").run_id
    story.work()
    assert story.status(held)["status"] == "held"
    app = terminal(story, segments=True)
    app.storage.app_blobs._blobs.write("staged", f"{held}/x/00001.json", b"{}")
    started = start_run(app, app.ready_export(story.export["id"]), "terminal", "ana")
    assert started.is_new
    story.work()
    assert (story.status(held)["status"], story.status(started.run_id)["status"]) == ("cancelled", "succeeded")
    assert story.left_behind() == []
