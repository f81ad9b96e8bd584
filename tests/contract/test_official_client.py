"""The vendor's own Python client talks to the sandbox: its models judge the shape of every answer."""

import pytest
from brevo import Brevo
from brevo.account import GetAccountResponse
from brevo.contacts import (
    CreateListResponse,
    GetAttributesResponse,
    GetContactInfoResponse,
    GetFoldersResponse,
    GetListResponse,
    GetListsResponse,
    ImportContactsRequestJsonBodyItem,
    ImportContactsRequestNewList,
    ImportContactsResponse,
)
from brevo.core.api_error import ApiError
from brevo.errors import BadRequestError, NotFoundError
from brevo.process import GetProcessesResponse, GetProcessResponse
from brevo.types import GetContacts, PostContactInfo

from local.brevo_sandbox import BrevoSandbox

PEOPLE = [
    {"email": "Ana.Pop@Example.com", "attributes": {"FIRSTNAME": "Ana", "SMS": "+40722000001"}},
    {"email": "ion@example.com", "attributes": {"FIRSTNAME": "Ion", "LIFETIME_VALUE": 12}},
]


def _items(people: list[dict]) -> list[ImportContactsRequestJsonBodyItem]:
    return [ImportContactsRequestJsonBodyItem(**person) for person in people]


def test_official_client_imports_contacts_and_reads_the_finished_process(brevo: Brevo, sandbox: BrevoSandbox):
    accepted = brevo.contacts.import_contacts(
        list_ids=[12], json_body=_items(PEOPLE), disable_notification=True, update_existing_contacts=True
    )
    sandbox.wait_until_idle()
    process = brevo.process.get_process(accepted.process_id)
    assert (process.id, process.name, process.status) == (accepted.process_id, "IMPORTUSER", "completed")
    reports = process.info.import_
    assert reports.invalid_emails is None
    assert reports.duplicate_phone_id is None
    assert sandbox.members(12) == {
        "ana.pop@example.com": {"FIRSTNAME": "Ana", "SMS": "40722000001"},
        "ion@example.com": {"FIRSTNAME": "Ion", "LIFETIME_VALUE": 12.0},
    }


def test_official_client_reads_a_report_link_for_rejected_contacts(brevo: Brevo, sandbox: BrevoSandbox):
    people = [*PEOPLE, {"email": "not-an-address", "attributes": {}}]
    accepted = brevo.contacts.import_contacts(list_ids=[12], json_body=_items(people))
    sandbox.wait_until_idle()
    link = brevo.process.get_process(accepted.process_id).info.import_.invalid_emails
    assert link.startswith(f"{sandbox.origin}/reports/")


def test_official_client_imports_into_a_new_list(brevo: Brevo, sandbox: BrevoSandbox):
    brevo.contacts.import_contacts(
        json_body=_items(PEOPLE), new_list=ImportContactsRequestNewList(list_name="Spring", folder_id=1)
    )
    sandbox.wait_until_idle()
    newest = brevo.contacts.get_lists(limit=1).lists[0]
    assert (newest.name, newest.unique_subscribers) == ("Spring", 2)


def test_official_client_imports_csv_text(brevo: Brevo, sandbox: BrevoSandbox):
    text = "FIRSTNAME;EMAIL;CITY\nAna;ana@example.com;Cluj\nIon;ion@example.com;\n"
    brevo.contacts.import_contacts(list_ids=[12], file_body=text)
    sandbox.wait_until_idle()
    assert sandbox.members(12) == {
        "ana@example.com": {"FIRSTNAME": "Ana", "CITY": "Cluj"},
        "ion@example.com": {"FIRSTNAME": "Ion"},
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"json_body": _items(PEOPLE)}, "missing_parameter"),
        ({"list_ids": [], "json_body": _items(PEOPLE)}, "missing_parameter"),
        ({"list_ids": [12]}, "missing_parameter"),
        ({"list_ids": [999], "json_body": _items(PEOPLE)}, "invalid_parameter"),
        ({"list_ids": [12], "json_body": []}, "invalid_parameter"),
        ({"list_ids": [12], "file_body": "FIRSTNAME;CITY\nAna;Cluj\n"}, "invalid_parameter"),
        ({"list_ids": [12], "json_body": _items(PEOPLE), "notify_url": "ftp://example.com"}, "invalid_parameter"),
    ],
)
def test_official_client_gets_a_bad_request_for_a_wrong_import(brevo: Brevo, fields: dict, code: str):
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.import_contacts(**fields)
    assert caught.value.body["code"] == code


