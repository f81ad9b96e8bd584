"""Runs that are held: by a plan or a guard, until a person approves or rejects them, or time, or a newer run, does."""

import pytest

from shared.errors import ConfigurationError
from shared.operating.looking import open_runs
from shared.runs.holding import approve
from shared.runs.leavers import Question
from shared.runs.overview import export_overview
from shared.runs.starting import Start, start_due, start_for_blob, start_run
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.steps.sweep import sweep
from shared.storage.tables import Row
from tests.flow.test_leavers import leave
from tests.flow.trials import people

LATER = "2026/11/24/0600"
HOUR = 3600.0


def plan(flow, trigger="terminal", **how) -> Start:
    return start_run(flow.app, flow.app.ready_export(flow.export_id), trigger, "ana", kind="plan", **how)


def planned(flow):
    """A plan of five people, held."""
    flow.segment(people(5))
    return flow.finish(plan(flow).run_id)


def held_by_guard(flow, count=5):
    flow.change(max_profiles=2)
    flow.segment(people(count))
    return flow.run_is_held("guard_max_profiles")


def approved(flow, run_id, by="ana"):
    return approve(flow.app, find_run(flow.app, run_id), by)


def refusal(flow, run_id):
    with pytest.raises(ConfigurationError) as refused:
        approved(flow, run_id)
    return refused.value


def skip(flow, seconds):
    flow.app.storage.clock.skip(seconds)


def why(flow):
    document = flow.app.document()
    return export_overview(flow.app, document, document.exports[0]).why_not_running


# Plans


def test_plan_is_held_whatever_the_guards_say_and_shows_what_would_be_sent(flow):
    status = planned(flow)
    assert (status["status"], status["kind"], status["held_for"]["code"]) == ("held", "plan", "plan")
    assert (status["contacts_mapped"], status["contacts_new"], status["batches"]) == (5, 5, 0)
    assert (status["list_name"], status["finished_at"], status["error"]) == ("High-value customers", None, None)
    assert flow.nothing_was_sent()
    assert flow.app.storage.app_blobs.folders("staged", "") == []


def test_plan_writes_no_body(flow, monkeypatch):
    monkeypatch.delattr("shared.staging.bodies._write")
    assert planned(flow)["status"] == "held"


def test_plan_that_a_guard_would_stop_names_the_guard(flow):
    flow.change(max_profiles=2)
    status = planned(flow)
    assert (status["status"], status["held_for"]["code"]) == ("held", "guard_max_profiles")


def test_plan_of_a_segment_without_rows_has_nothing_to_hold(flow):
    flow.segment("CustomerId,EMail,FirstName\n")
    assert flow.finish(plan(flow).run_id)["status"] == "skipped"


def test_approved_plan_sends_what_it_has_shown_and_counts_as_a_run(flow):
    status = planned(flow)
    approved(flow, status["run_id"])
    done = flow.finish(status["run_id"])
    assert (done["status"], done["contacts_confirmed"], done["approved_by"]) == ("succeeded", 5, "ana")
    assert len(flow.sent()) == 5
    assert flow.app.store.success(flow.export_id).run_id == status["run_id"]
    assert [each["kind"] for each in done["story"] if each["kind"] in ("held", "approved")] == ["held", "approved"]


def test_plan_finds_a_plan_that_is_on_its_way_and_no_run(flow):
    flow.segment(people(5))
    first = plan(flow)
    again = plan(flow)
    assert (again.run_id, again.is_new) == (first.run_id, False)
    flow.finish(first.run_id)
    request_cancel(flow.app, find_run(flow.app, first.run_id), "ana")
    run = flow.start()
    with pytest.raises(ConfigurationError, match="A run of this export is active"):
        plan(flow)
    assert flow.finish(run.run_id)["status"] == "succeeded"


# Guards


def test_run_that_a_guard_holds_sends_all_once_it_is_approved(flow):
    status = held_by_guard(flow)
    assert status["held_for"]["message"] == "The segment has 5 contacts, more than max_profiles (2)."
    approved(flow, status["run_id"])
    assert flow.finish(status["run_id"])["contacts_confirmed"] == 5


def test_rejected_rows_of_a_held_run_can_be_read(flow):
    flow.change(max_profiles=2)
    flow.segment(people(5) + "C-9,nobody,X\n")
    status = flow.run_is_held("guard_max_profiles")
    assert [row["customer_id"] for row in flow.rejects(status["run_id"])] == ["C-9"]


