"""Answers about contacts, exports and attributes have the form that the vendor describes for each, and no field more.

The descriptions are of https://developers.brevo.com/reference (Nov. 2026), for the calls that the client's models do
not judge, or only loosely: types of attributes, refusals of single contacts, a process in its older form.
"""

from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from local.brevo_sandbox import BrevoSandbox

Schema = dict[str, Any]


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    properties = required | (optional or {})
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


TEXT, NUMBER, FLAG, ANYTHING = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "object"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
NUMBERS = _list(NUMBER)
CONTACT = {
    "attributes": ANYTHING,
    "createdAt": TIME,
    "emailBlacklisted": FLAG,
    "id": NUMBER,
    "listIds": NUMBERS,
    "modifiedAt": TIME,
    "smsBlacklisted": FLAG,
}
MORE_OF_A_CONTACT = {"email": TEXT, "listUnsubscribed": NUMBERS, "whatsappBlacklisted": FLAG}
ATTRIBUTE = _object(
    {"name": TEXT, "category": {"enum": ["normal", "transactional", "category", "calculated", "global"]}},
    {
        "type": {"enum": ["text", "date", "float", "id", "boolean", "multiple-choice", "user"]},
        "enumeration": _list(_object({"label": TEXT, "value": NUMBER, "valueStr": TEXT})),
        "multiCategoryOptions": _list(TEXT),
        "calculatedValue": TEXT,
    },
)
EXPORT = _object(
    {
        "id": NUMBER,
        "name": {"enum": ["SEARCH_EXPORT_USERS", "SEARCH_EXPORT_USERS_API"]},
        "status": {"enum": ["queued", "processing", "in_process", "completed", "failed", "cancelled"]},
    },
    {
        "export_url": {"type": "string", "pattern": "^https?://"},
        "info": _object({"export": _object({"total_records": NUMBER, "file_size": NUMBER})}),
        "error": TEXT,
        "created_at": TIME,
        "completed_at": TIME,
    },
)
REFUSAL = _object({"code": TEXT, "message": TEXT}, {"metadata": _object({"duplicate_identifiers": _list(TEXT)})})
ONE_CONTACT = _object(CONTACT | {"statistics": ANYTHING}, MORE_OF_A_CONTACT)
CONTACTS = _object({"contacts": _list(_object(CONTACT, MORE_OF_A_CONTACT)), "count": NUMBER})

ADA = "/contacts/ada.brook%40example.com"
LISTED = {"customContactFilter": {"actionForContacts": "allContacts", "listId": 13}}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "schema"),
    [
        ("POST", "/contacts/export", LISTED, 202, _object({"processId": NUMBER})),
        ("POST", "/contacts/export", {"customContactFilter": {}}, 400, REFUSAL),
        ("GET", "/processes/78", None, 200, EXPORT),
        ("GET", "/contacts/attributes", None, 200, _object({"attributes": _list(ATTRIBUTE)})),
        ("GET", "/contacts?limit=3", None, 200, CONTACTS),
        ("GET", "/contacts?listIds=13", None, 200, CONTACTS),
        ("GET", f"{ADA}?identifierType=email_id", None, 200, ONE_CONTACT),
        ("GET", "/contacts/C-0?identifierType=ext_id", None, 404, REFUSAL),
        ("GET", "/contacts/C-0?identifierType=age", None, 400, REFUSAL),
        ("POST", "/contacts", {"ext_id": "C-2"}, 201, _object({"id": NUMBER})),
        ("POST", "/contacts", {"email": "ada.brook@example.com"}, 400, REFUSAL),
        ("PUT", ADA, {"attributes": {"EMAIL": "ben.frost@example.com"}}, 400, REFUSAL),
    ],
)
@pytest.mark.parametrize("process_details", [False, True])
def test_answer_has_the_form_that_the_vendor_describes(
    sandbox: BrevoSandbox, http: requests.Session, method, path, body, status, schema, process_details
):
    sandbox.change(process_details=process_details)
    http.post(f"{sandbox.base_url}/contacts/export", json=LISTED, timeout=10)
    sandbox.wait_until_idle()
    answer = http.request(method, sandbox.base_url + path, json=body, timeout=10)
    assert answer.status_code == status
    Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize(("method", "body"), [("PUT", {"attributes": {"CITY": "Hull"}}), ("DELETE", None)])
def test_changed_or_deleted_contact_is_answered_without_a_body(
    sandbox: BrevoSandbox, http: requests.Session, method: str, body: dict | None
):
    answer = http.request(method, sandbox.base_url + ADA, json=body, timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
