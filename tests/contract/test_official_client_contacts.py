"""The vendor's own Python client reads and changes contacts and the account."""

import pytest
from brevo import Brevo
from brevo.account import GetAccountResponse
from brevo.contacts import (
    CreateContactResponse,
    CreateListResponse,
    GetAttributesResponse,
    GetContactInfoResponse,
    GetFoldersResponse,
    GetListResponse,
    GetListsResponse,
    ImportContactsResponse,
    RequestContactExportResponse,
)
from brevo.core.api_error import ApiError
from brevo.errors import BadRequestError, NotFoundError
from brevo.process import GetProcessesResponse, GetProcessResponse
from brevo.types import GetContacts, PostContactInfo

from local.brevo_sandbox import BrevoSandbox
from tests.contract.people import PEOPLE, items_of


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
        lambda client: client.contacts.import_contacts(list_ids=[12], json_body=items_of(PEOPLE)),
    ],
)
def test_official_client_is_refused_with_a_wrong_key(sandbox: BrevoSandbox, connections, call):
    stranger = Brevo(api_key="wrong", base_url=sandbox.base_url, max_retries=0, httpx_client=connections)
    with pytest.raises(ApiError) as caught:
        call(stranger)
    assert caught.value.status_code == 401
    assert caught.value.body == {"code": "unauthorized", "message": "Key not found"}


EXPORTED = {"customContactFilter": {"actionForContacts": "unsubscribedPerList", "listId": 13}}
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
        ("POST", "/contacts/export", EXPORTED, 202, RequestContactExportResponse),
        ("POST", "/contacts", {"email": "zoe@example.com"}, 201, CreateContactResponse),
        ("GET", "/contacts/1?identifierType=contact_id", None, 200, GetContactInfoResponse),
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
