"""Why nothing runs is answered with the last run: what happened, what follows by itself, how to run it now."""

import pytest

from shared.access import Caller
from shared.administration.known import note_as_known
from shared.operating.pruning import prune
from shared.runs.starting import start_due, start_for_blob, start_for_segment
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.faults.conftest import Story

WRONG_KEY = "wrong-key"
HOUR = 3600.0


def reasons(story: Story) -> set[str]:
    """Why nothing starts, as the timer, an event, the webhook and the list of exports say it."""
    starts = [start_due(story.app), start_for_blob(story.app, story.subject), start_for_segment(story.app, "Gold")]
    assert not any(start.run_id for found in starts for start in found)
    return {start.reason for found in starts for start in found} | {story.why().text}


def fails_until_given_up(story: Story) -> None:
    for _ in range(4):
        [start] = start_due(story.app)
        assert start.is_new, start.reason
        story.work(timer=False)
        story.kept.clock.skip(5 * HOUR)


def test_failed_snapshot_is_never_called_exported(story, monkeypatch, sandbox):
    monkeypatch.setenv(story.account, WRONG_KEY)
    people = story.people(3)
    start_due(story.app)
    story.work(timer=False)
    monkeypatch.setenv(story.account, sandbox.api_key)
    [reason] = reasons(story)
    assert reason.startswith("The last run failed: Brevo does not accept the API key")
    assert "Nothing was sent. It is tried again by itself after 20" in reason
    assert reason.endswith("To run it now: segment-export run gold")
    story.kept.clock.skip(HOUR)
    assert "It is tried again by itself at the timer's next turn." in story.why().text
    assert story.run()["status"] == "succeeded"
    assert story.sent() == people
    assert story.why().code == "no_new_snapshot"
    assert start_for_segment(story.app, "Gold")[0].reason == "This snapshot was exported already."


def test_snapshot_that_was_given_up_says_what_starts_the_next_run(story, monkeypatch, sandbox):
    monkeypatch.setenv(story.account, WRONG_KEY)
    story.people(3)
    fails_until_given_up(story)
    monkeypatch.setenv(story.account, sandbox.api_key)
    [reason] = reasons(story)
    assert (
        "It has failed 4 times and is not tried again by itself. A newer snapshot starts the next run. "
        "To run it now: segment-export run gold"
    ) in reason
    assert story.why().code == "given_up"


def test_failed_snapshot_stays_unsent_when_its_export_is_saved(story, monkeypatch, sandbox):
    monkeypatch.setenv(story.account, WRONG_KEY)
    story.people(3)
    start_due(story.app)
    story.work(timer=False)
    monkeypatch.setenv(story.account, sandbox.api_key)
    note_as_known(story.app, story.app.document().exports[0])
    [reason] = reasons(story)
    assert reason.startswith("The last run failed: Brevo does not accept the API key")
    assert reason.endswith("A newer snapshot starts the next run. To run it now: segment-export run gold")
    assert story.why().code == "last_run_failed"


def test_snapshot_that_was_there_when_the_export_was_saved_is_not_called_exported(story):
    story.people(3)
    note_as_known(story.app, story.app.document().exports[0])
    [reason] = reasons(story)
    assert reason.startswith(
        "The snapshot 2026-11-24T0500 was there when the export was saved, and no run has taken it since."
    )
    assert story.why().code == "snapshot_not_run"


def test_snapshot_that_a_guard_holds_names_the_command_that_approves_it(story):
    story.people(3)
    story.save(max_profiles=1)
    start_due(story.app)
    story.work(timer=False, hours=1)
    [reason] = reasons(story)
    [run] = story.runs()
    assert story.why().code == "held"
    assert "The segment has 3 contacts, more than max_profiles (1). To send its 3 contacts:" in reason
    assert f"segment-export approve {run.run_id}" in reason


