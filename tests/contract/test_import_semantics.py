"""What an import does to contacts, and what its reports say."""

import csv
import io
from collections.abc import Callable

import pytest
import requests

from local.brevo_sandbox import BrevoSandbox, digest_of

RunImport = Callable[..., dict]


def _report(process: dict, name: str) -> list[dict]:
    answer = requests.get(process["info"]["import"][name], timeout=10)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text), delimiter=";"))


def test_import_matches_contacts_by_lower_case_email(run_import: RunImport, sandbox: BrevoSandbox):
    run_import({"email": "ANA@Example.com", "attributes": {"FIRSTNAME": "Ana"}})
    run_import({"email": "ana@example.com", "attributes": {"CITY": "Cluj"}})
    assert sandbox.members(12) == {"ana@example.com": {"FIRSTNAME": "Ana", "CITY": "Cluj"}}


def test_import_ignores_an_unknown_attribute_without_a_word(run_import: RunImport, sandbox: BrevoSandbox):
    process = run_import({"email": "ana@example.com", "attributes": {"FIRSTNAME": "Ana", "SHOE": 42}})
    assert process["status"] == "completed"
    assert set(process["info"]["import"].values()) == {None}
    assert sandbox.members(12) == {"ana@example.com": {"FIRSTNAME": "Ana"}}
    assert sandbox.imports.records()[0].ignored_attributes == {"SHOE": 1}


@pytest.mark.parametrize(
    ("attribute", "sent", "stored"),
    [
        ("FIRSTNAME", "Ștefan", "Ștefan"),
        ("CITY", 42, "42"),
        ("BIRTHDAY", "1990-02-28", "1990-02-28"),
        ("BIRTHDAY", "1990-02-30", None),
        ("BIRTHDAY", "28-02-1990", None),
        ("BIRTHDAY", "1990-02-28T00:00:00Z", None),
        ("LIFETIME_VALUE", "12.50", 12.5),
        ("LIFETIME_VALUE", 7, 7.0),
        ("LIFETIME_VALUE", "1,5", None),
        ("NEWSLETTER_OPT_IN", True, True),
        ("NEWSLETTER_OPT_IN", False, False),
        ("NEWSLETTER_OPT_IN", "No", False),
        ("NEWSLETTER_OPT_IN", "perhaps", None),
        ("LOYALTY_TIER", 3, "Gold"),
        ("LOYALTY_TIER", "Silver", "Silver"),
        ("LOYALTY_TIER", "Tin", None),
        ("INTERESTS", ["Tea", "Golf"], ["Tea"]),
        ("SMS", "+40722000001", "40722000001"),
        ("SMS", "0040722000001", "40722000001"),
        ("SMS", "40 722 000 001", "40722000001"),
        ("SMS", "call me", None),
        ("BLACKLIST", 1, None),
    ],
)
def test_import_stores_what_the_attribute_type_can_hold(
    run_import: RunImport, sandbox: BrevoSandbox, attribute: str, sent: object, stored: object
):
    run_import({"email": "ana@example.com", "attributes": {attribute: sent}})
    assert sandbox.members(12)["ana@example.com"].get(attribute) == stored


@pytest.mark.parametrize(("date_format", "sent"), [("dd-mm-yyyy", "28-02-1990"), ("mm-dd-yyyy", "02-28-1990")])
def test_import_reads_dates_in_the_format_of_the_account(
    run_import: RunImport, sandbox: BrevoSandbox, date_format: str, sent: str
):
    sandbox.change(date_format=date_format)
    run_import(
        {"email": "ana@example.com", "attributes": {"BIRTHDAY": sent}},
        {"email": "ion@example.com", "attributes": {"BIRTHDAY": "1990-02-28"}},
    )
    assert sandbox.members(12) == {"ana@example.com": {"BIRTHDAY": "1990-02-28"}, "ion@example.com": {}}


def test_import_can_ignore_false_as_some_users_report(run_import: RunImport, sandbox: BrevoSandbox):
    sandbox.change(ignores_false=True)
    run_import(
        {"email": "ana@example.com", "attributes": {"NEWSLETTER_OPT_IN": False}},
        {"email": "ion@example.com", "attributes": {"NEWSLETTER_OPT_IN": "No"}},
    )
    assert sandbox.members(12) == {"ana@example.com": {}, "ion@example.com": {"NEWSLETTER_OPT_IN": False}}