def test_official_client_lists_processes_newest_first(brevo: Brevo, sandbox: BrevoSandbox):
    numbers = [brevo.contacts.import_contacts(list_ids=[12], json_body=_items(PEOPLE)).process_id for _ in range(3)]
    sandbox.wait_until_idle()
    page = brevo.process.get_processes(limit=2, offset=0, sort="desc")
    assert page.count == 3
    assert [process.id for process in page.processes] == numbers[:0:-1]
    assert brevo.process.get_processes(limit=50, sort="asc").processes[0].id == numbers[0]


def test_official_client_gets_a_bad_request_for_more_than_fifty_processes(brevo: Brevo):
    with pytest.raises(BadRequestError) as caught:
        brevo.process.get_processes(limit=51)
    assert caught.value.body["code"] == "out_of_range"


def test_official_client_gets_not_found_for_an_unknown_process(brevo: Brevo, sandbox: BrevoSandbox):
    with pytest.raises(NotFoundError) as caught:
        brevo.process.get_process(4711)
    assert caught.value.body == {"code": "invalid_parameter", "message": "processId is invalid"}
    sandbox.change(unknown_process_code="document_not_found")
    with pytest.raises(NotFoundError) as caught:
        brevo.process.get_process(4711)
    assert caught.value.body["code"] == "document_not_found"


def test_official_client_reads_lists_with_their_counters(brevo: Brevo):
    page = brevo.contacts.get_lists(limit=50, sort="asc")
    assert page.count == 2
    assert [(each.id, each.name, each.folder_id) for each in page.lists] == [
        (12, "High-value customers", 1),
        (13, "Newsletter", 1),
    ]
    newsletter = brevo.contacts.get_list(13)
    assert newsletter.name == "Newsletter"
    assert (newsletter.unique_subscribers, newsletter.total_subscribers, newsletter.total_blacklisted) == (4, 3, 1)


def test_official_client_gets_not_found_for_an_unknown_list(brevo: Brevo):
    with pytest.raises(NotFoundError) as caught:
        brevo.contacts.get_list(999)
    assert caught.value.body["code"] == "document_not_found"


def test_official_client_creates_a_list(brevo: Brevo):
    created = brevo.contacts.create_list(folder_id=1, name="Autumn")
    assert brevo.contacts.get_list(created.id).name == "Autumn"
    with pytest.raises(BadRequestError):
        brevo.contacts.create_list(folder_id=77, name="Nowhere")


def test_official_client_reads_attributes_of_every_kind(brevo: Brevo):
    found = {each.name: each for each in brevo.contacts.get_attributes().attributes}
    assert (found["FIRSTNAME"].category, found["FIRSTNAME"].type) == ("normal", "text")
    assert found["BIRTHDAY"].type == "date"
    assert [each.label for each in found["LOYALTY_TIER"].enumeration] == ["Bronze", "Silver", "Gold"]
    assert found["INTERESTS"].multi_category_options == ["Coffee", "Tea", "Chocolate"]


def test_official_client_creates_an_attribute_once(brevo: Brevo):
    brevo.contacts.create_attribute("normal", "SHOE_SIZE", type="float")
    assert {each.name: each.type for each in brevo.contacts.get_attributes().attributes}["SHOE_SIZE"] == "float"
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.create_attribute("normal", "shoe_size", type="float")
    assert caught.value.body["code"] == "duplicate_parameter"


@pytest.mark.parametrize(
    "wrong",
    [
        {"attribute_category": "normal", "attribute_name": "NO TYPE", "type": "text"},
        {"attribute_category": "normal", "attribute_name": "NO_TYPE"},
        {"attribute_category": "odd", "attribute_name": "AGE", "type": "float"},
        {"attribute_category": "normal", "attribute_name": "AGE", "type": "number"},
        {
            "attribute_category": "normal",
            "attribute_name": "LONG",
            "type": "multiple-choice",
            "multi_category_options": ["x" * 201],
        },
    ],
)
def test_official_client_gets_a_bad_request_for_a_wrong_attribute(brevo: Brevo, wrong: dict):
    with pytest.raises(BadRequestError):
        brevo.contacts.create_attribute(**wrong)


