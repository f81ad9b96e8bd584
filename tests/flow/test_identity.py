"""Contacts identified by their customer's id: an address may change, and nobody is doubled or deleted."""

import pytest

from shared.brevo.processes import Process, Report
from shared.brevo.rejections import read_rejections
from tests.flow.customers import asks_who_left, contact, members, probed, rows, state_of

PAGES = "GET /contacts"
FORMS = {"attributes": "attributes", "field": "top_level"}


@pytest.mark.parametrize("form", ["attributes", "field"])
def test_contact_carries_its_customers_id(by_customer, form):
    by_customer.sandbox.change(ext_id=FORMS[form])
    probed(by_customer, ext_id=form)
    by_customer.segment(rows("C-1 ana@example.com", "C-2 ion@example.com"))
    assert by_customer.run()["status"] == "succeeded"
    assert members(by_customer) == {("C-1", "ana@example.com"), ("C-2", "ion@example.com")}


@pytest.mark.parametrize("form", ["attributes", "field"])
def test_changed_address_changes_the_contact(by_customer, form):
    by_customer.sandbox.change(ext_id=FORMS[form])
    probed(by_customer, ext_id=form)
    number = contact(by_customer, "old@example.com", "C-1")
    by_customer.segment(rows("C-1 new@example.com"))
    assert by_customer.run()["status"] == "succeeded"
    assert members(by_customer) == {("C-1", "new@example.com")}
    assert state_of(by_customer, number) == ("C-1", "new@example.com", False)


def test_row_without_a_customers_id_is_rejected_and_leaves_its_address_to_another(by_customer):
    by_customer.segment(
        "CustomerId,EMail,FirstName\n ,ana@example.com,A\nC-1,ana@example.com,B\nNULL,x@example.com,C\n"
    )
    status = by_customer.run()
    assert status["rows_rejected"] == {"missing_customer_id": 2}
    assert members(by_customer) == {("C-1", "ana@example.com")}
    rejected = by_customer.rejects(status["run_id"])
    assert [(row["line"], row["reason"], row["field"]) for row in rejected] == [
        ("2", "missing_customer_id", "CustomerId"),
        ("4", "missing_customer_id", "CustomerId"),
    ]


def test_second_row_of_a_customer_is_rejected_and_the_first_sent(by_customer):
    by_customer.change(segments=["Gold", "Silver"])
    by_customer.segment(rows("C-1 ana@example.com", "C-1 other@example.com", "C-2 ion@example.com"))
    by_customer.segment(rows("C-2 ion@example.com", "C-2 ion2@example.com", "C-3 eva@example.com"), name="Silver")
    status = by_customer.run()
    assert status["rows_rejected"] == {"duplicate_customer_id": 2}
    assert status["rows_merged"] == 1
    assert members(by_customer) == {("C-1", "ana@example.com"), ("C-2", "ion@example.com"), ("C-3", "eva@example.com")}


def test_file_without_customers_ids_is_refused(by_customer):
    by_customer.segment("EMail,FirstName\nana@example.com,Ana\n")
    by_customer.run_fails("column_missing", "CustomerId")


# Who is blocked, who left


def test_blocked_contact_whose_address_changed_is_left_out(by_customer):
    number = contact(by_customer, "old@example.com", "C-1", emailBlacklisted=True)
    by_customer.segment(rows("C-1 new@example.com", "C-2 ion@example.com"))
    status = by_customer.run()
    assert status["contacts_left_out"] == {"blocked_new_address": 1}
    assert state_of(by_customer, number) == ("C-1", "old@example.com", True)
    assert by_customer.places(status["run_id"]) == [("Gold_1.csv", 2, "blocked_new_address")]


def test_blocked_contact_with_its_old_address_is_sent(by_customer):
    number = contact(by_customer, "ana@example.com", "C-1", emailBlacklisted=True)
    by_customer.segment(rows("C-1 ANA@example.com"))
    assert by_customer.run()["contacts_left_out"] == {}
    assert state_of(by_customer, number) == ("C-1", "ana@example.com", True)
    assert by_customer.sent()["ana@example.com"]["FIRSTNAME"] == "Name"


def test_blocked_contact_is_sent_where_a_new_address_lifts_no_block(by_customer):
    by_customer.sandbox.change(new_address_lifts_block=False)
    probed(by_customer, ext_id="attributes", new_address_lifts_block=False)
    number = contact(by_customer, "old@example.com", "C-1", emailBlacklisted=True)
    by_customer.segment(rows("C-1 new@example.com"))
    assert by_customer.run()["contacts_left_out"] == {}
    assert state_of(by_customer, number) == ("C-1", "new@example.com", True)


