"""Whom Brevo does not remove from a list: they are counted and noted, and the next run tries again."""

import pytest

from shared.runs.clearing import members_of
from shared.runs.status import find_run
from tests.flow.following import (
    address,
    brevo_passes_over_the_last,
    brevo_removes_nobody,
    numbers,
    refresh,
    run,
    take_out,
)
from tests.flow.undoing import leave, run_that_removes_nobody, undo


def test_whom_brevo_did_not_remove_is_noted_and_not_counted(following, monkeypatch):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(2, 6))
    brevo_removes_nobody(monkeypatch)
    status = run(following)
    assert (status["contacts_to_remove"], status["contacts_removed"], status["contacts_not_removed"]) == (0, 0, 2)
    assert status["list_after"] == len(numbers(following)) == 6
    assert any(note.startswith("Brevo did not remove 2 contacts, and does not say why.") for note in status["notes"])
    assert "0 contacts have left the list." in [event["text"] for event in status["story"]]


@pytest.mark.parametrize("mode", ["mirror", "mirror_exact"])
def test_whom_brevo_did_not_remove_the_next_run_takes_out(following, monkeypatch, mode):
    following.change(sync_mode=mode, max_removed=1)
    refresh(following, *range(6))
    run(following, accept=True)
    refresh(following, *range(2, 6))
    with monkeypatch.context() as patch:
        brevo_passes_over_the_last(patch)
        status = run(following)
        assert (status["contacts_removed"], status["contacts_not_removed"]) == (1, 1)
    assert numbers(following) == set(range(1, 6))
    refresh(following, *range(2, 6))
    assert run(following)["contacts_removed"] == 1
    for number in range(2):
        following.sandbox.change_contact(address(number), joins=[following.list_id])
    refresh(following, *range(2, 6))
    assert run(following)["contacts_removed"] == (0 if mode == "mirror" else 2), "it is not kept for ever"


def test_who_was_removed_beside_those_is_not_ours_when_they_come_back_by_a_form(following, monkeypatch):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(2, 6))
    with monkeypatch.context() as patch:
        brevo_passes_over_the_last(patch)
        run(following)
    assert numbers(following) == set(range(1, 6))
    following.sandbox.change_contact(address(0), joins=[following.list_id])
    refresh(following, *range(2, 6))
    assert run(following)["contacts_removed"] == 1
    assert numbers(following) == {0, *range(2, 6)}


def test_undo_does_not_put_back_who_left_and_was_not_removed_by_brevo(undoing, monkeypatch):
    status = run_that_removes_nobody(undoing, monkeypatch, *range(1, 8))
    assert (status["contacts_removed"], status["contacts_not_removed"]) == (0, 1)
    leave(undoing, 0)
    undo(undoing, status)
    assert numbers(undoing) == set(range(1, 6))


def test_ledger_of_the_undo_of_a_removal_that_brevo_has_not_done_has_each_contact_once(undoing, monkeypatch):
    status = run_that_removes_nobody(undoing, monkeypatch, *range(1, 6))
    undo(undoing, status)
    document = undoing.app.document()
    assert members_of(undoing.app, document, document.exports[0]) == len(numbers(undoing)) == 6


def test_undo_does_not_put_back_who_was_taken_out_by_hand_and_not_by_brevo(undoing, monkeypatch):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 8))
    with monkeypatch.context() as patch:
        brevo_passes_over_the_last(patch)
        status = run(undoing)
    assert (status["contacts_removed"], status["contacts_not_removed"]) == (1, 1)
    (left,) = numbers(undoing) & {0, 1}
    take_out(undoing, left)
    undo(undoing, status)
    assert numbers(undoing) == set(range(6)) - {left}


@pytest.mark.parametrize("goes", [leave, take_out])
def test_undo_does_not_put_back_who_left_and_whom_another_export_had_kept(undoing, goes):
    other = undoing.add_export("other", sync_mode="full", segments=["Silver"])
    undoing.segment(f"CustomerId,EMail,FirstName\nC-0,{address(0)},Name0\n", name="Silver")
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 8))
    undoing.change_connection(imports_at_once=2)
    undoing.sandbox.fail_next("POST /contacts/import", "import-failed")
    undoing.sandbox.change(seconds_fixed=0.7)
    started = undoing.start()
    undoing.work_until(lambda: find_run(undoing.app, started.run_id).state in ("delivering", "confirming"))
    run(undoing, export_id=other)
    assert not find_run(undoing.app, started.run_id).is_final
    status = undoing.finish(started.run_id)
    assert status["contacts_removed"] == 1 and numbers(undoing) & {0, 1} == {0}
    goes(undoing, 0)
    undo(undoing, status)
    assert numbers(undoing) & {0, 1} == {1}
