"""The ledger: what it holds after runs that go wrong, and what happens where it cannot be read."""

import pytest

from shared.errors import PermanentError
from shared.operating.pruning import prune
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.sync.stored import LEDGERS
from tests.flow.clearing import ADMINISTRATOR
from tests.flow.customers import contact
from tests.flow.following import counts, leave_import, numbers, put_by_others, refresh, run, take_out
from tests.flow.holding import plan
from tests.flow.undoing import undo_blobs

LATER = ("2026/11/25/0500", "2026/11/26/0500")
NEW_SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def mirroring(following):
    following.change(sync_mode="mirror", max_removed=1)
    return following


def ledger_blobs(flow):
    return [blob.name for blob in flow.app.storage.app_blobs.listing_if_there(LEDGERS, "")]


def test_ledger_is_all_that_is_left_behind_a_run(mirroring):
    refresh(mirroring, *range(4))
    run(mirroring)
    refresh(mirroring, *range(1, 4))
    run(mirroring)
    assert ledger_blobs(mirroring) == [f"{mirroring.account}/{mirroring.list_id}/{mirroring.export_id}/ledger.parquet"]


def test_contact_that_brevo_rejected_is_sent_again(mirroring, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person2"))
        refresh(mirroring, *range(4))
        assert mirroring.run()["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    refresh(mirroring, *range(4))
    assert counts(run(mirroring)) == (1, 0, 3, 1)
    assert numbers(mirroring) == set(range(4))


def test_member_of_ours_whose_change_brevo_rejected_stays_ours(mirroring, monkeypatch):
    refresh(mirroring, *range(4))
    run(mirroring)
    with monkeypatch.context() as patch:
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person2"))
        refresh(mirroring, *range(4), c2="Other")
        assert mirroring.run()["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    refresh(mirroring, 0, 1, 3)
    assert run(mirroring)["contacts_removed"] == 1
    assert numbers(mirroring) == {0, 1, 3}


@pytest.mark.parametrize("report", ["counts", "unreadable"])
def test_where_nobody_knows_who_was_rejected_all_are_sent_again(mirroring, monkeypatch, report):
    with monkeypatch.context() as patch:
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person2"))
        if report == "counts":
            mirroring.sandbox.change(report_form=report)
        else:
            mirroring.sandbox.fail_next("POST /contacts/import", "report-other-host")
        refresh(mirroring, *range(4))
        mirroring.run()
    refresh(mirroring, *range(4))
    assert counts(run(mirroring)) == (0, 4, 0, 4)
    assert numbers(mirroring) == set(range(4))


def test_whom_a_failed_run_may_have_put_there_is_ours_and_is_removed(mirroring):
    refresh(mirroring, *range(4))
    run(mirroring)
    mirroring.sandbox.fail_next("POST /contacts/import", "import-failed", times=2)
    refresh(mirroring, *range(6), c0="Other")
    assert mirroring.run()["status"] == "failed"
    put_by_others(mirroring, 4)  # as if some of it had come through
    refresh(mirroring, *range(3))
    status = run(mirroring)
    assert counts(status) == (0, 1, 2, 1), "nobody knows which name Brevo has of the one that had changed"
    assert (status["contacts_removed"], numbers(mirroring)) == (2, set(range(3)))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda data: data[:-20], "it is cut off or is no ledger"),
        (lambda data: b"", "it is cut off or is no ledger"),
        (lambda data: data.replace(b"form\x18\x011", b"form\x18\x019"), "it was written by another release"),
    ],
)
def test_ledger_that_cannot_be_read_counts_as_none_and_is_told(mirroring, harm, words):
    refresh(mirroring, *range(4))
    run(mirroring)
    (name,) = ledger_blobs(mirroring)
    blobs = mirroring.app.storage.app_blobs
    data = blobs.read(LEDGERS, name)
    assert harm(data) != data
    blobs.write(LEDGERS, name, harm(data))
    refresh(mirroring, *range(2, 6))
    status = run(mirroring)
    assert counts(status) == (4, 0, 0, 4)
    assert (status["contacts_removed"], numbers(mirroring)) == (0, set(range(6)))
    assert any(words in note for note in status["notes"])
    refresh(mirroring, *range(2, 6))
    assert counts(run(mirroring)) == (0, 0, 4, 0)


