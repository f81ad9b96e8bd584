"""Whom another export has sent to the list since a run was staged, and nobody can find in what that one has kept."""

import pytest

from shared.app_secret import new_secret
from shared.runs.holding import approve
from shared.runs.status import find_run
from shared.runs.steps.settle import settle
from shared.sync.stored import drop_ledgers
from tests.flow.clearing import approved
from tests.flow.clearing import begin as begin_clear
from tests.flow.customers import probed
from tests.flow.following import counts, numbers, refresh, run
from tests.flow.undoing import begin as begin_undo


@pytest.fixture
def beside(following, monkeypatch):
    """A mirror that is to take persons 0 and 1 out, when another export of the list sends person 1."""
    following.change(sync_mode="mirror", max_removed=1)
    following.other = following.add_export("other", sync_mode="changes_only", segments=["Silver"])
    following.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,Name1\n", name="Silver")
    refresh(following, *range(6))
    run(following)
    refresh(following, *range(2, 7))
    following.meanwhile = []

    def settled_late(app, this, batches):
        while following.meanwhile:
            following.meanwhile.pop()()
        return settle(app, this, batches)

    monkeypatch.setattr("shared.runs.steps.confirm.settle", settled_late)
    return following


def sent_by_the_other(flow):
    assert run(flow, export_id=flow.other)["contacts_delivered"] == 1


def sent_by_customer(flow):
    probed(flow, ext_id="attributes")
    flow.exports[1]["identify_by"] = "customer_id"
    flow.save()
    sent_by_the_other(flow)


def sent_with_another_secret(flow, monkeypatch):
    monkeypatch.setenv("APP_SECRET", new_secret())
    sent_by_the_other(flow)


def sent_and_reset(flow):
    sent_by_the_other(flow)
    drop_ledgers(flow.app.storage.app_blobs, flow.other, all_numbers=False)


@pytest.fixture(params=["by customer", "another secret", "reset"])
def sent_unknown(request, beside, monkeypatch):
    """The other export keeps person 1 in a way in which the mirror cannot find them."""
    if request.param == "by customer":
        beside.meanwhile.append(lambda: sent_by_customer(beside))
    elif request.param == "reset":
        beside.meanwhile.append(lambda: sent_and_reset(beside))
    else:
        beside.meanwhile.append(lambda: sent_with_another_secret(beside, monkeypatch))
    return beside


def test_nobody_is_removed_whom_another_export_may_keep(sent_unknown):
    failed = sent_unknown.run()
    assert (failed["status"], failed["error"]["code"]) == ("failed", "others_unknown")
    assert failed["contacts_removed"] == 0
    assert numbers(sent_unknown) == set(range(7))
    assert counts(failed)[3] == 1, "who is new is in the list all the same"


def test_next_run_is_confirmed_and_says_why_it_removes_nobody(sent_unknown):
    sent_unknown.run()
    status = run(sent_unknown)
    assert status["contacts_removed"] == 0
    assert any("Nobody is removed" in note or "All contacts are sent" in note for note in status["notes"])
    assert numbers(sent_unknown) == set(range(7))


def test_mirror_that_removes_whomever_anybody_has_put_there_does_it_all_the_same(sent_unknown):
    sent_unknown.change(sync_mode="mirror_exact")
    held = sent_unknown.start()
    sent_unknown.work_until(lambda: sent_unknown.status(held.run_id)["status"] == "held")
    approve(sent_unknown.app, find_run(sent_unknown.app, held.run_id), "tester")
    assert sent_unknown.finish(held.run_id)["contacts_removed"] == 2
    assert numbers(sent_unknown) == set(range(2, 7))


@pytest.mark.parametrize("kind", ["undo", "clear"])
def test_who_undoes_or_clears_is_not_to_send_the_segment_again(beside, kind):
    sent = run(beside)
    beside.meanwhile.append(lambda: sent_and_reset(beside))
    failed = beside.finish((begin_undo(beside, sent) if kind == "undo" else begin_clear(beside)).run_id)
    if kind == "clear":
        failed = approved(beside, failed["run_id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "others_unknown")
    again = f"segment-export undo {sent['run_id']}" if kind == "undo" else "segment-export export remove"
    assert again in failed["error"]["advice"]
