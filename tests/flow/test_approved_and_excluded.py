"""A run that is approved while an excluded segment is being written again."""

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
