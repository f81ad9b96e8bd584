"""Faults while Brevo is asked who left the list: nobody who left is put back, and nothing waits for a lost worker."""

from dataclasses import replace

import pytest

from shared.runs.answers import LEAVERS
from tests.faults.breaking import live, troubles
from tests.faults.brevo_routes import EXPORT, FILE
from tests.faults.conftest import Story, check_failed
from tests.sizes import in_parts, sampled, thinned

LEFT = ("person3@example.com", "person7@example.com")


def with_leavers(story: Story) -> None:
    story.connection["leavers"] = "asked"
    story.save()
    story.people(10)


def after_reset(story, worker):
    """Starts the export at an account whose people have left: `live` begins with a fresh one."""
    story.sandbox.seed(contacts=[{"email": email, "listIds": [12]} for email in LEFT])
    for email in LEFT:
        story.sandbox.change_contact(email, leaves=[12])
    try:
        story.start(worker)
    except BaseException:  # noqa: BLE001 - a worker that dies is none
        story.start()


def check_left_out(story, status):
    assert status["status"] == "succeeded", (status["status"], status["error"])
    assert status["contacts_left_out"] == {"left_list": 2}
    assert set(LEFT).isdisjoint(story.sent())
    assert len(story.sent()) == 8
    assert len(story.kept.blob_names(LEAVERS)) <= 1
    assert story.left_but_listed() == []


@pytest.fixture
def asking(story):
    with_leavers(story)
    return story


@sampled(10)
@pytest.mark.parametrize("mode", ["dies", "outage", "echo"])
def test_nobody_is_put_back_wherever_a_write_breaks(make_story, mode, some):
    # The first calls are the start's own, which test_each_point.py breaks.
    only = slice(4 + some.start, 24, some.step)
    assert troubles(make_story, mode, None, check_left_out, with_leavers, how=after_reset, only=only) == []


@in_parts()
@pytest.mark.parametrize("mode", ["dies", "outage"])
def test_nobody_is_put_back_wherever_a_read_breaks(make_story, mode, some):
    only = slice(4 + 2 * some.start, 28, 2 * some.step)
    found = troubles(make_story, mode, None, check_left_out, with_leavers, how=after_reset, only=only, reads=True)
    assert found == []


@pytest.mark.parametrize("kind", thinned(["500-after", "524-after", "reset", "429", "503", "html-200"], 3))
def test_question_that_brevo_does_not_answer_at_once_is_asked_again(asking, kind):
    asking.sandbox.fail_next(EXPORT, kind)
    status = live(asking, "dies", 0, how=after_reset)
    check_left_out(asking, status)


@pytest.mark.parametrize("kind", thinned(["report-404", "report-500", "truncated", "reset", "503"], 2))
def test_file_that_cannot_be_had_at_once_is_fetched_again(asking, kind):
    def how(story, worker):
        story.sandbox.fail_next(FILE, kind)
        after_reset(story, worker)

    check_left_out(asking, live(asking, "dies", 0, how=how))


@pytest.mark.parametrize("kind", ["report-other-host", "report-wrong-columns"])
def test_file_that_is_not_what_it_should_be_stops_the_run_before_anything_is_sent(asking, kind):
    asking.sandbox.fail_next(EXPORT, kind)
    status = asking.run()
    code = {"report-other-host": "export_link", "report-wrong-columns": "export_garbled"}[kind]
    assert "Nothing was sent." in check_failed(status, code)
    assert asking.imports() == 0
    assert asking.sandbox.world.canary_visits == 0


def test_answer_that_is_deleted_meanwhile_is_asked_for_again(asking):
    """A second run was there before the first one's question and would share its answer; somebody deletes it."""
    after_reset(asking, asking.app)
    asking.work()
    asking.app.storage.app_blobs.delete_below(LEAVERS, "")
    started = asking.start()
    asking.app.store.update(started.run_id, lambda run: replace(run, times={"queued": "2026-11-24T05:00:00+00:00"}))
    asking.work()
    check_left_out(asking, asking.status(started.run_id))
    assert asking.sandbox.log.count(EXPORT) == 2