def test_another_secret_makes_a_new_ledger(mirroring, monkeypatch):
    refresh(mirroring, *range(4))
    run(mirroring)
    monkeypatch.setenv("APP_SECRET", NEW_SECRET)
    refresh(mirroring, *range(1, 4))
    status = run(mirroring)
    assert (counts(status), status["contacts_removed"]) == ((3, 0, 0, 3), 0)
    assert any("another APP_SECRET" in note for note in status["notes"])


def test_without_a_secret_full_runs_go_on_and_other_modes_say_what_is_missing(mirroring, monkeypatch):
    monkeypatch.delenv("APP_SECRET")
    refresh(mirroring, *range(4))
    mirroring.run_fails("app_secret_missing")
    mirroring.change(sync_mode="full")
    assert counts(run(mirroring)) == (4, 0, 0, 4)
    assert ledger_blobs(mirroring) == []


def test_other_mapping_sends_all_again(mirroring):
    refresh(mirroring, *range(4))
    run(mirroring)
    mirroring.change(mapping={"email": "EMail", "attributes": {"LASTNAME": "FirstName"}})
    refresh(mirroring, *range(4))
    assert counts(run(mirroring)) == (0, 4, 0, 4)


def run_with_older_engine(flow, monkeypatch, *people):
    with monkeypatch.context() as patch:
        patch.setattr("shared.sync.ledger.About.__init__.__defaults__", ("duckdb 1.0", "1", "", ""))
        refresh(flow, *people)
        run(flow)


def test_digests_of_another_version_of_the_engine_are_unknown(mirroring, monkeypatch):
    run_with_older_engine(mirroring, monkeypatch, *range(4))
    refresh(mirroring, *range(1, 4))
    status = run(mirroring)
    assert (counts(status), status["contacts_removed"]) == ((0, 3, 0, 3), 1)


def test_whom_an_unfinished_removal_may_have_taken_out_is_sent_again_when_they_return(mirroring, monkeypatch):
    refresh(mirroring, *range(4))
    run(mirroring)
    with monkeypatch.context() as patch:
        patch.setattr("shared.runs.steps.settle.keep_ledger", failing)
        refresh(mirroring, *range(1, 4))
        assert mirroring.run()["status"] == "failed"
    assert numbers(mirroring) == set(range(1, 4)), "the removal was done, and its end was not noted"
    kept = [name.rpartition("/")[2].partition("-")[0] for name in ledger_blobs(mirroring)]
    assert kept == ["intention", "ledger.parquet"], "nobody needs to know any more whom it was to remove"
    refresh(mirroring, *range(4))
    assert counts(run(mirroring)) == (0, 1, 3, 1)
    assert numbers(mirroring) == set(range(4))


def failing(*_):
    raise PermanentError("removals_missing", "As if.", "Run the export again.")


def test_who_left_while_nobody_could_be_removed_stays_ours_and_is_removed_later(mirroring):
    other = mirroring.add_export("other", sync_mode="full", segments=["Silver"])
    mirroring.segment("CustomerId,EMail,FirstName\nC-9,person9@example.com,Name9\n", name="Silver")
    refresh(mirroring, *range(4))
    run(mirroring)
    run(mirroring, export_id=other)
    (name,) = [name for name in ledger_blobs(mirroring) if f"/{other}/" in name]
    mirroring.app.storage.app_blobs.write(LEDGERS, name, b"harmed")
    refresh(mirroring, *range(1, 4))
    status = run(mirroring)
    assert (status["contacts_removed"], numbers(mirroring)) == (0, {0, 1, 2, 3, 9})
    run(mirroring, export_id=other)
    refresh(mirroring, *range(1, 4))
    status = run(mirroring)
    assert (status["contacts_removed"], numbers(mirroring)) == (1, {1, 2, 3, 9})


