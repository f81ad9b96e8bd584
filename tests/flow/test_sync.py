"""The list follows the segment: what each mode sends, and who is taken out of the list."""

import pytest

from shared.runs.holding import approve as approved
from shared.runs.left_imports import LeftImport
from shared.runs.status import find_run
from shared.runs.steps.settle import settle
from tests.flow.following import DAYS, address, counts, numbers, put_by_others, refresh, run, take_out


def test_full_sends_all_each_time_and_counts_who_has_changed(following):
    refresh(following, *range(6))
    assert counts(run(following)) == (6, 0, 0, 6)
    refresh(following, *range(1, 8), c3="Other")
    assert counts(run(following)) == (2, 1, 4, 7)
    assert numbers(following) == set(range(8)), "nobody is removed"


def test_changes_only_sends_who_is_new_or_has_changed(following):
    following.change(sync_mode="changes_only")
    refresh(following, *range(6))
    assert counts(run(following)) == (6, 0, 0, 6)
    refresh(following, *range(1, 8), c3="Other")
    status = run(following)
    assert counts(status) == (2, 1, 4, 3)
    assert status["contacts_up_to_date"] == 4
    assert following.sent()[address(3)]["FIRSTNAME"] == "Other"
    refresh(following, *range(1, 8), c3="Other")
    assert counts(run(following)) == (0, 0, 7, 0)
    assert numbers(following) == set(range(8))


def test_mirror_takes_out_who_left_the_segment_and_whom_we_have_put_there(following):
    following.change(sync_mode="mirror", max_removed=1)
    put_by_others(following, 50)
    refresh(following, *range(6))
    status = run(following)
    assert (status["contacts_to_remove"], status["list_before"], status["list_after"]) == (0, 1, 7)
    refresh(following, *range(2, 8), c3="Other")
    status = run(following)
    assert counts(status) == (2, 1, 3, 3)
    assert (status["contacts_removed"], status["list_before"], status["list_after"]) == (2, 7, 7)
    assert numbers(following) == {*range(2, 8), 50}
    refresh(following, *range(8))
    assert run(following)["contacts_new"] == 2, "who returns is new"
    assert numbers(following) == {*range(8), 50}


def test_member_whom_a_colleague_has_taken_out_and_who_is_not_sent_is_not_counted_in_the_list(following):
    following.change(sync_mode="mirror")
    refresh(following, *range(6))
    run(following)
    take_out(following, 0)
    refresh(following, *range(7))
    status = run(following)
    assert (counts(status), status["list_before"], status["list_after"]) == ((1, 0, 6, 1), 5, 6)
    assert len(numbers(following)) == 6


def test_mirror_exact_takes_out_everybody_who_is_not_in_the_segment(following):
    following.change(sync_mode="mirror_exact", max_removed=1)
    put_by_others(following, 50)
    refresh(following, *range(6))
    status = run(following, accept=True)
    assert (status["contacts_removed"], status["list_before"], status["list_after"]) == (1, 1, 6)
    assert numbers(following) == set(range(6))


def test_contact_that_another_export_keeps_in_the_list_stays(following):
    following.change(sync_mode="mirror", max_removed=1)
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    following.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,Name1\n", name="Silver")
    refresh(following, *range(4))
    run(following)
    run(following, export_id=other)
    refresh(following, 3)
    status = run(following, accept=True)
    assert (status["contacts_removed"], numbers(following)) == (2, {1, 3})


def held(flow, code, **how):
    """A run that is held with this code; its status."""
    started = flow.start(**how)
    flow.work_until(lambda: flow.status(started.run_id)["status"] == "held")
    status = flow.status(started.run_id)
    assert status["held_for"]["code"] == code, status["held_for"]
    return status


def approve(flow, status):
    approved(flow.app, find_run(flow.app, status["run_id"]), "tester")
    return flow.finish(status["run_id"])


def test_removing_more_than_max_removed_is_held_and_approving_removes_as_many(following):
    following.change(sync_mode="mirror")
    refresh(following, *range(10))
    run(following)
    refresh(following, *range(4, 10))
    status = held(following, "guard_max_removed")
    assert "4 of the list's 10 members whom we have put there" in status["held_for"]["message"]
    assert (status["contacts_to_remove"], status["contacts_removed"], len(numbers(following))) == (4, 0, 10)
    status = approve(following, status)
    assert (status["status"], status["contacts_removed"]) == ("succeeded", 4), status["error"]
    assert numbers(following) == set(range(4, 10))


def test_removing_all_of_ours_is_held_whatever_the_share(following):
    following.change(sync_mode="mirror", max_removed=1, max_shrink=1)
    refresh(following, 1)
    run(following)
    refresh(following, 2)
    status = approve(following, held(following, "guard_max_removed"))
    assert (status["contacts_removed"], numbers(following)) == (1, {2})


