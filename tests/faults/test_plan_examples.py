"""The few changed contacts that a held run keeps: there while it is held, gone with its end, whatever breaks."""

import pytest

from shared.errors import ConfigurationError, ExportError
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.staging.bodies import STAGED
from shared.staging.changed import read_changed
from tests.faults.breaking import planned_by, work_on
from tests.memory_line import WorkerDied
from tests.sizes import sampled

# Storage that fails just when a worker deletes what it has staged costs the examples: all of it is deleted later.
KEPT = {"dies": (3,), "echo": (3,), "outage": (0, 3)}


def planned(story, worker):
    """A plan that would change three people whom an earlier run has sent."""
    story.people(3)
    story.save(hold_hours=2, sync_mode="changes_only")
    story.start()
    story.work(story.app, hours=1)
    story.people(3, names="Other")
    return planned_by(story, worker)


def rejected(story, run_id, worker):
    for app in (worker, story.app):
        try:
            request_cancel(app, find_run(app, run_id), "ana")
            return
        except ConfigurationError:
            return  # it has ended already
        except (WorkerDied, ExportError):
            continue


def life(story, mode="", at=0):
    """How many examples the held plan had, what is staged behind its end, and how many calls it made."""
    worker, line = story.worker(mode or None, at)
    run_id = planned(story, worker)
    work_on(story, worker, line, 0.5)
    held = find_run(story.app, run_id)
    assert (held.is_held, held.counts.contacts_changed) == (True, 3), held.state
    kept = read_changed(story.app.storage.app_blobs, f"{run_id}/{held.rejected_id}")
    rejected(story, run_id, story.app if line.dead else worker)
    work_on(story, worker, line, 1.0)
    assert find_run(story.app, run_id).is_final
    return len(kept), [blob.name for blob in story.app.storage.app_blobs.listing(STAGED, "")], line.calls


@sampled(56)
@pytest.mark.parametrize("mode", KEPT)
def test_examples_are_kept_while_a_plan_is_held_and_gone_with_its_end_whatever_breaks(make_story, mode, some):
    *_, calls = life(make_story())
    found = []
    for at in range(1, calls + 1)[some]:
        story = make_story()
        story.sandbox.reset()
        kept, staged, _ = life(story, mode, at)
        found += [] if kept in KEPT[mode] and not staged else [f"{mode} at call {at}: {kept} kept, then {staged}"]
    assert found == []
