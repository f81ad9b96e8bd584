"""An export that ends takes out of its list whom it has put there, and nobody else, where that is asked for."""

import os

import pytest

from shared.administration.ledgers import reset_ledger
from shared.administration.running import undo_run
from shared.brevo.removal import remove_contacts
from shared.errors import ConfigurationError
from shared.operating.person import person_of
from shared.operating.pruning import prune
from shared.operating.why import why
from shared.runs.clearing import members_of
from shared.runs.overview import export_overview
from shared.runs.starting import start_due
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.sync.stored import LEDGERS, UNDO
from tests.flow.clearing import ADMINISTRATOR, approved, begin, clear
from tests.flow.following import address, numbers, put_by_others, refresh, run
from tests.flow.holding import plan, skip
from tests.sizes import thinned


def refusal(flow):
    with pytest.raises(ConfigurationError) as refused:
        begin(flow)
    assert refused.value.code == "clear_impossible"
    assert 'With members "stay"' in refused.value.advice
    return refused.value.message


@pytest.mark.parametrize("mode", thinned(["full", "changes_only", "mirror", "mirror_exact"], 2))
def test_clear_takes_out_whom_the_export_has_put_there_and_nobody_else(following, mode):
    following.change(sync_mode=mode, max_removed=1)
    refresh(following, *range(4))
    following.run(accept=True)
    put_by_others(following, 50)
    status = clear(following)
    assert numbers(following) == {50}
    assert (status["contacts_to_remove"], status["contacts_removed"]) == (4, 4)
    assert (status["list_before"], status["list_after"]) == (5, 1)
    assert (status["contacts_delivered"], status["batches"]) == (0, 0)
    assert begin(following) is None, "nobody is left"
    files = [blob.file for blob in following.app.storage.app_blobs.listing_if_there(LEDGERS, "")]
    assert files == ["ledger.parquet"]


def test_run_that_takes_out_all_says_so_where_max_removed_allows_any_share(following):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(4))
    run(following)
    held = following.finish(begin(following).run_id)["held_for"]
    assert held["code"] == "guard_max_removed"
    assert "all of them, which is held whatever max_removed (1) allows" in held["message"]
    assert "more than" not in held["message"]


def test_clear_is_held_and_takes_out_nobody_before_a_person_approves(following):
    refresh(following, *range(4))
    run(following)
    held = following.finish(begin(following).run_id)
    assert (held["status"], held["contacts_to_remove"], numbers(following)) == ("held", 4, set(range(4)))
    assert held["held_for"]["code"] == "guard_max_removed"
    again = begin(following)
    assert (again.run_id, again.is_new) == (held["run_id"], False)
    assert "held" in again.reason
    assert approved(following, held["run_id"])["status"] == "succeeded"
    assert numbers(following) == set()


def test_clear_is_held_though_another_export_keeps_most_of_its_members(following):
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    rows = "".join(f"C-{n},{address(n)},Name{n}\n" for n in range(1, 8))
    following.segment(f"CustomerId,EMail,FirstName\n{rows}", name="Silver")
    run(following, export_id=other)
    refresh(following, *range(8))
    run(following)
    held = following.finish(begin(following).run_id)
    assert (held["status"], held["contacts_to_remove"]) == ("held", 1)
    assert "1 of the list's 1 members whom this export alone has put there" in held["held_for"]["message"]


def test_clear_that_is_accepted_beforehand_is_not_held(following):
    refresh(following, *range(4))
    run(following)
    assert following.finish(begin(following, accept=True).run_id)["status"] == "succeeded"
    assert numbers(following) == set()


def test_contact_that_another_export_keeps_in_the_list_stays(following):
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    following.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,Name1\n", name="Silver")
    run(following, export_id=other)
    refresh(following, *range(4))
    run(following)
    clear(following)
    assert numbers(following) == {1}
    assert begin(following) is None


def test_contact_that_another_export_sends_before_the_approval_or_after_it_stays(following):
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    refresh(following, *range(4))
    run(following)
    held = following.finish(begin(following).run_id)
    following.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,Name1\n", name="Silver")
    run(following, export_id=other)
    assert approved(following, held["run_id"])["contacts_removed"] == 3
    assert numbers(following) == {1}


def test_blocked_member_leaves_the_list_and_stays_blocked(following):
    refresh(following, *range(4))
    run(following)
    following.sandbox.change_contact(address(2), emailBlacklisted=True)
    clear(following)
    members = following.sandbox.account.lists[following.list_id].members
    assert len(members) == 0
    assert following.sandbox.account.contacts[address(2)].email_blocked


