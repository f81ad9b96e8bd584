"""An undo goes past runs that found nobody to send or remove: the last run that has changed the list can be undone."""

from shared.operating.person import person_of
from shared.operating.why import why
from tests.flow.following import address, brevo_removes_nobody, counts, numbers, refresh, run
from tests.flow.undoing import ADMINISTRATOR, refusal, undo, undo_blobs


def idle_run(flow, **how):
    """A run that finds nothing to do."""
    status = run(flow, **how)
    assert (status["contacts_delivered"], status["contacts_to_remove"]) == (0, 0)
    return status


def test_run_behind_which_the_same_people_were_refreshed_can_be_undone(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 8))
    status = run(undoing)
    for _ in range(2):
        refresh(undoing, *range(2, 8))
        idle = idle_run(undoing)
    assert "it has sent nobody and removed nobody" in refusal(undoing, idle)
    assert len(undo_blobs(undoing)) == 1
    answer = why(undoing.app, ADMINISTRATOR, undoing.export_id, person_of(address(0)))
    assert (answer.verdict, status["run_id"] in answer.sentence) == ("removed_by_run", True)
    undo(undoing, status)
    assert numbers(undoing) == set(range(6))
    refresh(undoing, *range(2, 8))
    assert counts(run(undoing)) == (2, 0, 4, 2)
    assert numbers(undoing) == set(range(2, 8))


def test_run_behind_which_another_export_had_nothing_to_do_can_be_undone(undoing):
    other = undoing.add_export("other", sync_mode="changes_only", segments=["Silver"])
    undoing.segment(f"CustomerId,EMail,FirstName\nC-9,{address(9)},Name9\n", name="Silver")
    run(undoing, export_id=other)
    refresh(undoing, *range(4))
    status = run(undoing)
    idle_run(undoing, export_id=other)
    undo(undoing, status)
    assert numbers(undoing) == {9}


def test_run_for_which_brevo_has_removed_nobody_may_have_changed_the_list(undoing, monkeypatch):
    refresh(undoing, *range(6))
    first = run(undoing)
    refresh(undoing, *range(1, 6))
    with monkeypatch.context() as patch:
        brevo_removes_nobody(patch)
        second = run(undoing)
    assert (second["contacts_to_remove"], second["contacts_not_removed"]) == (0, 1)
    assert f"the newer run {second['run_id']} has changed the list" in refusal(undoing, first)
