"""A key that is replaced while a run is under way: by one of another account nothing more is done."""

from dataclasses import replace

import pytest

from shared.access import Caller
from shared.brevo.client import Account, BrevoClient
from shared.operating.person import person_of
from shared.operating.why import why
from shared.runs.same_account import brevo_of
from shared.runs.status import find_run
from tests.flow.following import address, counts, numbers, refresh, run
from tests.flow.holding import approved, planned
from tests.flow.undoing import begin, leave

_FIRST = "sandbox-key"


@pytest.fixture
def keys(following, monkeypatch):
    """An export whose key can be replaced by one that opens the same account, or another one."""
    opens, asked = {_FIRST: "first", "same": "first", "other": "second", "silent": ""}, []

    def account(client):
        asked.append(client.session.api_key)
        return Account(opens[client.session.api_key], [])

    def replace_key(key):
        monkeypatch.setenv(following.account, key)
        world = following.sandbox.world
        world.settings = replace(world.settings, api_key=key)
        asked.clear()

    monkeypatch.setattr(BrevoClient, "account", account)
    following.replace_key, following.asked = replace_key, asked
    return following


def begun(flow, state):
    """A run in this state."""
    run_id = flow.start().run_id
    flow.work_until(lambda: flow.status(run_id)["status"] == state)
    return run_id


def test_batch_is_not_posted_to_another_account(keys):
    refresh(keys, *range(4))
    run_id = begun(keys, "delivering")
    keys.replace_key("other")
    status = keys.finish(run_id)
    assert (status["status"], (status["error"] or {}).get("code")) == ("failed", "account_changed")
    assert (numbers(keys), status["contacts_delivered"]) == (set(), 0)


def test_nobody_leaves_the_list_of_another_account(keys):
    keys.change(sync_mode="mirror", max_removed=1)
    refresh(keys, *range(4))
    run(keys)
    refresh(keys, 0, 1)
    run_id = begun(keys, "delivering")
    keys.replace_key("other")
    status = keys.finish(run_id)
    assert ((status["error"] or {}).get("code"), status["contacts_removed"]) == ("account_changed", 0)
    assert numbers(keys) == set(range(4))


def test_import_is_not_looked_for_in_another_account(keys):
    keys.sandbox.fail_next("POST /contacts/import", "import-stuck")
    refresh(keys, *range(4))
    run_id = begun(keys, "confirming")
    keys.replace_key("other")
    assert (keys.finish(run_id)["error"] or {}).get("code") == "account_changed"


@pytest.mark.parametrize(("key", "asked"), [(_FIRST, []), ("same", ["same"]), ("silent", ["silent"])])
def test_other_key_of_the_same_account_is_asked_about_once(keys, key, asked):
    refresh(keys, *range(4))
    run_id = begun(keys, "delivering")
    keys.replace_key(key)
    status = keys.finish(run_id)
    assert (status["status"], counts(status)) == ("succeeded", (4, 0, 0, 4))
    assert keys.asked == asked


def test_two_keys_that_workers_have_in_turn_are_each_asked_about_once(keys):
    """While a secret is rotated some instances have the old value for minutes. An account allows 100 such calls an
    hour, its polls among them."""
    refresh(keys, *range(4))
    run_id, asked = begun(keys, "delivering"), []
    for key in ("same", _FIRST, "silent", "same", _FIRST):
        keys.replace_key(key)
        brevo_of(keys.app, find_run(keys.app, run_id))
        asked += keys.asked
    assert asked == ["same", "silent"]
    keys.replace_key("other")
    assert (keys.finish(run_id)["error"] or {}).get("code") == "account_changed"


def test_approved_run_is_not_sent_to_another_account_than_that_of_its_plan(keys):
    run_id = planned(keys)["run_id"]
    keys.replace_key("other")
    approved(keys, run_id)
    assert (keys.finish(run_id)["error"] or {}).get("code") == "account_changed"
    assert not keys.sent()


def test_undo_changes_no_list_of_another_account(undoing, keys):
    refresh(keys, *range(4))
    run(keys)
    refresh(keys, 0, 1)
    done = run(keys)
    run_id = begin(keys, done).run_id
    keys.work_until(lambda: keys.status(run_id)["status"] in ("delivering", "held"))
    keys.replace_key("other")
    if keys.status(run_id)["status"] == "held":
        approved(keys, run_id)
    assert (keys.finish(run_id)["error"] or {}).get("code") == "account_changed"
    assert numbers(keys) == {0, 1}


@pytest.mark.parametrize(("key", "questions"), [(_FIRST, 1), ("other", 2)])
def test_who_left_is_asked_of_the_account_that_is_sent_to(keys, key, questions):
    """The answer of the one account would put back who has left the list of the other."""
    keys.change_connection(leavers="asked")
    refresh(keys, *range(4))
    run_id = keys.start().run_id
    keys.work_until(lambda: keys.sandbox.log.count("POST /contacts/export"))
    keys.replace_key(key)
    leave(keys, 0)
    assert keys.finish(run_id)["status"] == "succeeded"
    assert keys.sandbox.log.count("POST /contacts/export") == questions


def test_answer_of_another_account_says_of_nobody_that_they_have_left(keys):
    keys.change_connection(leavers="asked")
    leave(keys, 0)
    refresh(keys, *range(4))
    run(keys)
    contacts = keys.sandbox.account.contacts
    del contacts[address(0)]
    administrator = Caller("function key", "administrator")
    assert why(keys.app, administrator, keys.export_id, person_of(address(0))).verdict == "left_list"
    keys.replace_key("other")
    said = why(keys.app, administrator, keys.export_id, person_of(address(0))).evidence
    assert not [text for text in said if "last answer on who left" in text]
