"""A run that is approved while an excluded segment is being written again."""

import pytest

from shared.runs.holding import approve
from shared.runs.status import find_run
from tests.flow.gold_file import HEAD, many
from tests.flow.holding import plan


def staff(flow, refresh, *partitions):
    for partition in partitions:
        row = f"S-{partition},p1{partition}@example.com,Staff\n"
        flow.segment(HEAD + row, name="Staff", partition=partition, refresh=refresh)


def test_approved_run_waits_for_the_late_file_of_an_excluded_segment(flow):
    flow.change(exclude={"segments": ["Staff"]})
    flow.segment(many(20))
    staff(flow, "2026/11/24/0500", 1, 2)
    run_id = plan(flow).run_id
    status = flow.finish(run_id)
    assert (status["status"], status["contacts_left_out"]) == ("held", {"excluded": 2})
    staff(flow, "2026/11/24/0600", 1, 2, 4)  # two have joined the staff, and the file of one of them is on its way
    approve(flow.app, find_run(flow.app, run_id), "ana")
    flow.work_until(lambda: (run := find_run(flow.app, run_id)).waiting or run.is_held or run.is_final)
    assert "p13@example.com" not in flow.sent(), "who is in the late file is sent"
    assert "there is no number 3" in flow.status(run_id)["waiting"]


@pytest.mark.parametrize("mode", ["full", "changes_only"])
def test_who_was_excluded_when_the_plan_was_shown_is_not_sent_in_the_place_of_somebody_else(flow, mode):
    flow.change(exclude={"segments": ["Staff"]}, sync_mode=mode)
    flow.segment(many(20))
    staff(flow, "2026/11/24/0500", 30)
    assert flow.run()["status"] == "succeeded"
    flow.segment(many(20).replace(",P", ",Q") if mode == "changes_only" else many(20))
    staff(flow, "2026/11/24/0600", 1)
    run_id = plan(flow).run_id
    status = flow.finish(run_id)
    assert (status["status"], status["contacts_left_out"]) == ("held", {"excluded": 1})
    staff(flow, "2026/11/24/0700", 2)
    approve(flow.app, find_run(flow.app, run_id), "ana")
    status = flow.finish(run_id)
    assert (status["status"], status["held_for"]["code"]) == ("held", "plan_outgrown")
