"""A run that compares and finds no ledger sends all, and notes why."""

import pytest

from shared.administration.ledgers import reset_ledger
from shared.administration.running import verify_export
from shared.sync.stored import LEDGERS
from tests.flow.clearing import ADMINISTRATOR, clear
from tests.flow.following import counts, refresh, run

OTHER = ["The export has another list, or another setting for the key, than before. All contacts are sent."]
GONE = ["There is no ledger of this list, as after a reset. All contacts are sent."]


@pytest.fixture(params=["changes_only", "mirror"])
def sent(request, following):
    """An export that has sent four people; its first run has nothing to note."""
    following.change(sync_mode=request.param, max_removed=1)
    refresh(following, *range(4))
    assert run(following)["notes"] == []
    refresh(following, *range(4))
    return following


def assert_all_are_sent(flow, notes):
    status = run(flow)
    assert (counts(status), status["notes"]) == ((4, 0, 0, 4), notes)
    refresh(flow, *range(4))
    status = run(flow)
    assert (counts(status), status["notes"]) == ((0, 0, 4, 0), [])


def test_first_run_to_another_list_says_so(sent):
    sent.change(list_id=13)
    assert_all_are_sent(sent, OTHER)


def test_first_run_with_another_setting_for_the_key_says_so(sent, monkeypatch):
    monkeypatch.setenv("BREVO_KEY_OTHER", sent.sandbox.api_key)
    sent.change_connection(api_key={"setting": "BREVO_KEY_OTHER"})
    sent.account = "BREVO_KEY_OTHER"
    assert_all_are_sent(sent, OTHER)


@pytest.mark.parametrize("how", ["reset", "lost"])
def test_first_run_behind_a_ledger_that_is_gone_says_so(sent, how):
    if how == "reset":
        reset_ledger(sent.app, ADMINISTRATOR, sent.export_id)
    for blob in sent.app.storage.app_blobs.listing_if_there(LEDGERS, ""):
        sent.app.storage.app_blobs.delete(LEDGERS, blob.name)
    assert_all_are_sent(sent, GONE)


def test_run_behind_a_removal_of_all_members_has_nothing_to_note(sent):
    clear(sent)
    assert_all_are_sent(sent, [])


@pytest.mark.parametrize("kind", ["full", "verify"])
def test_run_that_sends_all_anyway_or_nothing_has_nothing_to_note(sent, kind):
    reset_ledger(sent.app, ADMINISTRATOR, sent.export_id)
    if kind == "full":
        sent.change(sync_mode="full")
        assert run(sent)["notes"] == []
        return
    run_id = verify_export(sent.app, ADMINISTRATOR, sent.export_id, "http").run_id
    assert sent.finish(run_id)["notes"] == []