@pytest.mark.parametrize("empty", ["", None])
def test_import_erases_an_empty_value_only_when_asked(run_import: RunImport, sandbox: BrevoSandbox, empty):
    run_import({"email": "ana@example.com", "attributes": {"CITY": "Cluj"}})
    run_import({"email": "ana@example.com", "attributes": {"CITY": empty}})
    assert sandbox.members(12)["ana@example.com"] == {"CITY": "Cluj"}
    run_import({"email": "ana@example.com", "attributes": {"CITY": empty}}, emptyContactsAttributes=True)
    assert sandbox.members(12)["ana@example.com"] == {}


def test_import_leaves_existing_contacts_as_they_are_when_asked(run_import: RunImport, sandbox: BrevoSandbox):
    run_import({"email": "ada.brook@example.com", "attributes": {"CITY": "Hull"}}, updateExistingContacts=False)
    assert sandbox.members(12)["ada.brook@example.com"]["CITY"] == "Leeds"


def test_blocked_contact_stays_blocked_after_an_import(run_import: RunImport, sandbox: BrevoSandbox):
    run_import({"email": "blocked.person@example.com", "attributes": {"FIRSTNAME": "Bo"}})
    assert sandbox.account.contacts["blocked.person@example.com"].email_blocked is True
    assert sandbox.imports.fields_ever_sent().isdisjoint({"emailBlacklist", "smsBlacklist"})


@pytest.mark.parametrize("flag", [True, False])
def test_blacklist_flag_changes_every_imported_contact_and_is_recorded(
    run_import: RunImport, sandbox: BrevoSandbox, flag: bool
):
    run_import({"email": "blocked.person@example.com"}, {"email": "ben.frost@example.com"}, emailBlacklist=flag)
    blocked = {each.email_blocked for each in sandbox.account.snapshot(12)}
    assert blocked == {flag}
    assert "emailBlacklist" in sandbox.summary()["import_fields_ever_sent"]


def test_second_owner_of_a_phone_is_reported_and_not_imported(run_import: RunImport, sandbox: BrevoSandbox):
    process = run_import({"email": "ana@example.com", "attributes": {"SMS": "00447700900101", "CITY": "Cluj"}})
    assert _report(process, "duplicate_phone_id") == [{"EMAIL": "ana@example.com", "SMS": "00447700900101"}]
    assert sandbox.members(12) == {}


def test_second_owner_of_a_phone_can_be_imported_without_it(run_import: RunImport, sandbox: BrevoSandbox):
    sandbox.change(shared_phone="drop_phone")
    process = run_import({"email": "ana@example.com", "attributes": {"SMS": "447700900101", "CITY": "Cluj"}})
    assert len(_report(process, "duplicate_phone_id")) == 1
    assert sandbox.members(12) == {"ana@example.com": {"CITY": "Cluj"}}


def test_phone_is_free_again_when_its_owner_gets_another(run_import: RunImport, sandbox: BrevoSandbox):
    process = run_import(
        {"email": "ada.brook@example.com", "attributes": {"SMS": "+447700900102"}},
        {"email": "ana@example.com", "attributes": {"SMS": "+447700900101"}},
    )
    assert process["info"]["import"]["duplicate_phone_id"] is None
    assert sandbox.members(12)["ana@example.com"]["SMS"] == "447700900101"


@pytest.mark.parametrize(("keeps", "city"), [("first", "Cluj"), ("last", "Iasi")])
def test_repeated_email_within_an_import_is_reported(
    run_import: RunImport, sandbox: BrevoSandbox, keeps: str, city: str
):
    sandbox.change(repeated_email_keeps=keeps)
    process = run_import(
        {"email": "ana@example.com", "attributes": {"CITY": "Cluj"}},
        {"email": "ANA@example.com", "attributes": {"CITY": "Iasi"}},
    )
    assert _report(process, "duplicate_email_id") == [{"EMAIL": "ana@example.com", "SMS": ""}]
    assert sandbox.members(12) == {"ana@example.com": {"CITY": city}}