def test_blocked_contact_outside_the_list_is_left_out_too(by_customer):
    number = contact(by_customer, "old@example.com", "C-1", emailBlacklisted=True, lists=[13])
    by_customer.segment(rows("C-1 new@example.com"))
    assert by_customer.run()["contacts_left_out"] == {"blocked_new_address": 1}
    assert state_of(by_customer, number) == ("C-1", "old@example.com", True)


def test_who_left_the_list_is_not_put_back_by_another_address(by_customer):
    asks_who_left(by_customer)
    contact(by_customer, "old@example.com", "C-1", lists=[], listUnsubscribed=[by_customer.list_id])
    by_customer.segment(rows("C-1 new@example.com", "C-2 ion@example.com"))
    assert by_customer.run()["contacts_left_out"] == {"left_list": 1}
    assert members(by_customer) == {("C-2", "ion@example.com")}


# Whose address it is


def test_address_of_another_contact_is_left_out_and_neither_is_deleted(by_customer):
    first, second = contact(by_customer, "ana@example.com", "C-1"), contact(by_customer, "new@example.com")
    by_customer.segment(rows("C-1 new@example.com"))
    status = by_customer.run()
    assert status["contacts_left_out"] == {"address_of_another": 1}
    assert state_of(by_customer, first) == ("C-1", "ana@example.com", False)
    assert state_of(by_customer, second) == (None, "new@example.com", False)