def test_who_has_left_between_plan_and_approval_is_left_out_and_counted(flow):
    flow.change_connection(leavers="asked")
    flow.app.storage.accounts.put(Row(flow.account, f"left-{flow.list_id}", Question(seconds=0.01).values()))
    status = planned(flow)
    leave(flow, 3)
    approved(flow, status["run_id"])
    done = flow.finish(status["run_id"])
    assert (done["status"], done["contacts_left_out"]) == ("succeeded", {"left_list": 1})
    assert done["contacts_confirmed"] == status["contacts_new"] - 1
    assert "Shown when it was approved, and not sent: left_list 1." in [each["text"] for each in done["story"]]


# What an approval is bound to


def test_newer_snapshot_refuses_an_approval_and_both_are_named(flow):
    status = planned(flow)
    flow.segment(people(6), refresh=LATER)
    error = refusal(flow, status["run_id"])
    assert error.code == "plan_outdated"
    assert "2026-11-24T0500" in error.message
    assert "2026-11-24T0600" in error.message
    assert flow.status(status["run_id"])["status"] == "held"


@pytest.mark.parametrize(
    "change",
    [
        lambda flow: flow.change(mapping={"email": "EMail"}),
        lambda flow: flow.change(erase_empty=True),
        lambda flow: flow.change(list_id=13),
        lambda flow: flow.change_connection(boolean_words={"true": "1", "false": "0"}),
    ],
)
def test_settings_that_have_changed_refuse_an_approval(flow, change):
    flow.segment(people(5))
    status = planned(flow)
    change(flow)
    error = refusal(flow, status["run_id"])
    assert (error.code, "configuration of the export or its connection has changed" in error.message) == (
        "plan_outdated",
        True,
    )


def test_names_schedules_and_who_may_use_a_connection_change_nothing_that_is_sent(flow):
    status = planned(flow)
    flow.change(display_name="Gold", schedule="off", hold_hours=2)
    flow.change_connection(display_name="Account", available_to=["contributor"])
    approved(flow, status["run_id"])
    assert flow.finish(status["run_id"])["status"] == "succeeded"


def test_snapshot_that_comes_between_approval_and_staging_fails_the_run_before_it_sends(flow):
    status = planned(flow)
    approved(flow, status["run_id"])
    flow.segment(people(6), refresh=LATER)
    done = flow.finish(status["run_id"])
    assert (done["status"], done["error"]["code"]) == ("failed", "plan_outdated")
    assert flow.nothing_was_sent()


def test_settings_that_change_between_approval_and_staging_fail_the_run_before_it_sends(flow):
    status = planned(flow)
    approved(flow, status["run_id"])
    flow.change(erase_empty=True)
    done = flow.finish(status["run_id"])
    assert (done["status"], done["error"]["code"]) == ("failed", "plan_outdated")
    assert flow.nothing_was_sent()


def test_run_of_an_event_that_was_approved_is_not_taken_for_one_of_a_known_snapshot(flow):
    flow.change(max_profiles=2, schedule="with_refresh")
    flow.segment(people(5))
    name = "CustomerInsights_abcd1234/BlobExport/Gold/2026/11/24/0500/Gold_1.csv"
    [start] = start_for_blob(flow.app, f"/blobServices/default/containers/{flow.container}/blobs/{name}")
    assert flow.finish(start.run_id)["status"] == "held"
    approved(flow, start.run_id)
    assert flow.finish(start.run_id)["status"] == "succeeded"


def test_only_a_held_run_is_approved_and_only_once(flow):
    flow.segment(people(5))
    run_id = plan(flow).run_id
    assert refusal(flow, run_id).code == "run_not_held"
    flow.finish(run_id)
    approved(flow, run_id)
    error = refusal(flow, run_id)
    assert (error.code, "ana has approved it" in error.message) == ("run_not_held", True)
    flow.finish(run_id)
    assert "it is succeeded" in refusal(flow, run_id).message


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
    assert why(flow).text.endswith(f"To run it now: segment-export run {flow.export_id} --accept")
    flow.segment(people(2), refresh=LATER)
    assert start_due(flow.app)[0].is_new


def test_due_time_that_comes_while_the_same_snapshot_is_held_starts_nothing_afterwards(flow):
    flow.change(max_profiles=2, schedule={"cron": "*/10 * * * *"})
    flow.segment(people(5))
    start_due(flow.app)
    skip(flow, 600)
    [start] = start_due(flow.app)
    assert flow.finish(start.run_id)["status"] == "held"
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


# What is shown


def test_export_says_that_its_run_is_held_and_how_to_decide(flow):
    run_id = held_by_guard(flow)["run_id"]
    reason = why(flow)
    assert reason.code == "held"
    assert f"To send its 5 contacts: segment-export approve {run_id}" in reason.text
    assert f"segment-export cancel {run_id}" in reason.text
    assert "more than max_profiles (2)" in reason.text


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