def test_changed_address_of_a_customer_is_a_changed_contact(by_customer):
    by_customer.change(sync_mode="changes_only")
    by_customer.segment("CustomerId,EMail,FirstName\nC-1,a@example.com,A\nC-2,b@example.com,B\n", refresh=LATER[0])
    assert counts(run(by_customer)) == (2, 0, 0, 2)
    by_customer.segment("CustomerId,EMail,FirstName\nC-1,a2@example.com,A\nC-2,b@example.com,B\n", refresh=LATER[1])
    assert counts(run(by_customer)) == (0, 1, 1, 1)
    assert set(by_customer.sent()) == {"a2@example.com", "b@example.com"}


def test_ledger_of_another_identity_is_not_used_and_that_is_reported(by_customer):
    by_customer.change(sync_mode="changes_only")
    people = "CustomerId,EMail,FirstName\nC-1,a@example.com,A\nC-2,b@example.com,B\n"
    by_customer.segment(people, refresh=LATER[0])
    run(by_customer)
    by_customer.change(identify_by="email")
    by_customer.segment(people, refresh=LATER[1])
    status = run(by_customer)
    assert counts(status) == (2, 0, 0, 2)
    assert any("it was kept by customer_id, and contacts are identified by email" in note for note in status["notes"])


def test_ledger_that_is_read_part_by_part_is_the_same(mirroring, monkeypatch):
    for reader in ("mapping.comparing", "sync.segment"):
        monkeypatch.setattr(f"shared.{reader}._RANGE_CONTACTS", 3)
    refresh(mirroring, *range(12))
    run(mirroring)
    refresh(mirroring, *range(2, 14), c5="Other")
    status = run(mirroring)
    assert (counts(status), status["contacts_removed"]) == ((2, 1, 9, 3), 2)
    assert numbers(mirroring) == set(range(2, 14))


def test_customer_who_is_left_out_for_a_time_is_known_when_that_is_over(by_customer):
    by_customer.change(sync_mode="changes_only")
    contact(by_customer, "other@example.com")
    counted = []
    for day, address in ((25, "a@example.com"), (26, "other@example.com"), (27, "a@example.com")):
        rows = f"CustomerId,EMail,FirstName\nC-1,{address},A\nC-2,b@example.com,B\n"
        by_customer.segment(rows, refresh=f"2026/11/{day}/0500")
        counted.append(counts(run(by_customer)))
    assert counted == [(2, 0, 0, 2), (0, 0, 1, 0), (0, 0, 2, 0)]