@pytest.mark.parametrize("order", [1, -1])
def test_addresses_that_go_round_lose_nobody(by_customer, order):
    numbers = [contact(by_customer, f"{name}@example.com", f"C-{name}") for name in "abc"]
    people = ["C-a b@example.com", "C-b c@example.com", "C-c free@example.com"][::order]
    for left_out in (2, 1, 0):
        by_customer.segment(rows(*people))
        assert sum(by_customer.run()["contacts_left_out"].values()) == left_out
    assert [state_of(by_customer, number)[:2] for number in numbers] == [
        ("C-a", "b@example.com"),
        ("C-b", "c@example.com"),
        ("C-c", "free@example.com"),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_address_that_changes_hands_waits_until_it_is_free(by_customer, order):
    number = contact(by_customer, "a@example.com", "C-1")
    people = ["C-1 new@example.com", "C-2 a@example.com"][::order]
    by_customer.segment(rows(*people))
    assert by_customer.run()["contacts_left_out"] == {"address_of_another": 1}
    assert members(by_customer) == {("C-1", "new@example.com")}
    assert by_customer.run()["contacts_left_out"] == {}
    assert members(by_customer) == {("C-1", "new@example.com"), ("C-2", "a@example.com")}
    assert state_of(by_customer, number)[0] == "C-1"


def test_contact_without_an_id_gets_its_customers(by_customer):
    number = contact(by_customer, "ana@example.com", emailBlacklisted=True)
    by_customer.segment(rows("C-1 ana@example.com"))
    by_customer.run()
    assert state_of(by_customer, number) == ("C-1", "ana@example.com", True)


def test_contact_of_a_customer_who_is_not_in_the_segment_gets_the_id_of_the_one_with_its_address(by_customer):
    number = contact(by_customer, "ana@example.com", "C-old")
    by_customer.segment(rows("C-new ana@example.com"))
    by_customer.run()
    assert state_of(by_customer, number) == ("C-new", "ana@example.com", False)


@pytest.mark.parametrize("order", [1, -1])
def test_contact_stays_that_of_its_customer_where_another_row_has_its_address_too(by_customer, order):
    number = contact(by_customer, "ana@example.com", "C-1")
    by_customer.segment(rows(*["C-2 ana@example.com", "C-1 ana@example.com"][::order], "C-3 ana@example.com"))
    status = by_customer.run()
    assert state_of(by_customer, number) == ("C-1", "ana@example.com", False)
    assert by_customer.sent()["ana@example.com"]["FIRSTNAME"] == "Name"
    assert status["contacts_left_out"] == {"address_of_another": 1}
    assert status["rows_rejected"] == {"duplicate_email": 1}


def test_blocked_contact_of_another_customer_keeps_its_id(by_customer):
    number = contact(by_customer, "ana@example.com", "C-old", emailBlacklisted=True)
    by_customer.segment(rows("C-new ana@example.com"))
    assert by_customer.run()["contacts_left_out"] == {"address_of_another": 1}
    assert state_of(by_customer, number) == ("C-old", "ana@example.com", True)


# What it costs, and when it is refused


def test_whole_account_is_read_in_pages_before_anything_is_sent_and_the_run_says_what_it_cost(by_customer):
    people = [{"email": f"p{n}@example.com", "attributes": {"EXT_ID": f"P-{n}"}} for n in range(2_500)]
    people[2_400]["emailBlacklisted"] = True
    by_customer.sandbox.seed(contacts=people)
    by_customer.segment(rows("P-2400 new@example.com", "P-7 p7@example.com"))
    status = by_customer.run()
    assert status["contacts_left_out"] == {"blocked_new_address": 1}
    assert by_customer.sandbox.log.count(PAGES) == 3
    (note,) = [note for note in status["notes"] if "account" in note]
    assert "all 2,504 contacts of the account" in note
    assert "3 requests" in note


def test_identity_by_address_asks_nothing_of_the_account(flow):
    flow.segment(rows("C-1 ana@example.com"))
    flow.run()
    assert flow.sandbox.log.count(PAGES) == 0
    assert members(flow) == {(None, "ana@example.com")}


@pytest.mark.parametrize(
    ("answers", "code"),
    [(None, "probe_missing"), ({}, "probe_missing"), ({"ext_id": "not_taken"}, "ext_id_not_taken")],
)
def test_account_that_was_not_probed_is_refused_before_anything_is_asked(flow, answers, code):
    flow.change(identify_by="customer_id")
    if answers is not None:
        probed(flow, **answers)
    flow.segment(rows("C-1 ana@example.com"))
    flow.run_fails(code, "identify_by", "brevo-eu")
    assert flow.sandbox.log.count(PAGES) == 0


def test_preview_shows_customers_ids_masked(by_customer):
    by_customer.segment("CustomerId,EMail,FirstName\nC-1,ana@example.com,Ana\n,ion@example.com,Ion\n")
    found = by_customer.preview()
    assert found["contacts"][0]["attributes"]["EXT_ID"] == "C••"
    assert found["rows_rejected"] == {"missing_customer_id": 1}


def test_no_address_and_no_id_of_the_account_is_kept(by_customer):
    contact(by_customer, "secret.person@example.com", "C-secret")
    by_customer.segment(rows("C-1 ana@example.com"))
    by_customer.run()
    kept = by_customer.app.storage
    assert list(kept.app_blobs.listing_if_there("staged", "")) == []
    for table in (kept.accounts, kept.runs, kept.events, kept.batches):
        assert "secret" not in str([dict(row.values) for row in table.rows()])


# What Brevo reports


def test_customer_whom_brevo_reports_as_double_is_told_with_file_and_line(by_customer):
    by_customer.sandbox.change(new_address="report")
    number = contact(by_customer, "old@example.com", "C-1")
    by_customer.segment(rows("C-2 ion@example.com", "C-1 new@example.com"))
    status = by_customer.run()
    assert status["contacts_rejected_by_brevo"] == {"brevo_duplicate_customer": 1}
    assert by_customer.places(status["run_id"]) == [("Gold_1.csv", 3, "brevo_duplicate_customer")]
    assert state_of(by_customer, number) == ("C-1", "old@example.com", False)


@pytest.mark.parametrize("form", ["attributes", "field"])
@pytest.mark.parametrize("ids", [("C-1", "C-2"), ("1000001", "1000002")])
def test_report_that_names_customers_alone_is_joined_to_their_contacts(monkeypatch, form, ids):
    report = [["EXT_ID", "FIRSTNAME"], [ids[1], "Ion"], ["C-unknown", ""]]
    monkeypatch.setattr("shared.brevo.rejections.read_report", lambda *_: iter(report))
    contacts = [
        f'{{"email":"{name}@example.com","attributes":{{"EXT_ID":"{ext_id}"}}}}'
        if form == "attributes"
        else f'{{"email":"{name}@example.com","ext_id":"{ext_id}","attributes":{{}}}}'
        for name, ext_id in zip("ab", ids, strict=True)
    ]
    body = f'{{"jsonBody":[{",".join(contacts)}]}}'.encode()
    process = Process(7, "completed", (Report("brevo_duplicate_customer", ("https://example.com/r",), 0),))
    found = read_rejections(process, lambda: [body], 2, "https://api.brevo.com/v3")
    assert found.contacts == {1: ("brevo_duplicate_customer", "b@example.com")}
    assert found.unmatched == 1