def test_official_client_adds_and_removes_known_contacts(brevo: Brevo):
    added = brevo.contacts.add_contact_to_list(
        12, request={"emails": ["ada.brook@example.com", "stranger@example.com"]}
    )
    assert (added.contacts.success, added.contacts.failure) == (
        ["ada.brook@example.com"],
        ["stranger@example.com"],
    )
    removed = brevo.contacts.remove_contact_from_list(
        12, request={"emails": ["ada.brook@example.com", "ben.frost@example.com"]}
    )
    assert (removed.contacts.success, removed.contacts.failure) == (
        ["ada.brook@example.com"],
        ["ben.frost@example.com"],
    )


def test_official_client_gets_a_bad_request_when_nobody_could_be_added_or_removed(brevo: Brevo):
    nobody = {"emails": ["stranger@example.com"]}
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.add_contact_to_list(12, request=nobody)
    assert "already in list and/or does not exist" in caught.value.body["message"]
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.remove_contact_from_list(12, request=nobody)
    assert caught.value.body["code"] == "invalid_parameter"


def test_official_client_may_not_remove_more_than_150_at_once(brevo: Brevo):
    many = [f"someone{number}@example.com" for number in range(151)]
    with pytest.raises(BadRequestError):
        brevo.contacts.remove_contact_from_list(13, request={"emails": many})
    with pytest.raises(NotFoundError):
        brevo.contacts.remove_contact_from_list(999, request={"emails": many[:1]})


def test_official_client_reads_contacts_one_by_one_and_in_pages(brevo: Brevo):
    contact = brevo.contacts.get_contact_info("ada.brook@example.com")
    assert contact.attributes.model_dump() == {"CITY": "Leeds", "SMS": "447700900101"}
    assert contact.list_ids == [13]
    assert brevo.contacts.get_contact_info(contact.id).email == "ada.brook@example.com"
    members = brevo.contacts.get_contacts_from_list(13, limit=2, offset=1, sort="asc")
    assert members.count == 4
    assert [each.email for each in members.contacts] == ["ben.frost@example.com", "cara.stone@example.com"]
    newest = brevo.contacts.get_contacts(limit=1)
    assert newest.contacts[0].email_blacklisted is True
    with pytest.raises(NotFoundError):
        brevo.contacts.get_contact_info("stranger@example.com")
    with pytest.raises(BadRequestError):
        brevo.contacts.get_contacts_from_list(13, limit=501)


def test_official_client_creates_and_updates_one_contact(brevo: Brevo, sandbox: BrevoSandbox):
    created = brevo.contacts.create_contact(email="Zoe@example.com", attributes={"SMS": "+40722000001"}, list_ids=[12])
    again = {"email": "zoe@example.com", "attributes": {"CITY": "Cluj"}, "list_ids": [12]}
    with pytest.raises(BadRequestError):
        brevo.contacts.create_contact(**again)
    assert brevo.contacts.create_contact(**again, update_enabled=True) is None
    assert brevo.contacts.get_contact_info(created.id).email == "zoe@example.com"
    assert sandbox.members(12) == {"zoe@example.com": {"SMS": "40722000001", "CITY": "Cluj"}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "not an address", "list_ids": [12]},
        {"email": "zoe@example.com", "list_ids": [999]},
        {"email": "zoe@example.com", "list_ids": [12], "attributes": {"SMS": "+447700900101"}},
    ],
)
def test_official_client_gets_a_bad_request_for_a_contact_that_cannot_be(brevo: Brevo, sandbox, wrong: dict):
    with pytest.raises(BadRequestError):
        brevo.contacts.create_contact(**wrong)
    assert sandbox.members(12) == {}


def test_official_client_reads_folders(brevo: Brevo):
    folders = brevo.contacts.get_folders(limit=10, offset=0)
    assert folders.count == 1
    assert folders.folders[0].id == 1


