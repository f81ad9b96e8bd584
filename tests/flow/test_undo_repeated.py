"""An undo that was cancelled midway is repeated, and its ledger has each contact once."""

from shared.brevo.removal import remove_contacts
from shared.runs.clearing import members_of
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.flow.following import numbers, refresh, run
from tests.flow.undoing import begin, undo


def members(flow):
    document = flow.app.document()
    return members_of(flow.app, document, document.exports[0])


def cancel_midway(flow, monkeypatch, run_id):
    def removed(*sent):
        if (run := find_run(flow.app, run_id)).counts.contacts_removed:
            request_cancel(flow.app, run, "tester")
        return remove_contacts(*sent)

    with monkeypatch.context() as patch:
        patch.setattr("shared.runs.steps.settle._NOTED_EVERY", 1)
        patch.setattr("shared.runs.steps.settle.remove_contacts", removed)
        assert flow.finish(run_id)["status"] == "cancelled"


def test_undo_that_is_repeated_keeps_each_contact_once(undoing, monkeypatch):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 10))
    status = run(undoing)
    cancel_midway(undoing, monkeypatch, begin(undoing, status).run_id)
    undo(undoing, status)
    assert numbers(undoing) == set(range(6))
    assert members(undoing) == 6
    refresh(undoing, *range(6))
    run(undoing)
    assert members(undoing) == 6