def test_first_run_of_mirror_exact_is_held(following):
    following.change(sync_mode="mirror_exact", max_removed=1)
    put_by_others(following, 50, 51)
    refresh(following, *range(6))
    status = held(following, "guard_first_mirror_exact")
    assert "2 of 2 members" in status["held_for"]["message"]
    assert numbers(approve(following, status) and following) == set(range(6))
    refresh(following, *range(7))
    assert run(following)["contacts_delivered"] == 1


def test_first_run_of_mirror_exact_is_held_though_it_takes_out_nobody_and_a_later_one_by_the_share_of_all(following):
    following.change(sync_mode="mirror_exact", max_removed=0.3)
    refresh(following, *range(10))
    approve(following, held(following, "guard_first_mirror_exact"))
    put_by_others(following, *range(50, 54))
    refresh(following, *range(10))
    assert run(following)["contacts_removed"] == 4


@pytest.mark.parametrize("mode", ["full", "changes_only", "mirror"])
def test_first_run_of_mirror_exact_is_held_also_where_the_export_had_another_mode(following, mode):
    following.change(sync_mode=mode, max_removed=1)
    put_by_others(following, 50, 51)
    refresh(following, *range(10))
    run(following)
    following.change(sync_mode="mirror_exact")
    refresh(following, *range(10))
    status = held(following, "guard_first_mirror_exact")
    assert "2 of 12 members" in status["held_for"]["message"]
    assert numbers(approve(following, status) and following) == set(range(10))
    refresh(following, *range(9))
    assert run(following)["contacts_removed"] == 1


def test_approved_run_does_never_more_than_was_shown(following):
    following.change(sync_mode="mirror", max_removed=0.3)
    following.change_connection(leavers="asked")
    refresh(following, *range(10))
    run(following)
    following.sandbox.seed(contacts=[{"email": address(30), "listUnsubscribed": [following.list_id]}])
    refresh(following, *range(4, 10), 30)
    status = held(following, "guard_max_removed")
    assert status["contacts_left_out"] == {"left_list": 1}
    put_by_others(following, 30)
    again = approved_and_held(following, status)
    assert again["held_for"]["code"] == "plan_outgrown"
    assert len(numbers(following) - {30}) == 10, "nothing is done"
    assert approve(following, again)["contacts_removed"] == 4
    assert numbers(following) == {*range(4, 10), 30}


def approved_and_held(flow, status):
    approved(flow.app, find_run(flow.app, status["run_id"]), "tester")
    flow.work_until(lambda: flow.status(status["run_id"])["held_for"]["code"] != status["held_for"]["code"])
    return flow.status(status["run_id"])


@pytest.mark.parametrize("members", [0, 20])
def test_list_that_brevo_does_not_write_down_whole_removes_nobody(following, monkeypatch, members):
    following.change(sync_mode="mirror")
    refresh(following, *range(6))
    run(following)
    monkeypatch.setattr("shared.runs.excluded._MOST_BESIDE", 0)
    monkeypatch.setattr("shared.brevo.client.BrevoClient.list_size", lambda *_: 1 if members else 6)
    if not members:
        monkeypatch.setattr("shared.runs.answers.read_export", lambda *_: iter(()))
    else:
        put_by_others(following, *range(50, 70))
    refresh(following, *range(5))
    following.export["max_removed"] = 1
    status = following.run()
    assert status["error"]["code"] == "list_unknown"
    assert set(range(6)) <= numbers(following)


@pytest.mark.parametrize("change", [{"export_outcome": "refused_403"}, {"export_contact_number": "none"}])
def test_list_is_read_page_by_page_where_brevo_does_not_write_it_down_with_numbers(following, change):
    following.sandbox.change(**change)
    following.change(sync_mode="mirror", max_removed=1)
    put_by_others(following, 50)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(2, 6))
    status = run(following)
    assert (status["contacts_removed"], numbers(following)) == (2, {*range(2, 6), 50})
    (read,) = [event["text"] for event in status["story"] if event["kind"] == "list_read"]
    assert "7 members were read page by page: 1 request." in read


def test_run_that_only_removes_waits_for_an_import_that_would_bring_them_back(following, monkeypatch):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(4))
    run(following)
    waited = []

    def left(app, this):
        waited.append((this.counts.batches, len(numbers(following)), this.waiting))
        import_ = LeftImport("gold-1", 1, 4711, app.now(), app.now() + 60, is_unlisted=False)
        return [import_] if len(waited) == 1 else []

    monkeypatch.setattr("shared.runs.steps.settle.left_by_its_export", left)
    monkeypatch.setattr("shared.runs.steps.settle._LOOK_SECONDS", 0)
    refresh(following, *range(1, 4))
    assert run(following)["contacts_removed"] == 1
    assert waited == [
        (0, 4, ""),
        (0, 4, "It removes nobody yet: it waits for the import 4711 of the ended run gold-1."),
    ]
    assert numbers(following) == {1, 2, 3}