@pytest.mark.parametrize(("customer", "former"), [("NEW", "OLD"), ('"N\nEW"', "")])
def test_rejected_contact_whose_key_is_not_known_by_its_id_is_sent_again(by_customer, monkeypatch, customer, former):
    by_customer.change(sync_mode="changes_only")
    contact(by_customer, "old@example.com", ext_id="OLD")
    head = "CustomerId,EMail,FirstName,PreviousCustomerId\n"
    people = f"{head}{customer},person2@example.com,B,{former}\nC-3,person3@example.com,C,\n"
    with monkeypatch.context() as patch:
        patch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person2"))
        by_customer.segment(people, refresh=LATER[0])
        assert by_customer.run()["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
    by_customer.segment(people, refresh=LATER[1])
    assert run(by_customer)["contacts_delivered"] == 2
    assert set(by_customer.sent()) >= {"person2@example.com", "person3@example.com"}


@pytest.mark.parametrize("runs_before", [1, 2])
def test_whom_an_import_of_a_cancelled_run_brings_after_the_list_was_read_stays_ours(mirroring, runs_before):
    refresh(mirroring, *range(4))
    run(mirroring)
    leave_import(mirroring, *range(6))
    for _ in range(runs_before):
        refresh(mirroring, *range(4))
        assert run(mirroring)["contacts_removed"] == 0
    put_by_others(mirroring, 4)  # as if the import had been done only now
    refresh(mirroring, *range(4))
    status = run(mirroring)
    assert (counts(status), status["contacts_removed"]) == ((0, 0, 4, 0), 1)
    assert numbers(mirroring) == set(range(4))


def assert_stays_when_signed_up(flow, number, *people):
    """After a run of the segment's people, somebody else comes by a form; the next run leaves them alone."""
    refresh(flow, *people)
    run(flow)
    put_by_others(flow, number)
    refresh(flow, *people)
    assert run(flow)["contacts_removed"] == 0
    assert numbers(flow) == {*people, number}


def test_who_signs_up_though_an_import_that_has_failed_would_have_brought_them_is_not_ours(mirroring):
    refresh(mirroring, *range(4))
    run(mirroring)
    mirroring.sandbox.fail_next("POST /contacts/import", "import-failed", times=2)
    refresh(mirroring, *range(6))
    assert mirroring.run()["status"] == "failed"
    assert_stays_when_signed_up(mirroring, 4, *range(4))


def test_who_left_the_list_is_not_ours_when_they_come_back_by_a_form_after_an_upgrade_of_the_engine(
    mirroring, monkeypatch
):
    run_with_older_engine(mirroring, monkeypatch, *range(4))
    take_out(mirroring, 3)
    assert_stays_when_signed_up(mirroring, 3, *range(3))


def test_segment_without_a_well_formed_row_is_held_and_leaves_the_list_alone(mirroring):
    refresh(mirroring, *range(3))
    run(mirroring)
    mirroring.change(max_removed=0)
    mirroring.segment("CustomerId,EMail,FirstName\nC-1\nC-2\n", refresh="2026/11/25/0500")
    status = mirroring.run()
    assert (status["status"], status["rows_rejected"]) == ("held", {"malformed_row": 2}), status["error"]
    assert numbers(mirroring) == {0, 1, 2}


@pytest.mark.parametrize("end", ["rejected", "expired", "superseded", "nothing to do"])
def test_plan_that_is_not_sent_leaves_nothing_behind(mirroring, end):
    refresh(mirroring, *range(6))
    run(mirroring)
    refresh(mirroring, *(range(6) if end == "nothing to do" else range(1, 8)))
    status = mirroring.finish(plan(mirroring).run_id)
    assert (status["status"] == "held", len(ledger_blobs(mirroring)) == 3) == (end != "nothing to do",) * 2
    if end == "rejected":
        request_cancel(mirroring.app, find_run(mirroring.app, status["run_id"]), "tester")
    elif end == "expired":
        mirroring.app.storage.clock.skip(400 * 86_400)
        mirroring.work_until(lambda: mirroring.status(status["run_id"])["status"] == "cancelled")
    elif end == "superseded":
        run(mirroring)
    assert len(ledger_blobs(mirroring)) == 1
    assert not [blob for blob in undo_blobs(mirroring) if status["run_id"] in blob.name]


def test_plan_that_was_rejected_says_nothing_once_its_row_is_pruned(mirroring):
    refresh(mirroring, *range(6))
    status = mirroring.finish(plan(mirroring).run_id)
    request_cancel(mirroring.app, find_run(mirroring.app, status["run_id"]), "tester")
    put_by_others(mirroring, 3, 4, 5)
    mirroring.app.storage.clock.skip(400 * 86_400)
    assert prune(mirroring.app, ADMINISTRATOR, 90)["runs"] == 1
    refresh(mirroring, *range(4))
    assert run(mirroring)["contacts_removed"] == 0
    assert numbers(mirroring) == set(range(6))


@pytest.mark.parametrize("refused", ["no phone", "0722000111"], ids=["invalid", "of an earlier row"])
def test_number_behind_one_that_was_refused_is_erased_where_the_cell_is_empty(following, refused):
    following.change(sync_mode="changes_only", mapping={"email": "EMail", "phone": "Phone"}, erase_empty=True)
    for number in ("0722000222", refused, ""):
        rows = f"ana@example.com,0722000111\nion@example.com,{number}\n"
        following.segment(f"EMail,Phone\n{rows}", refresh=next(following.days))
        run(following, accept=True)
        kept = following.sent()["ion@example.com"].get("SMS")
        assert kept == (None if number == "" else "40722000222")
