"""Runs that are held, of which a receiver is notified."""

import pytest

from shared.runs.holding import approve
from shared.runs.starting import start_run
from shared.runs.status import find_run

HEAD = "CustomerId,EMail,FirstName\n"
STAFF = "C-1,person1@example.com,A\n"
HELD = "Gold customers: the export waits for approval"


def start_plan(story):
    ready = story.app.ready_export(story.export["id"])
    return start_run(story.app, ready, "http", "tester", kind="plan").run_id


def approve_and_hold_again(story, run_id):
    """More people would be sent than were shown: a colleague has left the staff meanwhile."""
    story.segment(f"{HEAD}C-8,person8@example.com,B\n", name="Staff")
    approve(story.app, find_run(story.app, run_id), "ana")
    story.work(hours=1)
    assert find_run(story.app, run_id).held_for.code == "plan_outgrown"


@pytest.fixture
def story(told):
    story = told({"type": "webhook"}, exclude={"segments": ["Staff"]})
    story.segment(f"{HEAD}{STAFF}C-8,person8@example.com,B\n", name="Staff")
    return story