def test_who_moves_to_another_export_of_the_list_while_this_one_is_under_way_stays(following, monkeypatch):
    following.change(sync_mode="mirror", max_removed=1)
    other = following.add_export("other", sync_mode="mirror", segments=["Silver"])
    following.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,Name1\n", name="Silver")
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(2, 6))
    begun = []

    def settled_late(app, this, batches):
        """The other export sends all of its own before this one begins to remove."""
        if not begun:
            begun.append(this.run_id)
            assert run(following, export_id=other)["contacts_delivered"] == 1
        return settle(app, this, batches)

    monkeypatch.setattr("shared.runs.steps.confirm.settle", settled_late)
    status = run(following)
    assert status["run_id"] == begun[0]
    assert (status["contacts_to_remove"], status["contacts_removed"], status["list_after"]) == (1, 1, 5)
    assert numbers(following) == {1, 2, 3, 4, 5}
    assert any("another export has sent them" in event["text"] for event in status["story"])
    refresh(following, *range(2, 6))
    assert run(following)["contacts_removed"] == 0
    assert numbers(following) == {1, 2, 3, 4, 5}


def silver(flow, *people):
    rows = "".join(f"C-{n},person{n}@example.com,Name{n}\n" for n in people)
    flow.segment(f"CustomerId,EMail,FirstName\n{rows}", name="Silver", refresh=next(flow.silver_days))


@pytest.fixture
def two_mirrors(following):
    """Two mirrors of one list; the second one's segment is `silver`."""
    following.silver_days = iter(DAYS)
    following.change(sync_mode="mirror", max_removed=1)
    following.other = following.add_export("other", segments=["Silver"])
    return following


def run_both_at_once(flow):
    started = [flow.start(export_id=each).run_id for each in (flow.export_id, flow.other)]
    for each in started:
        assert flow.finish(each)["status"] == "succeeded"


def test_who_leaves_the_segments_of_two_mirrors_at_once_is_taken_out_of_their_list(two_mirrors):
    refresh(two_mirrors, *range(6))
    silver(two_mirrors, 0, 7, 8)
    run(two_mirrors)
    run(two_mirrors, export_id=two_mirrors.other)
    refresh(two_mirrors, *range(1, 6))
    silver(two_mirrors, 7, 8)
    run_both_at_once(two_mirrors)
    refresh(two_mirrors, *range(1, 6))
    assert run(two_mirrors)["contacts_removed"] == 1
    assert numbers(two_mirrors) == {1, 2, 3, 4, 5, 7, 8}


def test_who_stays_for_another_export_leaves_with_that_one_and_is_new_where_they_return(two_mirrors):
    refresh(two_mirrors, *range(3))
    silver(two_mirrors, 0, 7, 8)
    run(two_mirrors)
    run(two_mirrors, export_id=two_mirrors.other)
    refresh(two_mirrors, 1, 2)
    assert run(two_mirrors)["contacts_removed"] == 0
    refresh(two_mirrors, *range(3))
    assert counts(run(two_mirrors)) == (1, 0, 2, 1)
    refresh(two_mirrors, 1, 2)
    assert run(two_mirrors)["contacts_removed"] == 0
    silver(two_mirrors, 7, 8)
    assert run(two_mirrors, export_id=two_mirrors.other)["contacts_removed"] == 1
    assert numbers(two_mirrors) == {1, 2, 7, 8}


def test_who_moves_from_one_mirror_to_another_at_once_stays(two_mirrors):
    refresh(two_mirrors, *range(3))
    silver(two_mirrors, 7, 8)
    run(two_mirrors)
    run(two_mirrors, export_id=two_mirrors.other)
    refresh(two_mirrors, 1, 2)
    silver(two_mirrors, 0, 7, 8)
    run_both_at_once(two_mirrors)
    assert numbers(two_mirrors) == {0, 1, 2, 7, 8}


@pytest.mark.parametrize("mode", ["full", "changes_only"])
def test_who_returns_to_the_segment_is_sent_again_where_nobody_is_removed(following, mode):
    following.change(sync_mode=mode)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(1, 6))
    run(following)
    take_out(following, 0)
    following.change(sync_mode="changes_only")
    refresh(following, *range(6))
    assert counts(run(following)) == (1, 0, 5, 1)
    assert numbers(following) == set(range(6))


def test_whom_changes_only_has_left_in_the_list_is_removed_once_it_mirrors(following):
    following.change(sync_mode="changes_only", max_removed=1)
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(2, 6))
    run(following)
    take_out(following, 0)
    following.change(sync_mode="mirror")
    refresh(following, *range(2, 6))
    assert run(following)["contacts_removed"] == 1
    put_by_others(following, 0)
    refresh(following, *range(2, 6))
    assert run(following)["contacts_removed"] == 0
    assert numbers(following) == {0, 2, 3, 4, 5}
