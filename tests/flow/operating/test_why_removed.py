"""Why a person is not in the list whom a run has taken out of it: the run, when, and since what."""

import pytest

from shared.app_secret import new_secret
from shared.operating.person import person_of
from shared.operating.why import why
from shared.runs.status import find_run
from shared.times import local_text
from tests.flow.clearing import clear
from tests.flow.following import address, refresh, run
from tests.flow.operating.tools import ADMINISTRATOR
from tests.flow.test_verify import take_out
from tests.flow.undoing import undo


def answered(flow, number):
    answer = why(flow.app, ADMINISTRATOR, flow.export_id, person_of(address(number)))
    assert address(number) not in repr(answer)
    return answer


def ended(flow, status):
    return local_text(find_run(flow.app, status["run_id"]).times["succeeded"])


def test_person_whom_a_mirror_has_removed_is_told_the_run_and_its_day(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    status = run(undoing)
    answer = answered(undoing, 1)
    assert (answer.verdict, answer.reason) == ("removed_by_run", None)
    assert answer.sentence == (
        f"Run {status['run_id']} removed the contact on {ended(undoing, status)}, since no row of the segment has the "
        "address any more."
    )
    assert f"Run {status['run_id']}: the contact is among those whom it has removed from list 12." in answer.evidence
    assert f"`segment-export undo {status['run_id']}`" in answer.advice


def test_removal_is_known_by_the_number_once_app_secret_is_another(undoing, monkeypatch):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    run(undoing)
    monkeypatch.setenv("APP_SECRET", new_secret())
    assert answered(undoing, 1).verdict == "removed_by_run"
    assert answered(undoing, 9).verdict == "not_in_segment"


def test_removal_before_the_newest_snapshot_says_that_the_row_was_not_there_then(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    status = run(undoing)
    refresh(undoing, *range(3, 6))
    answer = answered(undoing, 1)
    assert answer.verdict == "removed_by_run"
    assert answer.sentence.startswith(f"Run {status['run_id']} removed the contact on ")
    assert "the newest snapshot has none either" in answer.sentence


def test_row_that_is_rejected_now_is_the_reason_and_the_removal_is_in_the_evidence(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    rows = "".join(f"C-{n},person{n}@example.com,Name\n" for n in range(2, 6))
    undoing.segment(f'CustomerId,EMail,FirstName\nC-1,person1@example.com,"Name"x\n{rows}', refresh=next(undoing.days))
    status = undoing.run()
    answer = answered(undoing, 1)
    assert (answer.verdict, answer.reason) == ("rejected", "malformed_row")
    assert any(f"Run {status['run_id']}: the contact is among those" in line for line in answer.evidence)


def test_who_was_never_there_is_only_told_that_no_row_has_the_address(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    status = refresh(undoing, *range(2, 6)) or run(undoing)
    answer = answered(undoing, 77)
    assert answer.verdict == "not_in_segment"
    told = f"Run {status['run_id']}: the contact is not among those whom it has removed. Of runs before it that is not"
    assert f"{told} kept." in answer.evidence


def test_removal_before_the_run_that_has_sent_the_person_again_is_not_why_they_are_missing(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(1, 6))
    removing = run(undoing)
    undoing.change(sync_mode="changes_only")
    refresh(undoing, *range(6))
    assert run(undoing)["contacts_new"] == 1
    take_out(undoing, 0)
    answer = answered(undoing, 0)
    assert answer.verdict == "lost_by_hand"
    assert any(f"Run {removing['run_id']}: the contact is among those" in line for line in answer.evidence)


@pytest.mark.parametrize("again", [False, True])
def test_person_whom_another_export_of_the_list_has_removed_is_told_its_run(following, again):
    following.change(sync_mode="changes_only")
    other = following.add_export("other", sync_mode="mirror_exact", segments=["Silver"], max_removed=1)
    following.segment("CustomerId,EMail,FirstName\nC-9,person9@example.com,Name9\n", name="Silver")
    refresh(following, *range(3))
    run(following)
    removing = run(following, export_id=other, accept=True)
    if again:  # it compares with what it has sent, and so does not see that they are gone
        refresh(following, *range(3))
        assert run(following)["contacts_delivered"] == 0
    answer = answered(following, 1)
    assert answer.verdict == "removed_by_run"
    assert answer.sentence == f"Run {removing['run_id']} removed the contact on {ended(following, removing)}."
    assert answer.advice.startswith(f"The export {other} writes to the same list")


def test_removal_that_was_undone_is_none(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    undo(undoing, run(undoing))
    assert answered(undoing, 1).verdict == "in_list"


def test_person_whom_an_undo_has_taken_out_is_told_so(undoing):
    refresh(undoing, *range(4))
    run(undoing)
    refresh(undoing, *range(6))
    added = run(undoing)
    undone = undo(undoing, added)
    answer = answered(undoing, 5)
    assert answer.verdict == "removed_by_run"
    assert answer.sentence == (
        f"Run {undone['run_id']} removed the contact on {ended(undoing, undone)}: it has undone the run "
        f"{added['run_id']}, which had added it."
    )
    assert f"segment-export run {undoing.export_id} --wait" in answer.advice


def test_person_whom_the_end_of_an_export_has_taken_out_was_lost_by_nobodys_hand(following):
    refresh(following, *range(4))
    run(following)
    cleared = clear(following)
    answer = answered(following, 1)
    assert answer.verdict == "removed_by_run"
    assert answer.sentence == (
        f"Run {cleared['run_id']} took out of the list, on {ended(following, cleared)}, whom the export had put there."
    )


@pytest.mark.parametrize("mode", ["full", "changes_only"])
def test_export_that_removes_nobody_keeps_nothing_and_says_nothing_of_it(following, mode):
    following.change(sync_mode=mode)
    refresh(following, *range(4))
    run(following)
    answer = answered(following, 9)
    assert answer.verdict == "not_in_segment"
    assert not any("removed" in line for line in answer.evidence)
