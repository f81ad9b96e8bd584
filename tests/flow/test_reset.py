"""What was sent is forgotten: by a person's word, and of one person."""

from functools import partial

import pytest

from shared.access import Caller
from shared.administration.ledgers import reset_ledger
from shared.app_secret import new_secret
from shared.errors import ConfigurationError
from shared.operating.forgetting import forget
from shared.runs.questions import digest_key
from shared.runs.steps.settle import settle
from shared.sync.erasing import erase_from_ledgers
from shared.sync.stored import LEDGERS, UNDO
from tests.flow.clearing import begin as begin_clear
from tests.flow.following import address, counts, numbers, put_by_others, refresh, run
from tests.flow.holding import approved, plan
from tests.flow.undoing import begin, undo, undo_blobs

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


@pytest.mark.parametrize("kind", ["export", "undo", "clear"])
def test_run_that_is_under_way_at_a_reset_takes_out_whom_it_was_to(undoing, kind):
    refresh(undoing, *range(4))
    first = run(undoing)
    refresh(undoing, *range(1, 6))
    second = run(undoing) if kind == "undo" else first
    act = {
        "export": undoing.start,
        "undo": partial(begin, undoing, second),
        "clear": partial(begin_clear, undoing, accept=True),
    }
    started = act[kind]()
    undoing.work_until(lambda: undoing.status(started.run_id)["status"] in ("delivering", "confirming"))
    reset_ledger(undoing.app, ADMINISTRATOR, undoing.export_id)
    status = undoing.finish(started.run_id)
    assert (status["kind"], status["status"], status["error"]) == (kind, "succeeded", None)
    left = {"export": set(range(1, 6)), "undo": set(range(4)), "clear": set()}
    assert (numbers(undoing), kept(undoing), undo_blobs(undoing)) == (left[kind], [], [])


def test_forget_takes_a_person_out_of_the_ledger(sent):
    found = forget(sent.app, ADMINISTRATOR, address(2).upper())
    assert "ledgers: 2 files of what was sent" in found.erased
    put_by_others(sent, 2)
    refresh(sent, 0, 1, 3)
    assert run(sent)["contacts_removed"] == 0
    assert numbers(sent) == set(range(4))
    assert not any("ledgers" in line for line in forget(sent.app, ADMINISTRATOR, address(2)).erased)


def test_forget_names_the_exports_whose_ledgers_were_made_with_another_secret(sent, monkeypatch):
    monkeypatch.setenv("APP_SECRET", new_secret())
    found = forget(sent.app, ADMINISTRATOR, address(2))
    [line] = [line for line in found.not_done if line.startswith("ledgers: ")]
    assert f"what is kept of {sent.export_id} was made with another APP_SECRET" in line
    assert len(kept(sent)) == 1, "the earlier secret may be put back"
    reset_ledger(sent.app, ADMINISTRATOR, sent.export_id)
    assert not [line for line in forget(sent.app, ADMINISTRATOR, address(2)).not_done if line.startswith("ledgers: ")]


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


@pytest.fixture
def forgetting(undoing, monkeypatch):
    """A mirror that has sent six people. Somebody is forgotten when the next run has sent its own, before it ends."""
    refresh(undoing, *range(6))
    run(undoing)
    undoing.forgotten = []

    def settled(app, this, batches):
        if this.kind == undoing.forgets_in and not undoing.forgotten:
            undoing.forgotten = forget(app, ADMINISTRATOR, address(5)).erased
        return settle(app, this, batches)

    monkeypatch.setattr("shared.runs.steps.confirm.settle", settled)
    undoing.forgets_in = "export"
    return undoing


def test_run_during_which_somebody_is_forgotten_still_knows_whom_it_has_removed(forgetting):
    refresh(forgetting, *range(1, 7))
    run(forgetting)
    assert forgetting.forgotten
    refresh(forgetting, *range(7))
    run(forgetting)
    assert numbers(forgetting) == set(range(7)), "who returns is sent"
    assert len(kept(forgetting)) == 1


def test_run_during_which_somebody_is_forgotten_still_knows_whom_it_has_sent(forgetting):
    refresh(forgetting, *range(7))
    run(forgetting)
    assert forgetting.forgotten
    refresh(forgetting, *range(6))
    assert run(forgetting)["contacts_removed"] == 1
    assert numbers(forgetting) == set(range(6))


def test_run_during_which_somebody_is_forgotten_still_knows_whom_brevo_has_rejected(forgetting, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person2"))
        refresh(forgetting, *range(7), c2="Other")
        assert forgetting.run()["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    assert forgetting.forgotten
    refresh(forgetting, *range(6), c2="Other")
    status = run(forgetting)
    assert (status["contacts_removed"], forgetting.sent()[address(2)]["FIRSTNAME"]) == (1, "Other")


def test_undo_during_which_somebody_is_forgotten_still_knows_whom_it_has_removed(forgetting):
    forgetting.forgets_in = "undo"
    refresh(forgetting, *range(8))
    undo(forgetting, run(forgetting))
    assert forgetting.forgotten
    refresh(forgetting, *range(8))
    run(forgetting)
    assert numbers(forgetting) == set(range(8))


@pytest.mark.parametrize("container", [LEDGERS, UNDO])
def test_ledger_or_record_that_cannot_be_read_is_deleted_since_somebody_may_be_in_it(flow, tmp_path, container):
    blobs, name = flow.app.storage.app_blobs, f"{flow.account}/{flow.list_id}/gold/odd.parquet"
    blobs.write(container, name, b"PAR1 and cut off")
    assert erase_from_ledgers(blobs, digest_key("ledger"), [address(0)], tmp_path).files == 1
    assert blobs.listing(container, name) == []


def test_what_is_kept_of_an_export_that_is_gone_can_be_forgotten_by_an_administrator(sent):
    """Somebody took it out of the document itself, or its removal was cut off behind the save."""
    export = sent.exports.pop()
    sent.save()
    for caller, code in ((Caller("c", "contributor"), "export_unknown"), (Caller("v", "viewer"), "access_denied")):
        with pytest.raises(ConfigurationError) as raised:
            reset_ledger(sent.app, caller, export["id"])
        assert raised.value.code == code
    assert kept(sent)
    assert reset_ledger(sent.app, ADMINISTRATOR, export["id"]).was_kept
    assert kept(sent) == []
    with pytest.raises(ConfigurationError) as raised:
        reset_ledger(sent.app, ADMINISTRATOR, export["id"])
    assert raised.value.code == "export_unknown"


@pytest.mark.parametrize("container", [LEDGERS, UNDO])
def test_blob_by_which_a_doctor_tries_the_container_keeps_nothing_from_being_forgotten(sent, container):
    """It lies there for a moment, and for good where the doctor was ended, or may write and not delete."""
    sent.app.storage.app_blobs.write(container, "probe", b"")
    assert reset_ledger(sent.app, ADMINISTRATOR, sent.export_id).was_kept
    assert [name for name in kept(sent) if name != "probe"] == []
    sent.app.storage.app_blobs.delete(container, "probe")


def test_undo_record_alone_of_an_export_that_is_gone_can_be_forgotten_too(sent):
    """As `forget` says of one that was made with another secret."""
    sent.app.storage.app_blobs.write(UNDO, f"{sent.account}/{sent.list_id}/{sent.export_id}-gone/r.parquet", b"x")
    assert reset_ledger(sent.app, ADMINISTRATOR, f"{sent.export_id}-gone").was_kept
    assert kept(sent)