def test_list_that_is_changed_by_hand_before_the_approval_loses_only_whom_was_shown(following):
    refresh(following, *range(4))
    run(following)
    members = following.sandbox.account.lists[following.list_id].members
    members.popitem()
    held = following.finish(begin(following).run_id)
    assert held["contacts_to_remove"] == 3
    put_by_others(following, *range(4), 50)
    following.sandbox.change_contact(address(0), leaves=[following.list_id])
    status = approved(following, held["run_id"])
    assert status["contacts_removed"] == 2
    assert len(numbers(following)) == 2, "the one whom a colleague has put back, and the other's"
    assert following.finish(begin(following).run_id)["contacts_to_remove"] == 1, "now they are shown"


def test_clear_that_is_cancelled_midway_leaves_the_rest_which_the_next_one_takes_out(following, monkeypatch):
    monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", 1)
    refresh(following, *range(4))
    run(following)
    started = begin(following, accept=True)

    def removed(*sent):
        if (run := find_run(following.app, started.run_id)).counts.contacts_removed:
            request_cancel(following.app, run, "tester")
        return remove_contacts(*sent)

    monkeypatch.setattr("shared.runs.steps.settle.remove_contacts", removed)
    status = following.finish(started.run_id)
    assert (status["status"], len(numbers(following))) == ("cancelled", 3), "nothing is removed behind its end"
    assert "taken out of the list" in status["error"]["message"]
    monkeypatch.setattr("shared.runs.steps.settle.remove_contacts", remove_contacts)
    clear(following)
    assert numbers(following) == set()


def test_whom_an_import_of_a_cancelled_run_brings_is_waited_for_and_taken_out(following):
    refresh(following, *range(4))
    run(following)
    refresh(following, *range(4, 8))
    following.sandbox.change(seconds_fixed=0.7)
    started = following.start()
    following.work_until(lambda: find_run(following.app, started.run_id).state == "confirming")
    request_cancel(following.app, find_run(following.app, started.run_id), "tester")
    assert find_run(following.app, started.run_id).state == "cancelled"
    first = begin(following, accept=True)
    waits = []
    following.work_until(lambda: waits.append(find_run(following.app, first.run_id).waiting) or waits[-1])
    assert f"of the ended run {started.run_id}" in waits[-1]
    assert following.finish(first.run_id)["status"] == "succeeded"
    assert numbers(following) == set()


def test_second_clear_is_needed_where_a_run_has_come_between(following):
    refresh(following, *range(4))
    run(following)
    clear(following)
    run(following)
    assert begin(following) is not None


def test_export_that_has_never_run_has_nobody_to_take_out(following):
    assert begin(following) is None


def test_clear_is_refused_where_a_run_is_active_and_no_run_starts_beside_one(following):
    refresh(following, *range(4))
    started = following.start()
    with pytest.raises(ConfigurationError, match="A run of this export is active"):
        begin(following)
    following.finish(started.run_id)
    begin(following)
    with pytest.raises(ConfigurationError, match="A removal of members of this export is active"):
        following.start()


def test_export_that_identifies_by_the_customer_id_cannot_be_cleared(following):
    refresh(following, *range(4))
    run(following)
    following.change(identify_by="customer_id")
    assert "compared by addresses" in refusal(following)


def test_export_that_was_reset_cannot_be_cleared_since_nobody_knows_its_members(following):
    refresh(following, *range(4))
    run(following)
    reset_ledger(following.app, ADMINISTRATOR, following.export_id)
    assert "not known any more" in refusal(following)


def test_export_that_was_reset_cannot_be_cleared_after_its_runs_were_pruned_either(following):
    refresh(following, *range(4))
    run(following)
    reset_ledger(following.app, ADMINISTRATOR, following.export_id)
    following.app.storage.clock.skip(401 * 24 * 3600.0)
    assert prune(following.app, ADMINISTRATOR, 400)["runs"] == 1
    assert "not known any more" in refusal(following)


def test_export_whose_key_stands_in_another_setting_cannot_be_cleared_before_it_has_run(following, monkeypatch):
    refresh(following, *range(4))
    run(following)
    monkeypatch.setenv("BREVO_KEY_OTHER", os.environ[following.account])
    following.change_connection(api_key={"setting": "BREVO_KEY_OTHER"})
    assert "not known any more" in refusal(following)
    run(following)
    clear(following)
    assert numbers(following) == set()