@pytest.mark.parametrize("wrong", ["", "ana", "ana@", "@example.com", "a b@example.com", "ana@example", None, 5])
def test_invalid_email_is_reported_and_not_imported(run_import: RunImport, sandbox: BrevoSandbox, wrong):
    process = run_import({"email": wrong}, {"email": "ion@example.com"})
    assert [row["EMAIL"] for row in _report(process, "invalid_emails")] == ["" if wrong is None else str(wrong)]
    assert list(sandbox.members(12)) == ["ion@example.com"]


def test_report_keeps_semicolons_and_quotes_in_their_cells(run_import: RunImport):
    process = run_import({"email": 'a;b"c'})
    assert [row["EMAIL"] for row in _report(process, "invalid_emails")] == ['a;b"c']


def test_report_path_is_long_and_needs_no_key(run_import: RunImport, sandbox: BrevoSandbox):
    link = run_import({"email": "wrong"})["info"]["import"]["invalid_emails"]
    assert len(link.rsplit("/", 1)[1]) >= 40
    assert requests.get(link, timeout=10).status_code == 200
    assert requests.get(f"{sandbox.origin}/reports/guess", timeout=10).status_code == 404


def test_process_shows_reports_in_the_form_that_is_set(run_import: RunImport, sandbox: BrevoSandbox):
    sandbox.change(report_form="counts")
    counts = run_import({"email": "wrong"}, {"email": "also wrong"})["info"]["import"]
    assert (counts["invalid_emails"], counts["duplicate_phone_id"]) == (2, 0)
    sandbox.change(report_form="urls")
    links = run_import({"email": "wrong"})["info"]["import"]
    assert (len(links["invalid_emails"]), links["duplicate_phone_id"]) == (1, [])


def test_process_has_details_only_when_set(run_import: RunImport, sandbox: BrevoSandbox):
    sandbox.fail_next("POST /contacts/import", "import-failed")
    plain = run_import({"email": "ana@example.com"})
    assert plain == {"id": plain["id"], "name": "IMPORTUSER", "status": "failed"}
    sandbox.change(process_details=True)
    sandbox.fail_next("POST /contacts/import", "import-failed")
    detailed = run_import({"email": "ana@example.com"})
    assert detailed["error"] and detailed["created_at"].endswith("Z") and detailed["completed_at"]


def test_list_13_is_untouched_by_an_import_into_list_12(run_import: RunImport, sandbox: BrevoSandbox):
    before = sandbox.digest(13)
    run_import({"email": "ana@example.com", "attributes": {"CITY": "Cluj"}})
    assert sandbox.digest(13) == before


def test_digest_equals_the_one_of_the_same_contacts_in_another_order(run_import: RunImport, sandbox: BrevoSandbox):
    run_import(
        {"email": "ana@example.com", "attributes": {"CITY": "Cluj", "FIRSTNAME": "Ana"}},
        {"email": "ion@example.com", "attributes": {"LIFETIME_VALUE": 5}},
    )
    expected = [("ion@example.com", {"LIFETIME_VALUE": 5.0}), ("ana@example.com", {"FIRSTNAME": "Ana", "CITY": "Cluj"})]
    count, digest = digest_of(expected)
    assert sandbox.digest(12) == {"count": count, "digest": digest}
    assert sandbox.digest(12)["digest"] != digest_of([*expected, expected[0]])[1]
    assert (
        sandbox.digest(12, ["CITY"])["digest"]
        == digest_of([("ana@example.com", {"CITY": "Cluj"}), ("ion@example.com", {})])[1]
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{not json",
        b"[]",
        b'{"listIds": "12", "jsonBody": [{"email": "a@example.com"}]}',
        b'{"listIds": [true], "jsonBody": [{"email": "a@example.com"}]}',
        b'{"listIds": [12], "jsonBody": {"email": "a@example.com"}}',
        b'{"listIds": [12], "jsonBody": ["a@example.com"]}',
        b'{"listIds": [12], "jsonBody": [{"email": "a@example.com", "attributes": []}]}',
        b'{"listIds": [12], "jsonBody": [{"email": "a@example.com"}], "disableNotification": "yes"}',
        b'{"newList": {}, "jsonBody": [{"email": "a@example.com"}]}',
        b'{"listIds": [12], "fileUrl": "https://example.com/a.exe"}',
        b'{"listIds": [12], "fileUrl": "ftp://example.com/a.csv"}',
        b'{"listIds": [12], "fileUrl": 12}',
        b'{"listIds": [12], "jsonBody": [{"email": "a@x.ro", "attributes": {"LIFETIME_VALUE": NaN}}]}',
        b'{"listIds": [12], "jsonBody": [{"email": "a@x.ro", "attributes": {"LIFETIME_VALUE": -Infinity}}]}',
        b'{"listIds": [12], "jsonBody": [{"email": "a@x.ro", "attributes": {"CITY": "\xed\xa0\x80"}}]}',
        '{"listIds": [12], "jsonBody": [{"email": "a@x.ro"}]}'.encode("utf-16"),
    ],
)
def test_import_with_a_wrong_body_is_a_bad_request(sandbox: BrevoSandbox, http: requests.Session, body: bytes):
    answer = http.post(f"{sandbox.base_url}/contacts/import", data=body, timeout=10)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}
    assert sandbox.imports.records() == []


