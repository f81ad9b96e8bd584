"""How a run that is held ends without approval: by a person, its time, or a newer run; and how held runs are shown."""

import pytest

from shared.administration.running import verify_export
from shared.errors import ConfigurationError
from shared.operating.doctor.running import open_runs
from shared.runs.starting import start_due, start_run
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.steps.sweep import sweep
from shared.sync.stored import drop_ledgers
from tests.flow.clearing import ADMINISTRATOR
from tests.flow.following import refresh, run
from tests.flow.holding import HOUR, LATER, approved, held_by_guard, plan, planned, refusal, skip, why
from tests.flow.trials import people
from tests.flow.undoing import begin


def held_at_due_time(flow):
    """The start of the run that the second due time of a fresh export begins, and that is held."""
    start_due(flow.app)
    skip(flow, 600)
    [start] = start_due(flow.app)
    assert flow.finish(start.run_id)["status"] == "held"
    return start


# Its end without approval


def test_held_run_is_left_alone_until_its_time_is_over_and_then_ended(flow):
    flow.change(hold_hours=5)
    status = planned(flow)
    run_id = status["run_id"]
    skip(flow, 4.9 * HOUR)
    assert sweep(flow.app) == []
    assert flow.status(run_id)["status"] == "held"
    skip(flow, 0.2 * HOUR)
    assert refusal(flow, run_id).code == "hold_expired"
    assert sweep(flow.app) == [run_id]
    ended = flow.status(run_id)
    assert (ended["status"], ended["error"]["code"]) == ("cancelled", "hold_expired")
    assert ended["error"]["message"].endswith("Nothing was sent.")
    assert refusal(flow, run_id).code == "run_not_held"
    assert flow.nothing_was_sent()
    assert flow.app.store.active(flow.export_id) is None


def test_repair_that_nobody_has_approved_says_how_to_ask_for_it_again(following):
    following.change(sync_mode="mirror", max_removed=0.1)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(3, 6))
    held = following.finish(
        verify_export(following.app, ADMINISTRATOR, following.export_id, "http", repair=True).run_id
    )
    assert held["status"] == "held"
    command = f"segment-export verify {following.export_id} --repair"
    following.change(max_removed=0.2)
    assert command in refusal(following, held["run_id"]).advice
    skip(following, 49 * HOUR)
    sweep(following.app)
    assert command in following.status(held["run_id"])["error"]["advice"]
    assert command in why(following).text


def test_cancelling_a_held_run_rejects_it_at_once(flow):
    status = planned(flow)
    ended = request_cancel(flow.app, find_run(flow.app, status["run_id"]), "ana")
    assert (ended.state, ended.error.code, ended.error.message) == (
        "cancelled",
        "cancelled",
        "Cancelled by ana. Nothing was sent.",
    )


@pytest.mark.parametrize("end", ["cancel", "expiry"])
def test_timer_does_not_start_a_snapshot_again_while_it_is_held_nor_after_a_person_was_asked(flow, end):
    flow.change(max_profiles=2, schedule="with_refresh")
    flow.segment(people(5))
    [start] = start_due(flow.app)
    assert flow.finish(start.run_id)["status"] == "held"
    assert not start_due(flow.app)[0].is_new
    if end == "cancel":
        request_cancel(flow.app, find_run(flow.app, start.run_id), "ana")
    else:
        skip(flow, 49 * HOUR)
        sweep(flow.app)
    assert not start_due(flow.app)[0].is_new
    assert why(flow).text.endswith(f"To look at it again: segment-export plan {flow.export_id}")
    flow.segment(people(2), refresh=LATER)
    assert start_due(flow.app)[0].is_new


def test_due_time_that_comes_while_the_same_snapshot_is_held_starts_nothing_afterwards(flow):
    flow.change(max_profiles=2, schedule={"cron": "*/10 * * * *"})
    flow.segment(people(5))
    start = held_at_due_time(flow)
    skip(flow, 600)
    assert "held" in start_due(flow.app)[0].reason
    request_cancel(flow.app, find_run(flow.app, start.run_id), "ana")
    assert not start_due(flow.app)[0].is_new
    skip(flow, 600)
    assert start_due(flow.app)[0].is_new


