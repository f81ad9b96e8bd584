"""A key that opens another account than the ledger's: nobody is taken to be in a list of that account."""

import pytest

from shared.administration.ledgers import reset_ledger
from shared.administration.running import verify_export
from shared.brevo.client import Account, BrevoClient
from shared.brevo.probed import ProbeAnswers, save_probe
from shared.errors import PermanentError, TransientError
from tests.flow.clearing import ADMINISTRATOR
from tests.flow.following import address, counts, numbers, put_by_others, refresh, run, take_out
from tests.flow.undoing import begin


def open_account(monkeypatch, account):
    monkeypatch.setattr(BrevoClient, "account", lambda _: Account(account, []))


@pytest.fixture
def moved(following, monkeypatch):
    """An export whose ledger is of an account, when its key opens another one."""

    def change(mode, before="first", now="second"):
        following.change(sync_mode=mode, max_removed=1)
        open_account(monkeypatch, before)
        refresh(following, *range(4))
        run(following)
        open_account(monkeypatch, now)
        refresh(following, *range(1, 5))

    following.moved = change
    return following


@pytest.mark.parametrize("mode", ["changes_only", "mirror"])
def test_run_of_another_account_is_stopped_until_the_ledger_is_reset(moved, mode):
    moved.moved(mode)
    error = moved.run()["error"]
    assert (error["code"], moved.account in error["message"]) == ("account_changed", True)
    assert f"segment-export reset {moved.export_id}" in error["advice"]
    assert numbers(moved) == set(range(4)), "nothing is sent and nobody removed"
    reset_ledger(moved.app, ADMINISTRATOR, moved.export_id)
    assert counts(run(moved)) == (4, 0, 0, 4)


def test_run_that_sends_all_goes_on_and_its_ledger_is_of_the_new_account(moved):
    moved.moved("full")
    status = run(moved)
    assert counts(status) == (4, 0, 0, 4), "in that account all are new"
    assert any("it is of another Brevo account" in note for note in status["notes"])
    moved.change(sync_mode="changes_only")
    refresh(moved, *range(1, 5))
    status = run(moved)
    assert (counts(status), status["notes"]) == ((0, 0, 4, 0), [])


def test_member_of_the_new_account_s_list_whom_a_form_has_put_there_is_not_ours_by_the_old_ledger(moved):
    moved.moved("full")
    take_out(moved, *range(4))  # it is the list of another account
    put_by_others(moved, 0)
    run(moved)
    moved.change(sync_mode="mirror")
    refresh(moved, *range(1, 5))
    assert run(moved)["contacts_removed"] == 0
    assert numbers(moved) == set(range(5))


@pytest.mark.parametrize("is_repair", [False, True])
def test_list_of_another_account_is_not_verified_by_the_ledger(moved, is_repair):
    moved.moved("full")
    started = verify_export(moved.app, ADMINISTRATOR, moved.export_id, "http", repair=is_repair)
    assert moved.finish(started.run_id)["error"]["code"] == "account_changed"


@pytest.mark.parametrize("mode", ["full", "mirror"])
def test_what_a_first_run_that_failed_has_sent_says_nothing_of_the_list_of_another_account(
    following, monkeypatch, mode
):
    following.change(sync_mode="mirror", max_removed=1)
    open_account(monkeypatch, "first")
    following.sandbox.fail_next("POST /contacts/import", "import-failed", times=2)
    refresh(following, *range(4))
    assert following.run()["error"]["code"] == "import_failed"
    open_account(monkeypatch, "second")
    put_by_others(following, 0)
    following.change(sync_mode=mode)
    refresh(following, *range(1, 4))
    if mode == "mirror":
        assert following.run()["error"]["code"] == "account_changed"
        return
    run(following)
    following.change(sync_mode="mirror")
    refresh(following, *range(1, 4))
    assert run(following)["contacts_removed"] == 0
    assert numbers(following) == set(range(4))


@pytest.mark.parametrize(("before", "now"), [("", "second"), ("first", "")])
def test_account_whose_id_brevo_does_not_give_is_taken_for_the_same(moved, before, now):
    moved.moved("changes_only", before, now)
    assert counts(run(moved)) == (1, 0, 3, 1)


