"""What cannot be undone, and why."""

from datetime import timedelta

import pytest

from shared.lifetimes import UNDO_DAYS
from shared.sync.stored import LEDGERS, UNDO
from tests.flow.following import numbers, refresh, run
from tests.flow.undoing import begin, refusal, undo, undo_blobs


def test_run_that_a_newer_one_follows_cannot_be_undone(undoing):
    refresh(undoing, *range(4))
    first = run(undoing)
    refresh(undoing, *range(5))
    second = run(undoing)
    assert f"the newer run {second['run_id']} has changed the list" in refusal(undoing, first)


def test_run_after_which_another_export_has_changed_the_list_cannot_be_undone(undoing):
    refresh(undoing, *range(4))
    first = run(undoing)
    other = undoing.add_export("other", sync_mode="full")
    second = run(undoing, export_id=other)
    assert f"the newer run {second['run_id']} has changed the list" in refusal(undoing, first)


def test_run_that_was_undone_cannot_be_undone_again_nor_its_undo(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    undone = undo(undoing, status)
    assert f"{undone['run_id']} has undone it" in refusal(undoing, status)
    assert "it is an undo" in refusal(undoing, undone)


def test_run_that_failed_cannot_be_undone(undoing):
    refresh(undoing, *range(4))
    undoing.sandbox.fail_next("POST /contacts/import", "import-failed", times=2)
    assert "it was not confirmed, it is failed" in refusal(undoing, undoing.run())


@pytest.mark.parametrize("mode", ["full", "changes_only"])
def test_run_that_did_not_read_the_list_cannot_be_undone(undoing, mode):
    undoing.change(sync_mode=mode)
    refresh(undoing, *range(4))
    assert "it did not read the list before" in refusal(undoing, run(undoing))


def test_run_of_a_month_ago_cannot_be_undone(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    undoing.app.storage.clock.skip(timedelta(days=UNDO_DAYS).total_seconds())
    assert f"it ended more than {UNDO_DAYS} days ago" in refusal(undoing, status)


def test_run_to_a_list_that_the_export_has_no_more_cannot_be_undone(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    undoing.change(list_id=13)
    assert "the list or the connection of the export has been changed" in refusal(undoing, status)


def test_run_whose_changes_are_not_written_down_any_more_cannot_be_undone(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    for blob in undo_blobs(undoing):
        undoing.app.storage.app_blobs.delete(UNDO, blob.name)
    assert "not written down any more" in refusal(undoing, status)


def test_run_before_another_secret_cannot_be_undone(undoing, monkeypatch):
    refresh(undoing, *range(4))
    status = run(undoing)
    monkeypatch.setenv("APP_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    failed = undoing.finish(begin(undoing, status).run_id)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "undo_impossible")
    assert "another APP_SECRET" in failed["error"]["message"]
    assert numbers(undoing) == set(range(4))


@pytest.mark.parametrize("ledger", [b"harmed", None])
def test_run_whose_ledger_cannot_be_read_cannot_be_undone(undoing, ledger):
    refresh(undoing, *range(4))
    status = run(undoing)
    blobs = undoing.app.storage.app_blobs
    (blob,) = blobs.listing(LEDGERS, "")
    blobs.delete(LEDGERS, blob.name)
    if ledger:
        blobs.write(LEDGERS, blob.name, ledger)
    failed = undoing.finish(begin(undoing, status).run_id)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "undo_impossible")
    assert ("cut off" if ledger else "not there any more") in failed["error"]["message"]
    assert numbers(undoing) == set(range(4))
