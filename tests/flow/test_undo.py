"""Undo: the list's members are again who they were before a run."""

import pytest

from shared.administration.ledgers import reset_ledger
from shared.administration.running import verify_export
from shared.errors import ConfigurationError, PermanentError
from shared.operating.forgetting import forget
from shared.operating.person import person_of
from shared.operating.why import why
from shared.runs import answers
from shared.runs.holding import approve
from shared.runs.questions import Question
from shared.runs.starting import start_due
from shared.runs.status import find_run
from shared.segments.model_json import ModelJsonError
from shared.staging.excluded import find_excluded
from shared.storage.tables import Row
from shared.sync.stored import LEDGERS, UNDO
from tests.flow.excluding import OTHER, exclude, fast, members
from tests.flow.following import address, counts, numbers, put_by_others, refresh, run
from tests.flow.undoing import ADMINISTRATOR, begin, leave, refusal, run_with_one_rejected, undo, undo_blobs


def test_undo_takes_out_whom_the_run_added_and_puts_back_whom_it_removed(undoing):
    put_by_others(undoing, 50)
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 9), c3="Other")
    status = run(undoing)
    assert (counts(status), status["contacts_removed"]) == ((3, 1, 3, 4), 2)
    undone = undo(undoing, status)
    assert numbers(undoing) == {*range(6), 50}
    assert [undone[f"contacts_{name}"] for name in ("removed", "to_remove", "added", "to_add")] == [3, 3, 2, 2]
    assert (undone["list_before"], undone["list_after"]) == (8, 7)
    assert undoing.sent()[address(3)]["FIRSTNAME"] == "Other", "attributes stay"


def test_next_run_does_again_what_was_undone(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 9))
    undo(undoing, run(undoing))
    status = run(undoing)
    assert (counts(status), status["contacts_removed"]) == ((3, 0, 4, 3), 2)
    assert numbers(undoing) == set(range(2, 9))


def test_undo_of_the_first_run_is_held_since_it_takes_out_all_of_ours(undoing):
    put_by_others(undoing, 50)
    refresh(undoing, *range(4))
    status = run(undoing)
    held = undoing.finish(begin(undoing, status).run_id)
    assert (held["status"], held["held_for"]["code"]) == ("held", "guard_max_removed")
    assert (held["contacts_to_remove"], numbers(undoing)) == (4, {*range(4), 50})
    assert begin(undoing, status).run_id == held["run_id"], "it is under way"
    approve(undoing.app, find_run(undoing.app, held["run_id"]), "tester")
    put_by_others(undoing, 60)
    assert undoing.finish(held["run_id"])["status"] == "succeeded"
    assert numbers(undoing) == {50, 60}, "whom others have put there stays"


def test_member_whom_the_run_sent_and_who_was_there_before_stays(undoing):
    put_by_others(undoing, 2)
    refresh(undoing, *range(4))
    undo(undoing, run(undoing))
    assert numbers(undoing) == {2}


def test_whom_brevo_rejected_and_who_came_by_a_form_since_stays(undoing, monkeypatch):
    status = run_with_one_rejected(undoing, monkeypatch)
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    put_by_others(undoing, 2)
    assert undo(undoing, status)["contacts_removed"] == 1
    assert numbers(undoing) == {0, 1, 2}