@pytest.mark.parametrize("schedule", ["with_refresh", "off", {"cron": "0 0 1 1 *"}])
def test_held_run_that_a_person_has_rejected_is_not_offered_to_be_let_through(story, schedule):
    story.people(3)
    story.save(max_profiles=1, schedule=schedule)
    story.app.store.note_due("gold", "2026-01-01T00:00Z")
    run = find_run(story.app, story.start().run_id)
    story.work(timer=False, hours=1)
    request_cancel(story.app, find_run(story.app, run.run_id), "ana")
    text = story.why().text
    assert text.startswith(
        "ana has rejected the last run, which was held: The segment has 3 contacts, more than max_profiles (1). "
        "Nothing was sent. "
    )
    assert text.endswith("To look at it again: segment-export plan gold")
    assert "--accept" not in text
    if schedule == "with_refresh":
        assert reasons(story) == {text}


@pytest.mark.parametrize("schedule", ["off", {"cron": "0 0 1 1 *"}])
def test_run_that_failed_without_its_segment_is_offered_once_the_segment_is_there(story, schedule):
    story.save(schedule=schedule)
    story.app.store.note_due("gold", "2026-01-01T00:00Z")
    story.segment("CustomerId,EMail\n", name="Silver")
    assert story.run()["error"]["code"] == "snapshot_missing"
    text = story.why().text
    assert text.startswith("The last run failed: There is no snapshot of the segment Gold in ")
    assert text.endswith(
        "To see what is in storage: segment-export segments segments · "
        "Once the segment is there: segment-export run gold"
    )
    assert "To run it now" not in text
    story.people(3)
    assert story.why().text.endswith("To run it now: segment-export run gold")


def test_segment_that_is_not_there_says_where_to_look_and_that_its_run_starts_by_itself(story):
    story.segment("CustomerId,EMail\n", name="Silver")
    assert story.why().text.endswith(
        "To see what is in storage: segment-export segments segments · "
        "Once the segment is there: its run starts by itself"
    )


def test_excluded_segment_that_is_not_there_is_no_reason_to_run_either(story):
    story.people(3)
    story.save(exclude={"segments": ["Silver"], "list_ids": []})
    start_due(story.app)
    story.work(timer=False)
    assert "An excluded segment is not there" in story.why().text
    assert story.why().text.endswith("Once the segment is there: segment-export run gold")


def test_cancelled_snapshot_says_who_ended_its_run(story):
    story.people(3)
    [start] = start_due(story.app)
    request_cancel(story.app, story.app.store.load(start.run_id), "ana")
    [reason] = reasons(story)
    assert reason.startswith("The last run ended early: Cancelled by ana. Nothing was sent.")
    assert story.why().code == "last_run_not_sent"


@pytest.mark.parametrize(
    ("schedule", "following"),
    [
        ("off", "Its schedule is off: it runs on demand only."),
        ({"cron": "0 0 1 1 *"}, "The next run is due at 2027-01-01 00:00 UTC."),
    ],
)
def test_failed_run_of_another_schedule_says_what_starts_the_next_one(story, monkeypatch, schedule, following):
    monkeypatch.setenv(story.account, WRONG_KEY)
    story.people(3)
    story.save(schedule=schedule)
    story.app.store.note_due("gold", "2026-01-01T00:00Z")
    assert story.run()["status"] == "failed"
    assert story.why().code == "last_run_failed"
    assert f"Nothing was sent. {following} To run it now: segment-export run gold" in story.why().text
    if schedule != "off":
        assert start_due(story.app)[0].reason == story.why().text


def test_snapshot_is_not_called_exported_once_the_run_that_did_not_send_it_is_deleted(story):
    story.people(3)
    [start] = start_due(story.app)
    request_cancel(story.app, find_run(story.app, start.run_id), "ana")
    story.work(timer=False)
    story.kept.clock.skip(48 * HOUR)
    story.work(timer=False)
    assert prune(story.app, Caller("ops", "administrator"), 1)["runs"] >= 1
    [reason] = reasons(story)
    assert reason == (
        "The last run did not send the segment, and is not kept any more. A newer snapshot starts the next run. "
        "To run it now: segment-export run gold"
    )
    assert story.why().code == "last_run_not_sent"
