"""What a person is shown who is to approve a run that guards stop."""

from shared.administration.previewing import preview_of
from tests.flow.gold_file import HEAD, TWO


def test_run_that_would_erase_a_column_says_so_beside_the_other_guards_that_stop_it(make_flow):
    flow = make_flow(SNAPSHOT_COMPLETE_HOURS="0")
    flow.change(erase_empty=True, max_shrink=0.5)
    flow.segment(HEAD + "".join(f"C-{n},p{n}@example.com,Name{n}\n" for n in range(10)))
    assert flow.run()["status"] == "succeeded"
    for partition in (1, 3):
        rows = [f"C-{n},p{n}@example.com,\n" for n in range(partition, partition + 2)]
        flow.segment(HEAD + "".join(rows), refresh="2026/11/25/0500", partition=partition)
    previewed = preview_of(flow.app, flow.app.ready_export(flow.export_id)).notes[0]
    held = flow.run()["held_for"]
    assert held["code"] == "guard_gap_in_files"
    assert previewed == f"A run would be held: {held['message']} {held['advice']}"
    for what in ("there is no number 2", "erase_empty would erase", "it has lost 60 %"):
        assert what in held["message"]
    assert held["advice"].count("If this is right, approve the run.") == 1
    assert held["advice"].endswith("approve the run.")


def test_attribute_that_is_mapped_no_more_is_not_erased_and_holds_no_run(flow):
    flow.change(erase_empty=True)
    flow.segment(TWO)
    assert flow.run()["status"] == "succeeded"
    flow.change(mapping={"email": "EMail"})
    status = flow.run()
    assert status["status"] == "succeeded", status["held_for"]


def test_lost_values_stand_behind_the_other_guards_and_name_no_column(flow):
    flow.change(max_shrink=0.5, max_warnings=0.5, mapping={"email": "EMail", "phone": "Ana Pop"})
    head = "CustomerId,EMail,Ana Pop\n"
    flow.segment(head + "".join(f"C-{n},p{n}@example.com,+4072123456{n}\n" for n in range(10)))
    assert flow.run()["status"] == "succeeded"
    flow.segment(head + "".join(f"C-{n},p{n}@example.com,12\n" for n in range(4)), refresh="2026/11/25/0500")
    previewed = preview_of(flow.app, flow.app.ready_export(flow.export_id)).notes[0]
    held = flow.run()["held_for"]
    assert held["code"] == "guard_max_shrink"
    assert previewed == f"A run would be held: {held['message']} {held['advice']}"
    assert held["message"].endswith("4 of 4 values for SMS would be lost, more than max_warnings (0.5).")
    assert "Ana Pop" not in held["message"]


def test_preview_of_a_segment_without_rows_says_that_a_run_sends_nothing_as_the_run_does(flow):
    flow.segment(HEAD + "".join(f"C-{n},p{n}@example.com,Ana\n" for n in range(10)))
    assert flow.run()["status"] == "succeeded"
    flow.segment(HEAD, refresh="2026/11/25/0500")
    previewed = preview_of(flow.app, flow.app.ready_export(flow.export_id)).notes
    error = flow.run()["error"]
    assert error["code"] == "segment_empty"
    assert previewed == [f"A run would be skipped: {error['message']} {error['advice']}"]
