"""The vendor's own Python client imports into the sandbox: its models judge the shape of every answer."""

import pytest
from brevo import Brevo
from brevo.contacts import (
    ImportContactsRequestNewList,
)
from brevo.errors import BadRequestError, NotFoundError

from local.brevo_sandbox import BrevoSandbox
from tests.contract.people import PEOPLE, items_of


def test_official_client_imports_contacts_and_reads_the_finished_process(brevo: Brevo, sandbox: BrevoSandbox):
    accepted = brevo.contacts.import_contacts(
        list_ids=[12], json_body=items_of(PEOPLE), disable_notification=True, update_existing_contacts=True
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
    accepted = brevo.contacts.import_contacts(list_ids=[12], json_body=items_of(people))
    sandbox.wait_until_idle()
    link = brevo.process.get_process(accepted.process_id).info.import_.invalid_emails
    assert link.startswith(f"{sandbox.origin}/reports/")


def test_official_client_imports_into_a_new_list(brevo: Brevo, sandbox: BrevoSandbox):
    brevo.contacts.import_contacts(
        json_body=items_of(PEOPLE), new_list=ImportContactsRequestNewList(list_name="Spring", folder_id=1)
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
        ({"json_body": items_of(PEOPLE)}, "missing_parameter"),
        ({"list_ids": [], "json_body": items_of(PEOPLE)}, "missing_parameter"),
        ({"list_ids": [12]}, "missing_parameter"),
        ({"list_ids": [999], "json_body": items_of(PEOPLE)}, "invalid_parameter"),
        ({"list_ids": [12], "json_body": []}, "invalid_parameter"),
        ({"list_ids": [12], "file_body": "FIRSTNAME;CITY\nAna;Cluj\n"}, "invalid_parameter"),
        ({"list_ids": [12], "json_body": items_of(PEOPLE), "notify_url": "ftp://example.com"}, "invalid_parameter"),
    ],
)
def test_official_client_gets_a_bad_request_for_a_wrong_import(brevo: Brevo, fields: dict, code: str):
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.import_contacts(**fields)
    assert caught.value.body["code"] == code


def test_official_client_lists_processes_newest_first(brevo: Brevo, sandbox: BrevoSandbox):
    numbers = [brevo.contacts.import_contacts(list_ids=[12], json_body=items_of(PEOPLE)).process_id for _ in range(3)]
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
