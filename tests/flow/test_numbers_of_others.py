"""A contact whose number another contact at Brevo has is sent once more without it, in one more import at the end."""

import pytest

from local.brevo_sandbox import reports
from shared.brevo import body
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel

HEAD = "CustomerId,EMail,FirstName,Telephone\n"
OWNER = {"email": "maria.old@example.com", "attributes": {"SMS": "+40722000111"}, "lists": [13]}


@pytest.fixture
def shared(flow):
    """An export with phones, at an account where somebody has Maria's number under another address."""
    flow.change(mapping={"email": "EMail", "first_name": "FirstName", "phone": "Telephone"})
    flow.sandbox.seed(contacts=[OWNER])
    return flow


@pytest.mark.parametrize("mood", ["skip_contact", "drop_phone"])
def test_contact_whose_number_another_contact_has_reaches_the_list_without_it(shared, mood):
    shared.sandbox.change(shared_phone=mood)
    shared.segment(HEAD + "C-1,maria.new@example.com,Maria,0722 000 111\nC-2,ion@example.com,Ion,0722 000 222\n")
    status = shared.run()
    assert (status["status"], status["notes"]) == ("succeeded", [])
    assert status["contacts_rejected_by_brevo"] == {}
    assert status["warnings"] == {"brevo_duplicate_phone": 1}
    assert (status["contacts_delivered"], status["contacts_confirmed"], status["batches"]) == (2, 2, 2)
    assert shared.sent() == {
        "maria.new@example.com": {"FIRSTNAME": "Maria"},
        "ion@example.com": {"FIRSTNAME": "Ion", "SMS": "40722000222"},
    }
    [row] = shared.rejects(status["run_id"])
    assert (row["segment"], row["file"], row["line"]) == ("Gold", "Gold_1.csv", "2")
    assert (row["reason"], row["customer_id"], row["outcome"]) == (
        "brevo_duplicate_phone", "C-1", "sent_without_value",
    )  # fmt: skip
    assert len(row["email_sha256"]) == 64
    # As many digits as no time or digest has by chance.
    assert "722000" not in (str(status) + shared.rejects_text(status["run_id"])).replace(" ", "")
    assert shared.app.storage.app_blobs.listing_if_there("staged", "") == []


TWO = HEAD + "C-1,maria.new@example.com,Maria,0722 000 111\nC-2,ion@example.com,Ion,0722 000 222\n"


def test_contact_that_brevo_rejects_once_more_is_a_rejection(shared, monkeypatch):
    imports = shared.sandbox.imports
    monkeypatch.setattr(
        "local.brevo_sandbox.applying.is_email",
        lambda text: not (text.startswith("maria.new") and len(imports.records()) == 2),
    )
    shared.segment(TWO)
    status = shared.run()
    assert status["status"] == "succeeded_with_rejections"
    assert (status["contacts_rejected_by_brevo"], status["warnings"]) == ({"brevo_invalid_email": 1}, {})
    assert (status["contacts_delivered"], status["contacts_confirmed"]) == (2, 1)
    [row] = shared.rejects(status["run_id"])
    assert (row["line"], row["reason"], row["outcome"]) == ("2", "brevo_invalid_email", "rejected_by_brevo")


@pytest.mark.parametrize("row", [";+40722000111", "maria.new@example.com;", "ion@example.com;"])
def test_only_who_is_named_by_their_address_and_has_the_number_is_sent_once_more(shared, monkeypatch, row):
    answer = reports.Answer(200, f"EMAIL;SMS\n{row}\n".encode(), reports.CSV)
    monkeypatch.setattr(reports.ReportShelf, "read", lambda *_: answer)
    shared.segment(TWO.replace("0722 000 222", ""))
    status = shared.run()
    is_moved = row.startswith("maria")
    assert status["batches"] == 1 + is_moved
    assert status["warnings"] == ({"brevo_duplicate_phone": 1} if is_moved else {})
    assert status["contacts_rejected_by_brevo"] == ({} if is_moved else {"brevo_duplicate_phone": 1})


def test_mere_count_of_such_contacts_stays_a_count_of_rejections(shared):
    shared.sandbox.change(report_form="counts")
    shared.segment(TWO)
    status = shared.run()
    assert (status["contacts_rejected_by_brevo"], status["batches"]) == ({"brevo_duplicate_phone": 1}, 1)


def test_number_that_brevo_has_of_the_contact_stays_where_the_new_one_is_another_s(shared):
    shared.change(erase_empty=True)
    shared.sandbox.seed(contacts=[{"email": "maria.new@example.com", "attributes": {"SMS": "+40722000999"}}])
    shared.segment(TWO.replace("Maria", ""))
    assert shared.run()["status"] == "succeeded"
    assert shared.sent()["maria.new@example.com"] == {"SMS": "40722000999"}


def with_shared_numbers(shared, count, others):
    numbers = [f"+40722{n:06}" for n in range(count)]
    shared.sandbox.seed(
        contacts=[{"email": f"owner{n}@example.com", "attributes": {"SMS": each}} for n, each in enumerate(numbers)]
    )
    rows = [f"C-{n},person{n}@example.com,P{n},{numbers[n] if n < count else ''}\n" for n in range(count + others)]
    shared.segment(HEAD + "".join(rows))


