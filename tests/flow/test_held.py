"""Runs that are held, by a plan or a guard, until a person approves them; and what an approval is bound to."""

import pytest

from shared.config.document import ready_export
from shared.errors import ConfigurationError
from shared.runs.questions import Question
from shared.runs.starting import start_for_blob
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.storage.tables import Row
from tests.flow.holding import LATER, approved, held_by_guard, plan, planned, refusal
from tests.flow.leaving import leave
from tests.flow.trials import people

# Plans


def test_plan_is_held_whatever_the_guards_say_and_shows_what_would_be_sent(flow):
    status = planned(flow)
    assert (status["status"], status["kind"], status["held_for"]["code"]) == ("held", "plan", "plan")
    assert (status["contacts_mapped"], status["contacts_new"], status["batches"]) == (5, 5, 0)
    assert (status["list_name"], status["finished_at"], status["error"]) == ("High-value customers", None, None)
    assert flow.nothing_was_sent()
    assert flow.app.storage.app_blobs.folders("staged", "") == []


def test_requests_of_a_held_run_are_those_that_brevo_has_seen(flow):
    assert planned(flow)["requests"] == sum(flow.sandbox.log.totals().values())


def test_plan_writes_no_body(flow, monkeypatch):
    monkeypatch.delattr("shared.staging.bodies.write_body")
    assert planned(flow)["status"] == "held"


def test_plan_that_a_guard_would_stop_names_the_guard(flow):
    flow.change(max_profiles=2)
    status = planned(flow)
    assert (status["status"], status["held_for"]["code"]) == ("held", "guard_max_profiles")


def test_plan_of_a_segment_without_rows_has_nothing_to_hold(flow):
    flow.segment("CustomerId,EMail,FirstName\n")
    status = flow.finish(plan(flow).run_id)
    assert (status["status"], status["requests"]) == ("skipped", sum(flow.sandbox.log.totals().values()))


def test_approved_plan_sends_what_it_has_shown_and_counts_as_a_run(flow):
    status = planned(flow)
    approved(flow, status["run_id"])
    at = flow.app.now()
    done = flow.finish(status["run_id"])
    assert flow.app.now() - at < flow.app.graces.stalled, "no watch had to find it"
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


def test_as_many_others_as_were_approved_are_shown_again(flow):
    flow.change_connection(leavers="asked")
    flow.app.storage.accounts.put(Row(flow.account, f"left-{flow.list_id}", Question(seconds=0.01).values()))
    flow.segment(people(5))
    leave(flow, 3)
    status = flow.finish(plan(flow).run_id)
    assert (status["contacts_new"], status["contacts_left_out"]) == (4, {"left_list": 1})
    flow.sandbox.seed(contacts=[{"email": "person3@example.com", "lists": [flow.list_id]}])
    leave(flow, 4)
    approved(flow, status["run_id"])
    flow.work_until(lambda: flow.status(status["run_id"])["held_for"]["code"] != "plan")
    held_for = flow.status(status["run_id"])["held_for"]
    assert (held_for["code"], flow.nothing_was_sent()) == ("plan_outgrown", True)
    assert "1 contact would be sent beyond what was approved" in held_for["message"]


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


def test_run_that_the_release_before_has_held_can_be_approved(flow):
    """It had the date format that is sent where nobody has chosen one in its connections."""
    status = planned(flow)
    flow.change_connection(date_format="YYYY-MM-DD")
    settings = ready_export(flow.app.document(), flow.export_id).digest
    flow.change_connection(date_format=None)
    assert find_run(flow.app, status["run_id"]).settings == settings
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
