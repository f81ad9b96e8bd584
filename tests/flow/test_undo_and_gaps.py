"""An undo while an excluded segment lacks a file, as its numbers show."""

from dataclasses import replace

from shared.runs.status import find_run
from tests.flow.following import numbers, refresh, run
from tests.flow.undoing import begin


def test_undo_puts_nobody_back_who_may_be_in_the_missing_file_of_an_excluded_segment(undoing):
    undoing.app = replace(undoing.app, settings=replace(undoing.app.settings, snapshot_complete_hours=0.0))
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    status = run(undoing)
    assert numbers(undoing) == {2, 3, 4, 5}
    undoing.change(exclude={"segments": ["Staff"]})
    for partition, number in ((1, 0), (3, 9)):  # the file with number 1 is lost
        row = f"C-{number},person{number}@example.com,Name{number}\n"
        undoing.segment(f"CustomerId,EMail,FirstName\n{row}", name="Staff", partition=partition)
    run_id = begin(undoing, status).run_id
    undoing.finish(run_id)
    found = find_run(undoing.app, run_id)
    assert found.is_held
    assert found.held_for.code == "guard_gap_in_files"
    assert "there is no number 2" in found.held_for.message