def test_approved_undo_does_never_more_than_was_shown(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    undoing.sandbox.account.lists[undoing.list_id].members.popitem()
    held = undoing.finish(begin(undoing, status).run_id)
    assert held["contacts_to_remove"] == 3
    put_by_others(undoing, *range(4))
    approve(undoing.app, find_run(undoing.app, held["run_id"]), "tester")
    assert undoing.finish(held["run_id"])["contacts_removed"] == 3
    assert len(numbers(undoing)) == 1


def test_who_has_left_the_list_since_is_not_put_back(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(3, 6))
    status = run(undoing)
    leave(undoing, 1)
    undone = undo(undoing, status)
    assert numbers(undoing) == {0, 2, *range(3, 6)}
    assert undone["contacts_added"] == 2
    assert undone["notes"] == ["1 of those whom the run had removed have left the list since, and are not put back."]


@pytest.mark.parametrize("number", ["CONTACT ID", "none"])
def test_who_is_excluded_by_now_is_not_put_back(undoing, number):
    undoing.sandbox.change(export_contact_number=number)
    undoing.sandbox.seed(lists=[{"id": OTHER, "name": "Complaints", "folderId": 1}])
    fast(undoing, OTHER)
    undoing.app.storage.accounts.put(Row(undoing.account, f"list-{OTHER}", Question(seconds=0.01).values()))
    members(undoing, 2, list_id=OTHER)
    refresh(undoing, *range(6))
    run(undoing)
    undoing.segment("CustomerId,EMail,FirstName\nC-1,Person1@example.com,Name1\nC-9,none,Name\n", name="Staff")
    refresh(undoing, *range(1, 6))
    exclude(undoing, ["Staff"], [OTHER])
    status = run(undoing)
    assert (status["contacts_removed"], numbers(undoing)) == (3, {3, 4, 5})
    undone = undo(undoing, status)
    assert numbers(undoing) == {0, 3, 4, 5}
    assert undone["contacts_added"] == 1
    assert undone["notes"] == [
        "2 of those whom the run had removed are excluded or do not agree by now, and are not put back.",
        "1 rows of the excluded segments could not be read, so nobody is excluded by them: Staff (1).",
    ]


def test_undo_waits_for_the_files_of_an_excluded_segment(undoing, monkeypatch):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(1, 6))
    status = run(undoing)
    exclude(undoing, ["Staff"])
    undoing.segment("CustomerId,EMail,FirstName\nC-0,person0@example.com,Name0\n", name="Staff")
    waited = []

    def found(blobs, export):
        if not waited:
            waited.append(export.id)
            raise ModelJsonError("It is being written.", undoing.app.time())
        return find_excluded(blobs, export)

    monkeypatch.setattr("shared.runs.steps.undo.find_excluded", found)
    undone = undo(undoing, status)
    assert (waited, undone["contacts_added"]) == ([undoing.export_id], 0)


def test_undo_fails_where_brevo_does_not_say_who_is_in_an_excluded_list(undoing, monkeypatch):
    undoing.sandbox.seed(lists=[{"id": OTHER, "name": "Complaints", "folderId": 1}])
    undoing.app.storage.accounts.put(Row(undoing.account, f"list-{OTHER}", Question(seconds=0.01).values()))
    members(undoing, 0, list_id=OTHER)
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(1, 6))
    status = run(undoing)
    exclude(undoing, [], [OTHER])
    read = answers.read_answer

    def empty(app, this, brevo, answer, *more):
        return read(app, this, brevo, answer, *more) if answer.subject.list_id == undoing.list_id else None

    monkeypatch.setattr("shared.runs.excluded.read_answer", empty)
    failed = undoing.finish(begin(undoing, status).run_id)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "list_unknown")
    assert f"list {OTHER}: its export names nobody" in failed["error"]["message"]
    assert numbers(undoing) == set(range(1, 6))


def test_undo_of_a_run_that_removed_somebody_fails_where_brevo_does_not_say_who_left(undoing, monkeypatch):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(3, 6))
    status = run(undoing)
    request = answers.request_export

    def refuse(session, list_id, who):
        if who == "unsubscribedPerList":
            raise PermanentError("brevo_refused", "Brevo refused the request with status 400.")
        return request(session, list_id, who)

    monkeypatch.setattr(answers, "request_export", refuse)
    failed = undoing.finish(begin(undoing, status).run_id)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "leavers_unknown")
    assert numbers(undoing) == set(range(3, 6))


def test_contact_that_another_export_keeps_in_the_list_stays(undoing):
    other = undoing.add_export("other", sync_mode="full", segments=["Silver"])
    undoing.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,Name1\n", name="Silver")
    run(undoing, export_id=other)
    undoing.sandbox.account.lists[undoing.list_id].members.clear()
    refresh(undoing, *range(4))
    status = run(undoing)
    assert status["list_before"] == 0
    undo(undoing, status)
    assert numbers(undoing) == {1}


def test_no_trigger_starts_the_undone_snapshot_again(undoing):
    undoing.change(schedule="with_refresh")
    refresh(undoing, *range(4))
    undo(undoing, run(undoing))
    (start,) = start_due(undoing.app)
    assert not start.is_new
    assert "was undone" in start.reason
    refresh(undoing, *range(4))
    assert start_due(undoing.app)[0].is_new


def test_due_time_after_an_undo_starts_whatever_snapshot_is_there(undoing):
    undoing.change(schedule={"cron": "0 * * * *"})
    refresh(undoing, *range(4))
    undo(undoing, run(undoing))
    assert not start_due(undoing.app)[0].is_new
    undoing.app.storage.clock.skip(3700)
    assert start_due(undoing.app)[0].is_new