def test_official_client_reads_the_account_and_its_plan(brevo: Brevo):
    account = brevo.account.get_account()
    assert account.company_name == "Sandbox Company"
    assert account.email == "owner@example.com"
    assert (account.plan[0].type, account.plan[0].credits_type, account.plan[0].credits) == (
        "subscription",
        "sendLimit",
        40_000,
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.account.get_account(),
        lambda client: client.contacts.get_lists(limit=1),
        lambda client: client.contacts.get_attributes(),
        lambda client: client.process.get_processes(limit=1),
        lambda client: client.contacts.import_contacts(list_ids=[12], json_body=_items(PEOPLE)),
    ],
)
def test_official_client_is_refused_with_a_wrong_key(sandbox: BrevoSandbox, connections, call):
    stranger = Brevo(api_key="wrong", base_url=sandbox.base_url, max_retries=0, httpx_client=connections)
    with pytest.raises(ApiError) as caught:
        call(stranger)
    assert caught.value.status_code == 401
    assert caught.value.body == {"code": "unauthorized", "message": "Key not found"}


ONE = {"emails": ["ada.brook@example.com"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "model"),
    [
        ("POST", "/contacts/import", {"listIds": [12], "jsonBody": PEOPLE}, 202, ImportContactsResponse),
        ("GET", "/processes", None, 200, GetProcessesResponse),
        ("GET", "/processes/78", None, 200, GetProcessResponse),
        ("GET", "/contacts/lists", None, 200, GetListsResponse),
        ("POST", "/contacts/lists", {"name": "Spring", "folderId": 1}, 201, CreateListResponse),
        ("GET", "/contacts/lists/12", None, 200, GetListResponse),
        ("GET", "/contacts/lists/13/contacts", None, 200, GetContacts),
        ("POST", "/contacts/lists/12/contacts/add", ONE, 201, PostContactInfo),
        ("POST", "/contacts/lists/13/contacts/remove", ONE, 201, PostContactInfo),
        ("GET", "/contacts/attributes", None, 200, GetAttributesResponse),
        ("GET", "/contacts", None, 200, GetContacts),
        ("GET", "/contacts/ada.brook%40example.com", None, 200, GetContactInfoResponse),
        ("GET", "/contacts/folders", None, 200, GetFoldersResponse),
        ("GET", "/account", None, 200, GetAccountResponse),
    ],
)
def test_answer_passes_the_strict_validation_of_the_vendors_model(
    sandbox: BrevoSandbox, http, run_import, method, path, body, status, model
):
    # The client itself builds its models without checking them, so the raw answer is validated here.
    run_import({"email": "not-an-address"})
    answer = http.request(method, sandbox.base_url + path, json=body, timeout=10)
    assert answer.status_code == status
    parsed = model.model_validate(answer.json(), strict=True)
    assert not parsed.model_extra or model is GetAccountResponse


def test_removing_everybody_empties_the_list_and_is_counted(brevo: Brevo, sandbox: BrevoSandbox):
    removed = brevo.contacts.remove_contact_from_list(13, request={"all": True})
    assert removed.contacts.total == 4
    assert sandbox.members(13) == {}
    assert sandbox.summary()["remove_all_calls"] == 1


def test_contacts_can_be_named_by_their_numbers(brevo: Brevo):
    added = brevo.contacts.add_contact_to_list(12, request={"ids": [1, 2, 4711]})
    assert (added.contacts.success, added.contacts.failure) == ([1, 2], [4711])


@pytest.mark.parametrize("request_body", [{}, {"emails": []}, {"emails": ["wrong"]}, {"ids": ["1"]}])
def test_membership_call_without_proper_names_is_a_bad_request(brevo: Brevo, request_body: dict):
    with pytest.raises(BadRequestError):
        brevo.contacts.add_contact_to_list(12, request=request_body)


def test_counters_other_than_unique_subscribers_can_be_wrong_as_users_report(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change(exact_list_totals=False)
    newsletter = brevo.contacts.get_list(13)
    assert (newsletter.unique_subscribers, newsletter.total_subscribers, newsletter.total_blacklisted) == (4, 0, 0)


def test_french_account_names_the_standard_attributes_in_french(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change(language="fr")
    sandbox.reset()
    names = {each.name for each in brevo.contacts.get_attributes().attributes}
    assert {"PRENOM", "NOM"} < names
    assert "FIRSTNAME" not in names
