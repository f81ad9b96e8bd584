"""Whose member somebody in a list is decides whom a run takes out of it, and who stays."""

from shared.runs.holding import approve
from shared.runs.starting import start_run
from shared.runs.status import find_run
from shared.sync.stored import drop_ledgers
from tests.flow.following import numbers, put_by_others, refresh, run, take_out

ANA = "CustomerId,EMail,FirstName\nC-1,person1@example.com,Ana\n"
BO = "CustomerId,EMail,FirstName\nC-2,person2@example.com,Bo\n"


def test_who_was_taken_out_and_comes_back_by_a_form_is_not_ours(following):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(1, 6))
    assert run(following)["contacts_removed"] == 1
    put_by_others(following, 0)
    refresh(following, *range(2, 6))
    assert run(following)["contacts_removed"] == 1
    assert numbers(following) == {0, *range(2, 6)}


def test_member_whose_change_for_another_export_brevo_rejected_is_kept_by_that_export(following, monkeypatch):
    following.change(sync_mode="mirror", max_removed=1)
    other = following.add_export("other", sync_mode="changes_only", segments=["Silver"], max_rejected=1)
    refresh(following, *range(4))
    run(following)
    following.segment(ANA, name="Silver")
    run(following, export_id=other)
    with monkeypatch.context() as patch:
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person1"))
        following.segment(ANA.replace("Ana", "Anna"), name="Silver", refresh="2026/11/25/0500")
        assert following.run(export_id=other)["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    refresh(following, 0, 2, 3)
    assert run(following)["contacts_removed"] == 0
    assert numbers(following) == set(range(4))


def test_who_has_left_the_segment_of_an_export_that_takes_nobody_out_is_kept_by_it(following):
    following.change(sync_mode="mirror", max_removed=1)
    other = following.add_export("other", sync_mode="changes_only", segments=["Silver"])
    refresh(following, *range(4))
    run(following)
    following.segment(ANA, name="Silver")
    run(following, export_id=other)
    following.segment(BO, name="Silver", refresh="2026/11/25/0500")
    run(following, export_id=other)
    refresh(following, 0, 2, 3)
    assert run(following)["contacts_removed"] == 0
    assert numbers(following) == set(range(4))


def test_mirror_that_could_take_nobody_out_keeps_nobody_who_has_left_its_segment(following):
    following.change(sync_mode="mirror", max_removed=1)
    other = following.add_export("other", sync_mode="mirror", max_removed=1, segments=["Silver"])
    third = following.add_export("third", segments=["Bronze"])
    refresh(following, *range(4))
    run(following)
    following.segment(ANA, name="Silver")
    run(following, export_id=other)
    following.segment(BO, name="Bronze")
    run(following, export_id=third)
    drop_ledgers(following.app.storage.app_blobs, third)
    following.segment(BO, name="Silver", refresh="2026/11/25/0500")
    assert run(following, export_id=other)["contacts_removed"] == 0  # whom the third one keeps is not known
    following.segment(BO, name="Bronze", refresh="2026/11/25/0500")
    run(following, export_id=third)
    refresh(following, 0, 2, 3)
    assert run(following)["contacts_removed"] == 1
    assert numbers(following) == {0, 2, 3}


def test_mirror_exact_takes_out_also_whom_another_export_has_put_there(following):
    following.change(sync_mode="mirror_exact", max_removed=1)
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    following.segment(ANA, name="Silver")
    run(following, export_id=other)
    refresh(following, *range(2, 6))
    assert run(following, accept=True)["contacts_removed"] == 1
    assert numbers(following) == set(range(2, 6))


def test_who_was_in_no_plan_as_to_be_removed_stays_though_they_are_in_the_list_again(following):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(6))
    run(following)
    take_out(following, 0)
    refresh(following, *range(1, 7))
    ready = following.app.ready_export(following.export_id)
    status = following.finish(start_run(following.app, ready, "terminal", "ana", kind="plan").run_id)
    assert (status["status"], status["contacts_to_remove"]) == ("held", 0)
    put_by_others(following, 0)
    approve(following.app, find_run(following.app, status["run_id"]), "ana")
    done = following.finish(status["run_id"])
    assert (done["status"], done["contacts_removed"]) == ("succeeded", 0)
    assert numbers(following) == set(range(7))
