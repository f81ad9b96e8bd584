"""Undo: whose members those are afterwards whom it puts back, or finds in the list."""

from tests.flow.following import numbers, put_by_others, refresh, run
from tests.flow.undoing import run_with_one_rejected, undo


def test_members_of_others_whom_mirror_exact_took_out_are_put_back_and_are_not_ours(undoing):
    undoing.change(sync_mode="mirror_exact")
    put_by_others(undoing, 50, 51)
    refresh(undoing, *range(4))
    status = run(undoing, accept=True)
    assert (status["contacts_removed"], numbers(undoing)) == (2, set(range(4)))
    undone = undo(undoing, status)
    assert (undone["contacts_added"], numbers(undoing)) == (2, {50, 51})
    undoing.change(sync_mode="mirror")
    refresh(undoing, *range(4))
    assert run(undoing)["contacts_to_remove"] == 0
    assert numbers(undoing) == {*range(4), 50, 51}


def test_member_of_ours_whom_a_colleague_has_put_back_before_the_undo_is_ours_again(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    status = run(undoing)
    put_by_others(undoing, 1)
    assert undo(undoing, status)["contacts_added"] == 1
    refresh(undoing, *range(2, 6))
    assert run(undoing)["contacts_removed"] == 2
    assert numbers(undoing) == set(range(2, 6))


def test_whom_brevo_rejected_and_who_came_by_a_form_is_not_ours_after_the_undo(undoing, monkeypatch):
    status = run_with_one_rejected(undoing, monkeypatch)
    put_by_others(undoing, 2)
    undo(undoing, status)
    refresh(undoing, 0, 1)
    assert run(undoing)["contacts_to_remove"] == 0
    assert numbers(undoing) == {0, 1, 2}
