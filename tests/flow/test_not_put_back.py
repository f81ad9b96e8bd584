"""Whom an undo cannot put back: they are counted and noted, and not said to be in the list."""

import pytest

from shared.brevo.removal import add_contacts
from tests.flow.following import address, brevo_passes_over_the_last, numbers, put_by_others, refresh, run
from tests.flow.undoing import undo


@pytest.fixture
def removed(undoing):
    """A mirror of which a run has removed 0, 1 and 2."""
    refresh(undoing, *range(8))
    run(undoing)
    refresh(undoing, *range(3, 8))
    undoing.removing = run(undoing)
    assert undoing.removing["contacts_removed"] == 3
    return undoing


def reported(undone):
    counts = tuple(undone[f"contacts_{name}"] for name in ("to_add", "added", "not_added"))
    return counts, [event["text"] for event in undone["story"] if event["kind"] == "added"]


def delete(flow, number):
    with flow.sandbox.account.lock:
        flow.sandbox.account.delete(flow.sandbox.account.contacts[address(number)])


@pytest.mark.parametrize("noted_every", [1, 1500])
def test_contact_that_brevo_has_no_more_is_not_counted_as_put_back(removed, monkeypatch, noted_every):
    monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", noted_every)
    delete(removed, 1)
    undone = undo(removed, removed.removing)
    assert reported(undone) == ((2, 2, 1), ["2 contacts are in the list again."])
    assert undone["list_after"] == len(numbers(removed)) == 7
    assert "1 contact could not be put back: Brevo did not do it, or has them no more." in undone["notes"]


def test_nobody_is_counted_as_put_back_where_all_are_gone(removed):
    for number in range(3):
        delete(removed, number)
    undone = undo(removed, removed.removing)
    assert reported(undone) == ((0, 0, 3), ["0 contacts are in the list again."])
    assert undone["list_after"] == len(numbers(removed)) == 5


def test_contact_whom_brevo_does_not_put_back_is_not_counted(removed, monkeypatch):
    brevo_passes_over_the_last(monkeypatch)
    undone = undo(removed, removed.removing)
    assert reported(undone)[0] == (2, 2, 1)
    assert undone["list_after"] == len(numbers(removed)) == 7


def test_contact_whom_somebody_has_put_back_meanwhile_is_in_the_list(removed, monkeypatch):
    def late(*sent):
        put_by_others(removed, 1)
        return add_contacts(*sent)

    monkeypatch.setattr("shared.runs.steps.settle.add_contacts", late)
    undone = undo(removed, removed.removing)
    assert (reported(undone)[0], undone["list_after"]) == ((3, 3, 0), 8)
    assert numbers(removed) == set(range(8))
