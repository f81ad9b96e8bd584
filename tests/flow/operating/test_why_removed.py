"""Why a person is not in the list whom a run has taken out of it: the run, when, and since what."""

import pytest

from shared.administration.running import verify_export
from shared.app_secret import new_secret
from shared.brevo.removal import remove_contacts
from shared.operating.person import person_of
from shared.operating.why import why
from shared.runs.holding import approve
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.times import local_text
from tests.flow import clearing
from tests.flow import undoing as undos
from tests.flow.clearing import clear
from tests.flow.following import address, numbers, refresh, run, take_out
from tests.flow.holding import plan
from tests.flow.operating.tools import ADMINISTRATOR
from tests.flow.undoing import run_that_removes_nobody, undo


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


# What came behind it, or did not come to its end


def cut_off(flow, monkeypatch, run_id):
    """The undo or clear is cancelled once it has removed somebody; one whom it has."""
    before = numbers(flow)
    with monkeypatch.context() as patch:
        patch.setattr("shared.runs.steps.settle._NOTED_EVERY", 1)

        def removed(*sent):
            if (now := find_run(flow.app, run_id)).counts.contacts_removed:
                request_cancel(flow.app, now, "tester")
            return remove_contacts(*sent)

        patch.setattr("shared.runs.steps.settle.remove_contacts", removed)
        if flow.finish(run_id)["status"] == "held":
            approve(flow.app, find_run(flow.app, run_id), "tester")
            flow.finish(run_id)
    assert flow.status(run_id)["status"] == "cancelled"
    return (before - numbers(flow)).pop()


def test_person_whom_a_cancelled_undo_may_have_taken_out_is_told_so(undoing, monkeypatch):
    refresh(undoing, *range(2))
    run(undoing)
    refresh(undoing, *range(6))
    added = run(undoing)["run_id"]
    run_id = undos.begin(undoing, {"run_id": added}).run_id
    gone = cut_off(undoing, monkeypatch, run_id)
    answer = answered(undoing, gone)
    assert (answer.verdict, answer.sentence) == (
        "removed_by_run",
        f"Run {run_id} was to undo the run {added}, which had added the contact, and is cancelled: it may have taken "
        "out the person.",
    )
    run(undoing)
    assert gone in numbers(undoing), "as the advice says"


@pytest.mark.parametrize("mode", ["full", "changes_only"])
def test_person_whom_a_cancelled_clear_may_have_taken_out_is_told_so(following, monkeypatch, mode):
    following.change(sync_mode=mode)
    refresh(following, *range(6))
    run(following)
    run_id = clearing.begin(following, accept=True).run_id
    gone = cut_off(following, monkeypatch, run_id)
    answer = answered(following, gone)
    assert answer.verdict == "removed_by_run"
    assert answer.sentence.endswith("and is cancelled: it may have taken out the person.")
    run(following)
    assert gone in numbers(following), "as the advice says"


@pytest.mark.parametrize("end", ["rejected", "failed"])
def test_clear_is_not_forgotten_for_a_run_behind_it_that_has_sent_nothing(following, end):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(4))
    run(following)
    clear(following)
    if end == "rejected":
        held = following.finish(plan(following).run_id)
        request_cancel(following.app, find_run(following.app, held["run_id"]), "tester")
    else:
        following.change(mapping={"email": "EMail", "first_name": "Nothing"})
        assert following.run()["status"] == "failed"
        following.change(mapping={"email": "EMail", "first_name": "FirstName"})
    assert answered(following, 1).verdict == "removed_by_run"


def test_person_whom_a_clear_has_left_to_another_export_was_not_taken_out_by_it(following):
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    following.segment(f"CustomerId,EMail,FirstName\nC-1,{address(1)},Name1\n", name="Silver")
    run(following, export_id=other)
    refresh(following, *range(4))
    run(following)
    clear(following)
    assert numbers(following) == {1}
    take_out(following, 1)
    assert answered(following, 1).verdict == "lost_by_hand"
    assert answered(following, 2).verdict == "removed_by_run"


def test_person_whom_brevo_had_not_removed_was_not_taken_out_by_the_run(undoing, monkeypatch):
    assert run_that_removes_nobody(undoing, monkeypatch, *range(1, 8))["contacts_not_removed"] == 1
    take_out(undoing, 0)
    assert answered(undoing, 0).verdict == "not_in_segment"


def test_removal_by_another_export_before_a_repair_is_not_why_they_are_missing(following):
    following.change(sync_mode="changes_only")
    other = following.add_export("other", sync_mode="mirror_exact", segments=["Silver"], max_removed=1)
    following.segment("CustomerId,EMail,FirstName\nC-9,person9@example.com,Name9\n", name="Silver")
    refresh(following, *range(3))
    run(following)
    run(following, export_id=other, accept=True)
    following.finish(verify_export(following.app, ADMINISTRATOR, following.export_id, "http", repair=True).run_id)
    assert 1 in numbers(following)
    take_out(following, 1)
    assert answered(following, 1).verdict == "lost_by_hand"


def test_runs_to_another_list_say_nothing(following):
    refresh(following, *range(4))
    run(following)
    following.sandbox.seed(lists=[{"id": 13, "name": "New", "folderId": 1}])
    following.change(list_id=13)
    answer = answered(following, 1)
    assert (answer.verdict, answer.sentence) == ("not_exported_yet", "The export has sent nothing to list 13 yet.")


def test_plan_that_has_found_nothing_to_do_has_taken_its_snapshot(undoing):
    refresh(undoing, *range(4))
    run(undoing)
    refresh(undoing, *range(4))
    take_out(undoing, 1)
    assert undoing.finish(plan(undoing).run_id)["status"] == "skipped"
    assert answered(undoing, 1).verdict == "lost_by_hand"
