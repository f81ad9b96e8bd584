"""An app that was stopped for hours or days in the middle of a run: its imports went on at Brevo without it."""

import pytest

from shared.brevo.client import BrevoClient
from shared.errors import TransientError
from shared.runs.status import find_run
from shared.runs.steps import end
from shared.storage.failures import DeniedError
from tests.faults.conftest import Story, check_failed
from tests.faults.following import Following
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


@pytest.mark.parametrize("error", [TransientError("brevo_failing", "It is away."), DeniedError("container x", "X")])
def test_one_failure_before_a_stop_of_the_app_and_one_behind_it_end_no_run(story, monkeypatch, error):
    """Hours of nothing but failures end a run. While no worker runs nothing is tried: those hours do not count."""
    people = story.people(5)
    attributes, failing = BrevoClient.attributes, [True]

    def fail_at_first(client):
        if failing:
            raise error
        return attributes(client)

    monkeypatch.setattr(BrevoClient, "attributes", fail_at_first)
    run_id = story.start().run_id
    story.work(hours=0.1)
    story.kept.clock.skip(8 * 3600)
    story.work(hours=0.1)
    assert not find_run(story.app, run_id).is_final
    failing.clear()
    story.work()
    assert (story.status(run_id)["status"], story.sent()) == ("succeeded", people)


def test_run_whose_workers_die_each_time_ends_after_hours_of_it(story, monkeypatch):
    def die(client):
        raise WorkerDied

    monkeypatch.setattr(BrevoClient, "attributes", die)
    story.people(5)
    story.save()
    check_failed(story.run(hours=24), "step_kept_failing")


def test_polls_that_fail_only_after_minutes_end_the_run_too(stopped, monkeypatch):
    def hang(client, *_, **__):
        stopped.kept.clock.skip(120)
        raise TransientError("brevo_unreachable", "Brevo did not answer.")

    monkeypatch.setattr(BrevoClient, "imports", hang)
    stopped.kept.clock.skip(7 * 3600)
    stopped.work(hours=1)
    (run,) = stopped.runs()
    check_failed(stopped.status(run.run_id), "import_overdue")


def test_nor_has_one_that_has_removed_all_who_were_to_be_removed(make_story, monkeypatch):
    following = Following(make_story())
    story, succeed, stopped = following.story, end.succeed, []
    story.save(sync_mode="mirror", max_removed=0.9)
    following.begin()
    following.put_back()

    def stop(*arguments):
        if not stopped:
            stopped.append(story.kept.clock.skip(8.5 * 24 * 3600))
            raise WorkerDied
        return succeed(*arguments)

    monkeypatch.setattr(end, "succeed", stop)
    run_id = story.start().run_id
    story.work(hours=24 * 10)
    status = story.status(run_id)
    assert (status["status"], status["contacts_removed"] > 0) == ("succeeded", True), status["error"]