# A newer run takes its place


@pytest.mark.parametrize("kind", ["run", "plan"])
def test_person_s_start_ends_a_held_run(flow, kind):
    status = planned(flow)
    new = flow.start() if kind == "run" else plan(flow)
    assert new.is_new
    ended = flow.status(status["run_id"])
    assert (ended["status"], ended["error"]["code"]) == ("cancelled", "superseded")
    assert new.run_id in ended["error"]["message"]
    assert flow.finish(new.run_id)["status"] == ("succeeded" if kind == "run" else "held")


def test_newer_snapshot_starts_a_run_in_the_place_of_a_held_one(flow):
    flow.change(max_profiles=5, schedule="with_refresh")
    flow.segment(people(6))
    [start] = start_due(flow.app)
    assert flow.finish(start.run_id)["status"] == "held"
    flow.segment(people(5), refresh=LATER)
    [newer] = start_due(flow.app)
    assert newer.is_new
    assert flow.status(start.run_id)["error"]["code"] == "superseded"
    assert flow.finish(newer.run_id)["status"] == "succeeded"


def test_due_time_finds_a_held_run_though_its_snapshot_is_deleted_and_not_where_that_was_written_again(flow):
    flow.change(max_profiles=2, schedule={"cron": "*/10 * * * *"})
    flow.segment(people(5))
    flow.segment(people(5), refresh=LATER)
    start = held_at_due_time(flow)
    blobs = flow.app.storage.segment_blobs
    [newest] = [blob.name for blob in blobs.listing(flow.container, "") if LATER in blob.name]
    blobs.delete(flow.container, newest)
    skip(flow, 600)
    assert start_due(flow.app)[0].run_id == start.run_id, "an older snapshot takes no place"
    flow.segment(people(2), refresh=LATER)
    skip(flow, 600)
    [another] = start_due(flow.app)
    assert (another.is_new, flow.status(start.run_id)["error"]["code"]) == (True, "superseded")


def test_due_time_starts_a_run_in_the_place_of_one_that_nobody_can_approve_since_settings_changed(flow):
    flow.change(max_profiles=2, schedule={"cron": "*/10 * * * *"})
    flow.segment(people(5))
    start = held_at_due_time(flow)
    skip(flow, 600)
    [same] = start_due(flow.app)
    assert (same.run_id, same.is_new) == (start.run_id, False)
    flow.change(max_profiles=10)
    skip(flow, 600)
    [another] = start_due(flow.app)
    assert another.is_new
    assert flow.status(start.run_id)["error"]["code"] == "superseded"
    assert flow.finish(another.run_id)["status"] == "succeeded"


def test_program_that_starts_the_same_snapshot_finds_the_held_run(flow):
    status = planned(flow)
    found = start_run(flow.app, flow.app.ready_export(flow.export_id), "webhook", "webhook")
    assert (found.run_id, found.is_new) == (status["run_id"], False)
    assert "held" in found.reason
    flow.segment(people(6), refresh=LATER)
    assert start_run(flow.app, flow.app.ready_export(flow.export_id), "webhook", "webhook").is_new


def test_held_run_that_is_approved_while_another_is_started_goes_on(flow, monkeypatch):
    """The start has read it as held; by the time that it would end it, it is approved."""
    status = planned(flow)
    held = find_run(flow.app, status["run_id"])
    approved(flow, held.run_id)
    with monkeypatch.context() as patched:
        patched.setattr(flow.app.store.__class__, "load", lambda store, run_id: held)
        found = start_run(flow.app, flow.app.ready_export(flow.export_id), "http", "ion")
    assert (found.run_id, found.is_new) == (held.run_id, False)
    assert flow.finish(held.run_id)["status"] == "succeeded"


def test_start_that_is_repeated_beside_the_first_one_does_not_end_the_run_that_it_has_started(flow):
    """Both have the id that belongs to an Idempotency-Key; the later one finds the run held already."""
    run_id = planned(flow)["run_id"]
    again = start_run(flow.app, flow.app.ready_export(flow.export_id), "http", "ana", run_id=run_id)
    assert (again.run_id, again.is_new) == (run_id, False)
    assert flow.status(run_id)["status"] == "held"