def test_body_over_ten_megabytes_is_refused_and_the_connection_lives_on(sandbox: BrevoSandbox, http: requests.Session):
    answer = http.post(f"{sandbox.base_url}/contacts/import", data=b" " * 10_000_001, timeout=10)
    assert answer.status_code == 400
    assert http.get(f"{sandbox.base_url}/contacts/lists", timeout=10).status_code == 200


def test_body_of_eight_megabytes_is_taken(sandbox: BrevoSandbox, http: requests.Session):
    people = [{"email": f"someone{n}@example.com", "attributes": {"CITY": "x" * 400}} for n in range(17_000)]
    answer = http.post(f"{sandbox.base_url}/contacts/import", json={"listIds": [12], "jsonBody": people}, timeout=10)
    assert answer.status_code == 202
    sandbox.wait_until_idle()
    assert sandbox.imports.records()[0].body_bytes > 7_000_000
    assert len(sandbox.account.lists[12].members) == 17_000


def test_chunked_body_is_taken(sandbox: BrevoSandbox, http: requests.Session):
    pieces = iter([b'{"listIds": [12], ', b'"jsonBody": [{"email": "ana@example.com"}]}'])
    answer = http.post(f"{sandbox.base_url}/contacts/import", data=pieces, timeout=10)
    assert answer.status_code == 202
    sandbox.wait_until_idle()
    assert list(sandbox.members(12)) == ["ana@example.com"]


def test_imports_of_an_account_run_one_after_the_other(sandbox: BrevoSandbox, http: requests.Session):
    sandbox.change(seconds_fixed=60.0)
    body = {"listIds": [12], "jsonBody": [{"email": "ana@example.com"}]}
    for _ in range(3):
        http.post(f"{sandbox.base_url}/contacts/import", json=body, timeout=10)
    statuses = [each["status"] for each in http.get(f"{sandbox.base_url}/processes", timeout=10).json()["processes"]]
    assert statuses == ["queued", "queued", "processing"]
    assert sandbox.imports.most_open_at_once == 3
    sandbox.change(parallel_imports=2, running_status="in_process")
    statuses = [each["status"] for each in http.get(f"{sandbox.base_url}/processes", timeout=10).json()["processes"]]
    assert statuses == ["queued", "in_process", "in_process"]


def test_import_that_is_set_aside_is_done_at_once_and_carried_out_when_settled(run_import, sandbox: BrevoSandbox):
    sandbox.change(defers_work=True)
    process = run_import({"email": "ana@example.com", "attributes": {"CITY": "Cluj"}})
    assert process["status"] == "completed"
    assert sandbox.members(12) == {}
    body = requests.get(f"{sandbox.origin}/sandbox/body?import={process['id']}", timeout=10)
    assert body.json()["jsonBody"] == [{"email": "ana@example.com", "attributes": {"CITY": "Cluj"}}]
    for _ in range(2):  # settling again changes nothing
        answer = requests.post(f"{sandbox.origin}/sandbox/settle", json={}, timeout=10)
        assert answer.json()["lists"]["12"]["members"] == 1
    assert sandbox.members(12) == {"ana@example.com": {"CITY": "Cluj"}}
    assert [(record.contacts, record.order.list_ids) for record in sandbox.imports.records()] == [(1, (12,))]
