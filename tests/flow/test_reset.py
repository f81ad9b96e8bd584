"""What was sent is forgotten: by a person's word, and of one person."""

import pytest

from shared.access import Caller
from shared.administration.ledgers import reset_ledger
from shared.operating.forgetting import forget
from shared.sync.stored import LEDGERS
from tests.flow.following import address, counts, numbers, put_by_others, refresh, run
from tests.flow.holding import approved, plan

ADMINISTRATOR = Caller("tester", "administrator")


@pytest.fixture
def sent(following):
    """A mirror that has sent four people."""
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(4))
    run(following)
    return following


def kept(flow):
    return [blob.name for blob in flow.app.storage.app_blobs.listing(LEDGERS, "")]


def test_next_run_after_a_reset_sends_all_and_removes_nobody(sent):
    assert reset_ledger(sent.app, ADMINISTRATOR, sent.export_id).was_kept
    assert kept(sent) == []
    assert not reset_ledger(sent.app, ADMINISTRATOR, sent.export_id).was_kept
    refresh(sent, *range(1, 5))
    status = run(sent)
    assert (counts(status), status["contacts_removed"]) == ((4, 0, 0, 4), 0)
    assert numbers(sent) == set(range(5))


def test_run_that_is_under_way_at_a_reset_keeps_no_ledger(sent):
    refresh(sent, *range(5))
    started = sent.start()
    sent.work_until(lambda: sent.status(started.run_id)["status"] in ("delivering", "confirming"))
    reset_ledger(sent.app, ADMINISTRATOR, sent.export_id)
    assert sent.finish(started.run_id)["status"] == "succeeded"
    assert kept(sent) == []


def test_forget_takes_a_person_out_of_the_ledger(sent):
    found = forget(sent.app, ADMINISTRATOR, address(2).upper())
    assert "ledgers: 2 files of what was sent" in found.erased
    put_by_others(sent, 2)
    refresh(sent, 0, 1, 3)
    assert run(sent)["contacts_removed"] == 0
    assert numbers(sent) == set(range(4))
    assert not any("ledgers" in line for line in forget(sent.app, ADMINISTRATOR, address(2)).erased)


def test_run_that_was_shown_before_a_reset_and_approved_after_it_does_nothing(following):
    following.change(sync_mode="mirror_exact")
    refresh(following, *range(10))
    run(following, accept=True)
    put_by_others(following, 50)
    refresh(following, *range(11))
    status = following.finish(plan(following).run_id)
    assert (status["status"], status["contacts_to_remove"]) == ("held", 1)
    put_by_others(following, *range(51, 80))
    reset_ledger(following.app, ADMINISTRATOR, following.export_id)
    approved(following, status["run_id"])
    status = following.finish(status["run_id"])
    assert (status["status"], status["error"]["code"]) == ("failed", "plan_outdated")
    assert numbers(following) == {*range(10), *range(50, 80)}