# What is shown


def test_export_says_that_its_run_is_held_and_how_to_decide(flow):
    run_id = held_by_guard(flow)["run_id"]
    reason = why(flow)
    assert reason.code == "held"
    assert f"To send its 5 contacts: segment-export approve {run_id}" in reason.text
    assert f"segment-export cancel {run_id}" in reason.text
    assert "more than max_profiles (2)" in reason.text


@pytest.mark.parametrize("kind", ["guard", "undo"])
def test_export_whose_settings_have_changed_names_no_command_that_would_be_refused(undoing, kind):
    if kind == "guard":
        run_id, again = held_by_guard(undoing)["run_id"], f"segment-export plan {undoing.export_id}"
    else:
        undoing.segment(people(5))
        undone = undoing.run()
        run_id, again = begin(undoing, undone).run_id, f"segment-export undo {undone['run_id']}"
        undoing.change(max_removed=0.1)
        assert undoing.finish(run_id)["status"] == "held"
    undoing.change(max_profiles=10)
    reason = why(undoing)
    assert reason.code == "held"
    assert reason.text == (
        f"The run {run_id} is held, and cannot be approved any more: the export or its connection has other settings "
        f"now. To look at it again: {again}"
    )
    assert refusal(undoing, run_id).code == "plan_outdated"


def test_doctor_counts_held_runs_beside_those_that_work_and_times_none_of_them(flow):
    status = planned(flow)
    skip(flow, 40 * HOUR)
    sweep(flow.app)  # as the timer: it makes up for the watch messages that nobody has taken meanwhile
    assert open_runs(flow.app) == ("ok", "1 held, waiting for approval.", "")
    flow.add_export("two")
    other = start_run(flow.app, flow.app.ready_export(f"{flow.export_id}-two"), "http", "ana").run_id
    state, text, _ = open_runs(flow.app)
    assert (state, f"1; the oldest, {other}, is queued" in text, "1 held" in text) == ("ok", True, True)
    assert flow.status(status["run_id"])["status"] == "held"


def test_status_of_a_held_run_has_its_time_and_what_it_waits_for(flow):
    status = held_by_guard(flow)
    assert status["held_until"] == status["deadline_at"]
    assert status["waiting_for"] == "A person is to approve it."
    request_cancel(flow.app, find_run(flow.app, status["run_id"]), "ana")
    ended = flow.status(status["run_id"])
    assert (ended["held_until"], ended["held_for"]["code"]) == (None, "guard_max_profiles")


# A rejection is of what was held


@pytest.mark.parametrize("then", ["queued", "delivered"])
def test_run_that_was_approved_in_the_moment_of_its_rejection_goes_on(flow, then):
    status = planned(flow)
    seen = find_run(flow.app, status["run_id"])
    approved(flow, seen.run_id)
    if then == "delivered":
        flow.finish(seen.run_id)
    with pytest.raises(ConfigurationError) as refused:
        request_cancel(flow.app, seen, "ben")
    assert refused.value.code == ("run_not_held" if then == "queued" else "run_final")
    assert flow.finish(seen.run_id)["status"] == "succeeded"


@pytest.mark.parametrize("change", [{"erase_empty": True}, "reset"])
def test_plan_that_outlived_what_it_was_approved_for_is_not_sent_by_a_trigger_instead(flow, change):
    """It says to ask for it again: a run of other settings, which nobody has been shown, takes its place else."""
    flow.change(schedule="with_refresh")
    run_id = planned(flow)["run_id"]
    approved(flow, run_id)
    if change == "reset":
        drop_ledgers(flow.app.storage.app_blobs, flow.export_id, all_numbers=False)
    else:
        flow.change(**change)
    error = flow.finish(run_id)["error"]
    assert error["code"] == "plan_outdated"
    assert "tried again by itself" not in error["advice"]
    skip(flow, HOUR)
    assert [each.is_new for each in start_due(flow.app)] == [False]
    assert why(flow).code == "last_run_failed"
    assert not flow.sent()