@pytest.mark.parametrize("mode", ["changes_only", "mirror", "undo"])
def test_run_waits_until_brevo_says_whose_the_key_is(moved, monkeypatch, mode):
    moved.moved("mirror" if mode == "undo" else mode, now="first" if mode == "undo" else "second")
    run_id = begin(moved, run(moved)).run_id if mode == "undo" else ""
    before, asked = numbers(moved), []

    def account(_):
        asked.append(1)
        if len(asked) == 1:
            raise TransientError("brevo_unavailable", "Brevo is not there.", "It is tried again.")
        return Account("second", [])

    monkeypatch.setattr(BrevoClient, "account", account)
    status = moved.finish(run_id) if run_id else moved.run()
    assert (status["error"] or {}).get("code") == "account_changed"
    assert numbers(moved) == before, "nothing is sent and nobody removed"


@pytest.mark.parametrize("mode", ["changes_only", "mirror"])
def test_first_run_waits_too_or_its_ledger_would_be_of_no_account(following, monkeypatch, mode):
    following.change(sync_mode=mode, max_removed=1)
    answers = iter([TransientError("brevo_unavailable", "Brevo is not there.", "It is tried again.")])

    def account(_):
        for error in answers:
            raise error
        return Account("first", [])

    monkeypatch.setattr(BrevoClient, "account", account)
    refresh(following, *range(4))
    run(following)
    open_account(monkeypatch, "second")
    refresh(following, *range(1, 5))
    assert following.run()["error"]["code"] == "account_changed"


def test_run_goes_on_where_brevo_will_not_say_whose_the_key_is(moved, monkeypatch):
    moved.moved("changes_only")
    refused = PermanentError("brevo_refused", "Brevo refused the request.", "Look at the key.")
    monkeypatch.setattr(BrevoClient, "account", lambda _: _raise(refused))
    assert counts(run(moved)) == (1, 0, 3, 1)


def _raise(error):
    raise error


def test_undo_takes_nobody_out_of_a_list_of_another_account(moved, monkeypatch):
    moved.moved("mirror", now="first")
    done = run(moved)
    open_account(monkeypatch, "second")
    assert moved.finish(begin(moved, done).run_id)["error"]["code"] == "account_changed"
    assert numbers(moved) == set(range(1, 5))


@pytest.mark.parametrize("mode", ["changes_only", "mirror"])
def test_so_is_one_where_only_a_run_that_failed_has_sent_anything(following, monkeypatch, mode):
    """There is no ledger yet, and what that run has written down says of which account it is as well."""
    following.change(sync_mode=mode, max_removed=1)
    open_account(monkeypatch, "first")
    refresh(following, *range(4))
    following.sandbox.fail_next("POST /contacts/import", "403")
    assert following.run()["status"] == "failed"
    following.sandbox.seed(contacts=[{"email": address(0), "lists": [following.list_id]}])
    open_account(monkeypatch, "second")
    refresh(following, *range(1, 5))
    assert (following.run()["error"] or {}).get("code") == "account_changed"
    assert numbers(following) == {0}, "nothing is sent and nobody removed"
    reset_ledger(following.app, ADMINISTRATOR, following.export_id)
    assert run(following)["contacts_delivered"] == 4


def test_what_was_probed_in_one_account_is_not_believed_in_another(following, monkeypatch):
    """Such as that its imports put nobody back: who left is not asked then."""
    answers = ProbeAnswers("2026-11-24T05:00:00+00:00", account="first", puts_back_leavers=False)
    save_probe(following.app.storage.accounts, following.account, answers)
    refresh(following, *range(4))
    open_account(monkeypatch, "second")
    error = following.run()["error"]
    assert (error["code"], numbers(following)) == ("probe_of_another", set())
    assert "segment-export probe" in error["advice"]
    for known in ("first", ""):
        open_account(monkeypatch, known)
        assert run(following)["status"] == "succeeded", "an account that Brevo does not name is no other one"


def test_nor_while_brevo_does_not_say_whose_the_key_is(following, monkeypatch):
    answers = ProbeAnswers("2026-11-24T05:00:00+00:00", account="first", puts_back_leavers=False)
    save_probe(following.app.storage.accounts, following.account, answers)
    refresh(following, *range(4))
    away = [TransientError("brevo_failing", "Brevo answers with status 500.")]
    monkeypatch.setattr(BrevoClient, "account", lambda _: _raise(away.pop()) if away else Account("second", []))
    assert ((following.run()["error"] or {}).get("code"), numbers(following)) == ("probe_of_another", set())
