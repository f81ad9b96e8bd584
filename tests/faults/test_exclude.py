"""Faults while Brevo is asked who is in an excluded list: nobody excluded is sent, no lost worker is waited for."""

import pytest

from tests.faults.breaking import live, troubles
from tests.faults.brevo_routes import EXPORT, FILE
from tests.faults.conftest import Story
from tests.sizes import in_parts, sampled, thinned

LISTED, SEGMENTED = "person3@example.com", "person7@example.com"


def with_excluded(story: Story) -> None:
    story.export["exclude"] = {"segments": ["Staff"], "list_ids": [13]}
    story.save()
    story.people(10)
    story.segment(f"CustomerId,EMail,FirstName\n1,{SEGMENTED.upper()},X\n", name="Staff")


def after_reset(story, worker):
    """Starts the export at an account with an excluded list: `live` begins with a fresh one."""
    story.sandbox.seed(lists=[{"id": 13, "name": "Staff", "folderId": 1}])
    story.sandbox.seed(contacts=[{"email": LISTED, "lists": [13]}])
    try:
        story.start(worker)
    except BaseException:  # noqa: BLE001 - a worker that dies is none
        story.start()


def check_excluded(story, status):
    assert status["status"] == "succeeded", (status["status"], status["error"])
    assert status["contacts_left_out"] == {"excluded": 2}
    assert {LISTED, SEGMENTED}.isdisjoint(story.sent())
    assert len(story.sent()) == 8
    assert story.left_but_listed() == []


@sampled(10)
@pytest.mark.parametrize("mode", thinned(["dies", "outage", "echo"], 3))
def test_nobody_excluded_is_sent_wherever_a_write_breaks(make_story, mode, some):
    # The first calls are the start's own, which test_each_point.py breaks.
    only = slice(4 + some.start, 24, some.step)
    assert troubles(make_story, mode, None, check_excluded, with_excluded, how=after_reset, only=only) == []


@in_parts()
@pytest.mark.parametrize("mode", ["dies", "outage"])
def test_nobody_excluded_is_sent_wherever_a_read_breaks(make_story, mode, some):
    only = slice(4 + 2 * some.start, 36, 2 * some.step)
    found = troubles(make_story, mode, None, check_excluded, with_excluded, how=after_reset, only=only, reads=True)
    assert found == []


@pytest.mark.parametrize(("route", "kind"), [(EXPORT, "524-after"), (EXPORT, "429"), (FILE, "report-404")])
def test_answer_that_brevo_does_not_give_at_once_is_asked_for_again(make_story, route, kind):
    def how(story, worker):
        story.sandbox.fail_next(route, kind)
        after_reset(story, worker)

    story = make_story()
    with_excluded(story)
    check_excluded(story, live(story, "dies", 0, how=how))