def test_clear_that_is_approved_after_a_reset_fails_since_nobody_knows_the_members(following):
    refresh(following, *range(4))
    run(following)
    held = following.finish(begin(following).run_id)
    reset_ledger(following.app, ADMINISTRATOR, following.export_id)
    status = approved(following, held["run_id"])
    assert (status["status"], status["error"]["code"]) == ("failed", "clear_impossible")
    assert numbers(following) == set(range(4))
    assert "not known any more" in refusal(following)


def test_export_that_is_reset_after_it_was_cleared_has_nobody_left(following):
    refresh(following, *range(4))
    run(following)
    held = following.finish(begin(following).run_id)
    approved(following, held["run_id"])
    reset_ledger(following.app, ADMINISTRATOR, following.export_id)
    assert begin(following) is None


def test_ledger_of_another_secret_is_no_list_of_members(following, monkeypatch):
    refresh(following, *range(4))
    run(following)
    monkeypatch.setenv("APP_SECRET", "c2V2ZW50ZWVuLWJ5dGVzLWFuZC1maWZ0ZWVuLW1vcmU=")
    assert "it was made with another APP_SECRET" in refusal(following)


def test_clear_fails_where_the_ledger_of_another_export_cannot_be_read_by_then(following):
    other = following.add_export("other", sync_mode="full")
    refresh(following, *range(4))
    run(following)
    run(following, export_id=other)
    held = following.finish(begin(following).run_id)
    assert held["status"] == "succeeded", "nobody is to leave"
    blob = next(
        each for each in following.app.storage.app_blobs.listing_if_there(LEDGERS, "") if f"/{other}/" in each.name
    )
    run(following)
    following.app.storage.app_blobs.write(LEDGERS, blob.name, b"cut off")
    assert "another export" in refusal(following)


def test_clear_cannot_be_undone_nor_the_run_before_it(following):
    following.change(sync_mode="mirror")
    refresh(following, *range(4))
    status = run(following)
    cleared = clear(following)
    for run_id, why_not in ((cleared["run_id"], "a removal of members"), (status["run_id"], "has changed the list")):
        with pytest.raises(ConfigurationError, match=why_not):
            undo_run(following.app, ADMINISTRATOR, run_id, "http")
    assert following.app.storage.app_blobs.listing_if_there(UNDO, "") == []


def test_newer_snapshot_does_not_take_the_place_of_a_clear_that_is_held(following):
    following.change(schedule="with_refresh")
    refresh(following, *range(4))
    run(following)
    held = following.finish(begin(following).run_id)
    refresh(following, *range(8))
    (start,) = start_due(following.app)
    assert "A removal of members of this export is held" in start.reason
    assert find_run(following.app, held["run_id"]).is_held


def test_export_says_that_it_was_cleared_and_why_one_is_not_in_the_list(following):
    following.change(schedule="with_refresh")
    refresh(following, *range(4))
    run(following)
    document = following.app.document()
    export = document.export(following.export_id)
    started = begin(following)
    assert export_overview(following.app, document, export).why_not_running.code == "clear_active"
    following.finish(started.run_id)
    assert "To do it: segment-export approve" in export_overview(following.app, document, export).why_not_running.text
    approved(following, started.run_id)
    assert "has taken its members out" in export_overview(following.app, document, export).why_not_running.text
    (start,) = start_due(following.app)
    assert not start.is_new, "the snapshot is not sent again by itself"
    found = why(following.app, ADMINISTRATOR, following.export_id, person_of(address(1)))
    assert any("whom the export had put there" in line for line in found.evidence)


def test_plan_after_a_reset_makes_no_members_known(following):
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(4))
    run(following)
    reset_ledger(following.app, ADMINISTRATOR, following.export_id)
    status = following.finish(plan(following).run_id)
    document = following.app.document()
    assert members_of(following.app, document, document.exports[0]) is None
    request_cancel(following.app, find_run(following.app, status["run_id"]), "tester")
    assert "not known any more" in refusal(following)


@pytest.mark.parametrize("is_approved", [True, False])
def test_due_time_in_a_held_clear_starts_a_run_only_where_the_export_is_to_go_on(following, is_approved):
    following.change(schedule={"cron": "*/10 * * * *", "time_zone": "UTC"})
    refresh(following, *range(4))
    start_due(following.app)
    run(following)
    held = following.finish(begin(following).run_id)
    refresh(following, *range(6))
    skip(following, 650)
    assert not start_due(following.app)[0].is_new
    if is_approved:
        approved(following, held["run_id"])
    else:
        request_cancel(following.app, find_run(following.app, held["run_id"]), "tester")
    (start,) = start_due(following.app)
    assert start.is_new is not is_approved, start.reason
