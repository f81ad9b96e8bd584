"""An undo of a run of a flow, and why one is refused."""

import pytest

from shared.access import Caller
from shared.administration.running import undo_run
from shared.errors import ConfigurationError
from shared.runs.holding import approve
from shared.runs.questions import Question
from shared.runs.status import find_run
from shared.storage.tables import Row
from shared.sync.stored import UNDO
from tests.flow.following import address, brevo_removes_nobody, refresh, run

ADMINISTRATOR = Caller("function key", "administrator")


@pytest.fixture
def undoing(following):
    """A flow whose list mirrors its segment, and whose account answers at once."""
    following.app.storage.accounts.put(
        Row(following.account, f"back-{following.list_id}", Question(seconds=0.01).values())
    )
    following.change(sync_mode="mirror", max_removed=1)
    return following


def run_that_removes_nobody(flow, monkeypatch, *people):
    """The status of a run that is to remove who is of the first six and not of these; Brevo removes none of them."""
    refresh(flow, *range(6))
    run(flow)
    refresh(flow, *people)
    with monkeypatch.context() as patch:
        brevo_removes_nobody(patch)
        return run(flow)


def run_with_one_rejected(flow, monkeypatch):
    """The status of a run that adds two people behind two others; Brevo rejects the one whose number is 2."""
    refresh(flow, 0, 1)
    run(flow)
    with monkeypatch.context() as patch:
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person2"))
        refresh(flow, *range(4))
        return flow.run()


def begin(flow, status):
    return undo_run(flow.app, ADMINISTRATOR, status["run_id"], "http")


def undo(flow, status):
    """The undo of the run, approved where it is held; its status."""
    undone = flow.finish(begin(flow, status).run_id)
    if undone["status"] == "held":
        approve(flow.app, find_run(flow.app, undone["run_id"]), "tester")
        undone = flow.finish(undone["run_id"])
    assert (undone["status"], undone["kind"], undone["undo_of"]) == ("succeeded", "undo", status["run_id"]), undone
    return undone


def refusal(flow, status):
    with pytest.raises(ConfigurationError) as refused:
        begin(flow, status)
    assert refused.value.code == "undo_impossible"
    return refused.value.message


def leave(flow, *numbers):
    """These people leave the list by a link in an e-mail."""
    flow.sandbox.seed(
        contacts=[{"email": address(n), "lists": [], "listUnsubscribed": [flow.list_id]} for n in numbers]
    )


def undo_blobs(flow):
    return flow.app.storage.app_blobs.listing_if_there(UNDO, "")
