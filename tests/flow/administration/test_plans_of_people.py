"""Plans and approvals as people make them: who may, what the audit trail has, and what the terminal prints."""

import json

import pytest

from shared.access import AccessDenied
from shared.administration import running
from shared.administration.audit import read_audit
from shared.administration.exports import save_export
from shared.administration.items import ANY
from shared.errors import ConfigurationError
from tests.flow.administration.people import ADMINISTRATOR, CONTRIBUTOR, VIEWER, the_export


def held_plan(office):
    return office.finish(running.start_plan(office.app, ADMINISTRATOR, office.export_id, "http").run_id)["run_id"]


def test_plan_and_approval_are_in_the_trail(office):
    run_id = held_plan(office)
    running.approve_run(office.app, ADMINISTRATOR, run_id)
    assert office.finish(run_id)["status"] == "succeeded"
    entries = [(each.what, each.target) for each in read_audit(office.app, ADMINISTRATOR)[0]]
    assert ("plan export", office.export_id) in entries
    assert ("approve run", run_id) in entries


@pytest.mark.parametrize("caller", [CONTRIBUTOR, VIEWER])
def test_who_may_not_run_the_export_neither_plans_nor_approves(office, caller):
    run_id = held_plan(office)
    with pytest.raises(AccessDenied):
        running.start_plan(office.app, caller, office.export_id, "http")
    with pytest.raises(AccessDenied):
        running.approve_run(office.app, caller, run_id)
    assert office.status(run_id)["status"] == "held"


def test_approval_that_is_refused_is_not_in_the_trail(office):
    run_id = held_plan(office)
    running.cancel_run(office.app, ADMINISTRATOR, run_id)
    with pytest.raises(ConfigurationError, match="is not held: it is cancelled"):
        running.approve_run(office.app, ADMINISTRATOR, run_id)
    assert "approve run" not in [each.what for each in read_audit(office.app, ADMINISTRATOR)[0]]


def test_terminal_shows_a_held_run_with_the_two_commands_and_ends_with_3(office, typed):
    save_export(office.app, ADMINISTRATOR, the_export(office, max_profiles=1), ANY)
    status, text, _ = typed("run", office.export_id, "--wait")
    run_id = text.split()[0]
    assert status == 3
    assert "to send    2 contacts of 2; nothing was sent so far" in text
    assert "held       The segment has 2 contacts, more than max_profiles (1)." in text
    assert f"to send it: segment-export approve {run_id} until " in text
    assert f"to reject it: segment-export cancel {run_id}" in text
    assert typed("status", office.export_id, "--exit-status")[0] == 3
    assert typed("approve", run_id, "--wait")[0] == 0
    status, _, words = typed("approve", run_id)
    assert (status, "is not held" in words) == (2, True)


def test_terminal_plans_and_rejects(office, typed):
    status, text, _ = typed("plan", office.export_id, "--wait")
    assert (status, "held       It is a plan: nothing is sent until a person approves it." in text) == (3, True)
    status, text, _ = typed("plan", office.export_id, "--json")
    assert status == 0
    rejected = json.loads(typed("cancel", json.loads(text)["run_id"], "--json")[1])
    assert rejected["error"]["code"] == "cancelled"
    assert typed("approve", "no-run")[0] == 2


def test_members_after_a_run_that_was_not_approved_are_not_told_in_the_terminal(office, typed):
    save_export(office.app, ADMINISTRATOR, the_export(office, sync_mode="mirror", max_removed=1), ANY)
    office.run()
    office.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n", refresh="2026/11/25/0500")
    plan = held_plan(office)
    text = typed("status", plan)[1]
    assert "to send    0 contacts of 1; nothing was sent so far\n  to remove  1 member of the list" in text
    assert "members    2 before, 1 after; 0 of 1 removed" in text
    assert "To send its 0 contacts and take 1 out of the list: segment-export approve" in typed("exports")[1]
    running.cancel_run(office.app, ADMINISTRATOR, plan)
    assert "members    2 before; 0 of 1 removed" in typed("status", plan)[1]


def test_approval_notes_how_many_were_shown_to_be_removed(office):
    save_export(office.app, ADMINISTRATOR, the_export(office, sync_mode="mirror", max_removed=1), ANY)
    office.run()
    office.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n", refresh="2026/11/25/0500")
    plan = held_plan(office)
    running.approve_run(office.app, ADMINISTRATOR, plan)
    approved = next(each["text"] for each in office.status(plan)["story"] if each["kind"] == "approved")
    assert approved == "By function key. 0 contacts were shown to be sent and 1 to be taken out of the list."


def test_plan_that_keeps_another_start_waiting_is_said_to_be_held(office):
    plan = held_plan(office)
    with pytest.raises(ConfigurationError) as refused:
        running.verify_export(office.app, ADMINISTRATOR, office.export_id, "http")
    assert refused.value.message == f"A run of this export is held: {plan}."
    assert refused.value.advice.startswith("Approve it or cancel it, and start this when it has ended.")
