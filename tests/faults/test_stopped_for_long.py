"""An app that was stopped for hours or days in the middle of a run: its imports went on at Brevo without it."""

import pytest

from tests.faults.conftest import Story, check_failed
from tests.memory_line import WorkerDied

PROCESSES = "GET /processes"


@pytest.fixture
def stopped(story: Story) -> Story:
    """A run whose import Brevo has taken; then the app stops."""
    story.people(5)
    story.connection["import_deadline_hours"] = 1
    story.save()
    story.start()

    def stop(text: str) -> None:
        if '"confirm"' in text:
            raise WorkerDied

    with pytest.MonkeyPatch.context() as patch, pytest.raises(WorkerDied):
        patch.setattr(story, "on_message", stop)
        story.work()
    story.sandbox.imports.wait_until_idle(60)
    return story


@pytest.mark.parametrize("kind", ["500", "429-bare"])
def test_import_that_has_ended_meanwhile_counts_though_the_first_poll_fails(stopped, kind):
    stopped.kept.clock.skip(7 * 3600)
    stopped.sandbox.fail_next(PROCESSES, kind, 4)
    stopped.work()
    (run,) = stopped.runs()
    status = stopped.status(run.run_id)
    assert (status["status"], status["contacts_confirmed"]) == ("succeeded", 5), status["error"]


def test_polls_that_go_on_to_fail_end_the_run(stopped):
    stopped.kept.clock.skip(7 * 3600)
    stopped.sandbox.fail_next(PROCESSES, "500", 10_000)
    stopped.work(hours=1)
    (run,) = stopped.runs()
    check_failed(stopped.status(run.run_id), "import_overdue")


def test_run_whose_imports_have_all_ended_by_then_has_not_sent_for_too_long(stopped):
    stopped.kept.clock.skip(9 * 24 * 3600)
    stopped.work()
    (run,) = stopped.runs()
    status = stopped.status(run.run_id)
    assert (status["status"], status["contacts_confirmed"]) == ("succeeded", 5), status["error"]