def test_undo_says_nothing_of_its_export(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    undo(undoing, status)
    success = undoing.app.store.success(undoing.export_id)
    assert (success.run_id, success.contacts) == (status["run_id"], 4)


def test_only_what_undoes_the_last_run_is_kept_and_no_address_in_it(undoing):
    for first in range(3):
        refresh(undoing, *range(first, 6))
        run(undoing)
    (blob,) = undo_blobs(undoing)
    assert b"example.com" not in undoing.app.storage.app_blobs.read(UNDO, blob.name)
    undo(undoing, undoing.status(blob.file.rpartition("-")[0]))
    assert [each.name for each in undo_blobs(undoing)] == [blob.name], "`why` says whom the undo has taken out"
    refresh(undoing, *range(6))
    run(undoing)
    assert blob.name not in [each.name for each in undo_blobs(undoing)]


def test_undo_waits_for_no_run_and_no_run_waits_for_an_undo(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    refresh(undoing, *range(5))
    started = undoing.start()
    with pytest.raises(ConfigurationError, match="A run of this export is active"):
        begin(undoing, status)
    undoing.finish(started.run_id)
    done = undoing.finish(begin(undoing, undoing.status(started.run_id)).run_id)
    assert (done["status"], numbers(undoing)) == ("succeeded", set(range(4)))


def test_why_says_that_the_last_run_was_undone(undoing):
    refresh(undoing, *range(4))
    undone = undo(undoing, run(undoing))
    found = why(undoing.app, ADMINISTRATOR, undoing.export_id, person_of(address(1)))
    assert any(f"Run {undone['run_id']} has undone it" in line for line in found.evidence)


@pytest.mark.parametrize("removed", [1, 2])
def test_forgotten_person_is_not_in_what_undoes_a_run(undoing, removed):
    """Also where nobody else was changed by it."""
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(removed, 6))
    status = run(undoing)
    forget(undoing.app, ADMINISTRATOR, address(0))
    undone = undo(undoing, status)
    assert (undone["contacts_to_add"], undone["contacts_added"]) == (removed - 1, removed - 1)
    assert numbers(undoing) == set(range(1, 6))


def test_forgotten_person_is_not_in_what_undoes_a_run_whose_ledger_is_gone(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    run(undoing)
    blobs = undoing.app.storage.app_blobs
    for blob in blobs.listing(LEDGERS, ""):
        blobs.delete(LEDGERS, blob.name)
    assert any("ledgers: 1 file" in line for line in forget(undoing.app, ADMINISTRATOR, address(1)).erased)


def test_export_that_is_reset_has_nothing_to_undo(undoing):
    refresh(undoing, *range(4))
    status = run(undoing)
    reset_ledger(undoing.app, ADMINISTRATOR, undoing.export_id)
    assert "not written down any more" in refusal(undoing, status)


def test_run_is_undone_though_its_list_was_verified_since(undoing):
    put_by_others(undoing, 50)
    refresh(undoing, *range(4))
    status = run(undoing)
    verified = undoing.finish(verify_export(undoing.app, ADMINISTRATOR, undoing.export_id, "http").run_id)
    assert "it is a verification, which changes nothing" in refusal(undoing, verified)
    undo(undoing, status)
    assert numbers(undoing) == {50}


def test_who_has_left_is_known_by_the_address_where_brevo_writes_down_no_numbers(undoing):
    undoing.sandbox.change(export_contact_number="none")
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(3, 6))
    status = run(undoing)
    leave(undoing, 1)
    undo(undoing, status)
    assert numbers(undoing) == {0, 2, *range(3, 6)}


def test_run_that_removed_nobody_is_undone_though_brevo_exports_no_contacts(undoing):
    undoing.sandbox.change(export_outcome="refused_403")
    put_by_others(undoing, 50)
    refresh(undoing, *range(4))
    undo(undoing, run(undoing))
    assert numbers(undoing) == {50}


def test_run_that_was_held_and_approved_is_undone(undoing):
    undoing.change(max_removed=0.1)
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(3, 8))
    started = undoing.start()
    assert undoing.finish(started.run_id)["status"] == "held"
    approve(undoing.app, find_run(undoing.app, started.run_id), "tester")
    status = undoing.finish(started.run_id)
    assert status["contacts_removed"] == 3
    assert len(undo_blobs(undoing)) == 1
    undo(undoing, status)
    assert numbers(undoing) == set(range(6))


def test_repair_that_has_read_the_list_is_undone_whatever_the_mode(undoing):
    undoing.change(sync_mode="changes_only")
    refresh(undoing, *range(4))
    run(undoing)
    undoing.sandbox.account.lists[undoing.list_id].members.popitem()
    before = numbers(undoing)
    started = verify_export(undoing.app, ADMINISTRATOR, undoing.export_id, "http", repair=True)
    repaired = undoing.finish(started.run_id)
    assert numbers(undoing) == set(range(4))
    undo(undoing, repaired)
    assert numbers(undoing) == before