def test_contacts_that_are_sent_once_more_are_no_part_of_the_guard_on_rejected_ones(shared):
    shared.change(max_rejected=0.1)
    with_shared_numbers(shared, 3, 1)
    status = shared.run()
    assert (status["status"], status["warnings"]) == ("succeeded", {"brevo_duplicate_phone": 3})


@pytest.mark.parametrize(("others", "state"), [(50, "succeeded_with_rejections"), (20, "failed")])
def test_guard_takes_those_that_are_rejected_once_more_as_a_share_of_the_whole_run(shared, monkeypatch, others, state):
    imports = shared.sandbox.imports
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: len(imports.records()) == 1)
    shared.change(max_rejected=0.1)
    with_shared_numbers(shared, 3, others)
    status = shared.run()
    assert (status["status"], status["contacts_rejected_by_brevo"]) == (state, {"brevo_invalid_email": 3})
    if state == "failed":
        assert "Brevo rejected 3 of the 23 contacts that it was sent so far" in status["error"]["message"]


def test_contacts_of_many_batches_are_sent_once_more_in_as_few_bodies_as_hold_them(shared, monkeypatch):
    monkeypatch.setattr(body, "LARGEST_BODY_BYTES", 8_000)
    with_shared_numbers(shared, 150, 50)
    status = shared.run()
    assert (status["status"], status["warnings"]) == ("succeeded", {"brevo_duplicate_phone": 150})
    assert len(shared.sent()) == status["contacts_confirmed"] == 200
    records = shared.sandbox.imports.records()
    first = next(number for number, _ in enumerate(records) if sum(each.contacts for each in records[:number]) == 200)
    assert sum(each.contacts for each in records[first:]) == 150
    assert first >= 2
    assert len(records) - first == 2
    assert all(each.body_bytes <= 8_000 for each in records)
    rows = shared.rejects(status["run_id"])
    assert sorted(int(row["line"]) for row in rows) == list(range(2, 152))
    assert {row["customer_id"]: int(row["line"]) - 2 for row in rows} == {f"C-{n}": n for n in range(150)}


def test_report_of_the_last_import_that_cannot_be_read_is_told_and_its_rows_are_kept(shared, monkeypatch):
    imports, read = shared.sandbox.imports, reports.ReportShelf.read
    page = reports.Answer(200, b"<html></html>", reports.CSV)
    monkeypatch.setattr(
        reports.ReportShelf, "read", lambda *given: read(*given) if len(imports.records()) == 1 else page
    )
    monkeypatch.setattr(
        "local.brevo_sandbox.applying.is_email",
        lambda text: not (text.startswith("maria.new") and len(imports.records()) == 2),
    )
    shared.segment(TWO)
    status = shared.run()
    assert status["status"] == "succeeded_with_rejections"
    assert "Which contacts of batch 2 Brevo rejected is not known." in status["notes"][0]
    assert [row["outcome"] for row in shared.rejects(status["run_id"])] == ["sent_without_value"]


def test_run_that_ends_before_its_last_import_says_who_was_not_sent_once_more(shared):
    shared.segment(TWO)
    run_id = shared.start().run_id
    shared.work_until(lambda: any(batch.moved for batch in shared.app.store.batches(find_run(shared.app, run_id))))
    request_cancel(shared.app, find_run(shared.app, run_id), "ana")
    status = shared.finish(run_id)
    assert (status["status"], status["contacts_delivered"], status["contacts_confirmed"]) == ("cancelled", 2, 1)
    assert status["notes"] == [
        "1 contact was rejected for a number of another contact's, and not confirmed without it."
    ]
    assert shared.app.storage.app_blobs.listing_if_there("staged", "") == []


@pytest.mark.parametrize("ending", [".moved", "00002.json"])
def test_what_is_written_behind_the_run_s_end_is_deleted_by_who_wrote_it(shared, monkeypatch, ending):
    shared.segment(TWO)
    run_id = shared.start().run_id
    blobs, write = shared.app.storage.app_blobs, type(shared.app.storage.app_blobs).write

    def late(self, container, name, data):
        if name.endswith(ending):
            request_cancel(shared.app, find_run(shared.app, run_id), "ana")
        write(self, container, name, data)

    monkeypatch.setattr(type(blobs), "write", late)
    status = shared.finish(run_id)
    assert status["status"] == "cancelled"
    assert blobs.listing_if_there("staged", "") == []


def test_run_of_changes_tries_the_number_again_only_once_the_contact_is_sent_again(shared):
    shared.change(sync_mode="changes_only")
    shared.segment(TWO)
    assert shared.run()["warnings"] == {"brevo_duplicate_phone": 1}
    with shared.sandbox.account.lock:
        shared.sandbox.account.delete(shared.sandbox.account.contacts["maria.old@example.com"])
    shared.segment(TWO, refresh="2026/11/25/0500")
    assert (shared.run()["contacts_delivered"], "SMS" in shared.sent()["maria.new@example.com"]) == (0, False)
    shared.segment(TWO.replace("Maria", "Mary"), refresh="2026/11/26/0500")
    assert (shared.run()["warnings"], shared.sent()["maria.new@example.com"]["SMS"]) == ({}, "40722000111")
