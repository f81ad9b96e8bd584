"""An export of contacts: whose, which columns, in how many forms, and how it can go wrong."""

import csv
import io
from collections.abc import Callable

import pytest
import requests
from brevo import Brevo
from brevo.contacts import RequestContactExportRequestCustomContactFilter as Filter
from brevo.core.api_error import ApiError
from brevo.errors import BadRequestError

from local.brevo_sandbox import BrevoSandbox

LEFT = {"actionForContacts": "unsubscribedPerList", "listId": 13}
ROUTE = "POST /contacts/export"

RunExport = Callable[..., dict]


@pytest.fixture
def run_export(sandbox: BrevoSandbox, http: requests.Session) -> RunExport:
    """Export, wait for the end, and return the process as the API shows it."""

    def run(action: str = "allContacts", **fields: object) -> dict:
        body = {"customContactFilter": {"actionForContacts": action, "listId": 13}} | fields
        answer = http.post(f"{sandbox.base_url}/contacts/export", json=body, timeout=10)
        assert answer.status_code == 202, answer.text
        sandbox.wait_until_idle()
        return http.get(f"{sandbox.base_url}/processes/{answer.json()['processId']}", timeout=10).json()

    return run


def _file(process: dict) -> str:
    answer = requests.get(process["export_url"], timeout=10)
    assert answer.status_code == 200
    answer.encoding = "utf-8"
    return answer.text


def _rows(process: dict) -> list[dict]:
    return list(csv.DictReader(io.StringIO(_file(process)), delimiter=";"))


def _emails(process: dict) -> list[str]:
    return [row["EMAIL"].split("@")[0] for row in _rows(process)]


def test_official_client_exports_a_list_and_reads_the_link(brevo: Brevo, sandbox: BrevoSandbox):
    accepted = brevo.contacts.request_contact_export(
        custom_contact_filter=Filter(action_for_contacts="allContacts", list_id=13),
        export_attributes=["CITY", "email"],
        export_metadata=["_listIds"],
        export_subscription_status=["email_marketing"],
        export_mandatory_attributes=False,
        disable_notification=True,
    )
    sandbox.wait_until_idle()
    process = brevo.process.get_process(accepted.process_id)
    assert (process.name, process.status) == ("SEARCH_EXPORT_USERS_API", "completed")
    assert process.export_url.startswith(f"{sandbox.origin}/reports/")
    assert _file({"export_url": process.export_url}).splitlines() == [
        "CONTACT ID;EMAIL;CITY;_LISTIDS;EMAIL_MARKETING",
        "1;ada.brook@example.com;Leeds;13;subscribed",
        "2;ben.frost@example.com;Bath;13;subscribed",
        "3;cara.stone@example.com;;13;subscribed",
        "4;blocked.person@example.com;York;13;unsubscribed",
    ]
    assert [each.export_url for each in brevo.process.get_processes(limit=1).processes] == [process.export_url]


def test_export_has_the_mandatory_columns_unless_told_otherwise(run_export: RunExport):
    assert list(_rows(run_export())[0]) == ["CONTACT ID", "EMAIL", "ADDED_TIME", "MODIFIED_TIME"]


@pytest.mark.parametrize(
    ("action", "emails"),
    [
        ("allContacts", ["ada.brook", "cara.stone", "blocked.person"]),
        ("subscribed", ["ada.brook", "cara.stone"]),
        ("unsubscribed", ["blocked.person"]),
        ("unsubscribedPerList", ["ben.frost"]),
    ],
)
def test_export_holds_the_contacts_of_its_action(
    run_export: RunExport, sandbox: BrevoSandbox, action: str, emails: list[str]
):
    sandbox.change_contact("ben.frost@example.com", leaves=[13])
    assert _emails(run_export(action)) == emails


def test_export_holds_who_left_when_it_was_asked_for(sandbox: BrevoSandbox, http: requests.Session):
    sandbox.change(export_seconds_fixed=0.3)
    number = http.post(f"{sandbox.base_url}/contacts/export", json={"customContactFilter": LEFT}, timeout=10).json()
    sandbox.change_contact("ben.frost@example.com", leaves=[13])
    open_process = http.get(f"{sandbox.base_url}/processes/{number['processId']}", timeout=10).json()
    assert (open_process["status"], "export_url" in open_process) == ("processing", False)
    sandbox.wait_until_idle()
    assert _rows(http.get(f"{sandbox.base_url}/processes/{number['processId']}", timeout=10).json()) == []


@pytest.mark.parametrize(
    ("settings", "head"),
    [
        ({}, "CONTACT ID;EMAIL;ADDED_TIME;MODIFIED_TIME"),
        ({"export_contact_number": "none"}, "EMAIL;ADDED_TIME;MODIFIED_TIME"),
        ({"export_contact_number": "ID", "export_delimiter": ","}, "ID,EMAIL,ADDED_TIME,MODIFIED_TIME"),
        ({"export_header": "lower"}, "contact id;email;added_time;modified_time"),
        (
            {"export_header": "title", "export_contact_number": "CONTACT_ID"},
            "Contact_Id;Email;Added_Time;Modified_Time",
        ),
        ({"export_bom": True}, "\ufeffCONTACT ID;EMAIL;ADDED_TIME;MODIFIED_TIME"),
    ],
)
def test_export_writes_its_header_as_the_settings_say(
    run_export: RunExport, sandbox: BrevoSandbox, settings: dict, head: str
):
    sandbox.change(**settings)
    assert _file(run_export()).splitlines()[0] == head


def test_export_quotes_a_cell_that_holds_the_delimiter(run_export: RunExport, sandbox: BrevoSandbox):
    sandbox.seed(contacts=[{"email": "zoe@example.com", "attributes": {"CITY": 'a;b"c\nd'}, "lists": [13]}])
    rows = _rows(run_export(exportAttributes=["CITY", "INTERESTS", "NEWSLETTER_OPT_IN"]))
    assert (len(rows), rows[-1]["CITY"]) == (5, 'a;b"c\nd')


@pytest.mark.parametrize("name", ["SEARCH_EXPORT_USERS_API", "SEARCH_EXPORT_USERS"])
def test_export_process_has_either_name(run_export: RunExport, sandbox: BrevoSandbox, name: str):
    sandbox.change(export_process_name=name)
    assert run_export()["name"] == name


def test_export_process_has_details_only_when_set(run_export: RunExport, sandbox: BrevoSandbox):
    assert set(run_export()) == {"id", "name", "status", "export_url"}
    sandbox.change(process_details=True)
    detailed = run_export()
    assert detailed["info"]["export"] == {"total_records": 4, "file_size": len(_file(detailed))}
    assert detailed["created_at"] and detailed["completed_at"]


@pytest.mark.parametrize(("outcome", "status"), [("refused_400", 400), ("refused_403", 403)])
def test_account_can_refuse_every_export(brevo: Brevo, sandbox: BrevoSandbox, outcome: str, status: int):
    sandbox.change(export_outcome=outcome)
    with pytest.raises(ApiError) as caught:
        brevo.contacts.request_contact_export(
            custom_contact_filter=Filter(action_for_contacts="allContacts", list_id=13)
        )
    assert caught.value.status_code == status
    assert sandbox.exports.records() == []


@pytest.mark.parametrize(("outcome", "status"), [("failed", "failed"), ("cancelled", "cancelled"), ("stuck", "queued")])
def test_export_can_end_without_a_file(run_export: RunExport, sandbox: BrevoSandbox, outcome: str, status: str):
    sandbox.fail_next(ROUTE, f"export-{outcome}")
    one = run_export()
    assert (one["status"], "export_url" in one) == (status, False)
    assert run_export()["status"] == "completed"
    sandbox.change(export_outcome=outcome)
    assert [run_export()["status"] for _ in range(2)] == [status, status]


@pytest.mark.parametrize(("kind", "status"), [("report-404", 404), ("report-500", 500), ("report-redirect", 302)])
def test_file_of_an_export_can_be_out_of_reach(run_export: RunExport, sandbox: BrevoSandbox, kind: str, status: int):
    sandbox.fail_next(ROUTE, kind)
    assert requests.get(run_export()["export_url"], timeout=10, allow_redirects=False).status_code == status


def test_link_of_an_export_can_lead_to_another_host(run_export: RunExport, sandbox: BrevoSandbox):
    sandbox.fail_next(ROUTE, "report-other-host")
    assert run_export()["export_url"].startswith("http://localhost:")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_parameter"),
        ({"customContactFilter": {}}, "missing_parameter"),
        ({"customContactFilter": {"actionForContacts": "allContacts"}}, "missing_parameter"),
        ({"customContactFilter": {"actionForContacts": "allContacts", "segmentId": 3}}, "invalid_parameter"),
        ({"customContactFilter": {"actionForContacts": "everybody", "listId": 13}}, "invalid_parameter"),
        ({"customContactFilter": {"actionForContacts": "allContacts", "listId": 999}}, "invalid_parameter"),
        ({"customContactFilter": {"actionForContacts": "allContacts", "listId": "13"}}, "invalid_parameter"),
        ({"customContactFilter": {"actionForEmailCampaigns": "openers"}}, "invalid_parameter"),
        ({"customContactFilter": LEFT, "exportMandatoryAttributes": False}, "missing_parameter"),
        ({"customContactFilter": LEFT, "exportAttributes": ["SHOE"]}, "invalid_parameter"),
        ({"customContactFilter": LEFT, "exportAttributes": "CITY"}, "invalid_parameter"),
        ({"customContactFilter": LEFT, "exportMetadata": ["AGE"]}, "invalid_parameter"),
        ({"customContactFilter": LEFT, "exportSubscriptionStatus": ["fax"]}, "invalid_parameter"),
        ({"customContactFilter": LEFT, "disableNotification": "yes"}, "invalid_parameter"),
        ({"customContactFilter": LEFT, "notifyUrl": "ftp://example.com"}, "invalid_parameter"),
    ],
)
def test_export_with_a_wrong_body_is_a_bad_request(sandbox: BrevoSandbox, http, body: dict, code: str):
    answer = http.post(f"{sandbox.base_url}/contacts/export", json=body, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_official_client_gets_a_bad_request_for_an_export_without_a_list(brevo: Brevo):
    with pytest.raises(BadRequestError):
        brevo.contacts.request_contact_export(custom_contact_filter=Filter(action_for_contacts="allContacts"))


def test_imports_and_exports_share_one_row_of_processes(run_import, run_export: RunExport, http, sandbox: BrevoSandbox):
    numbers = [run_import({"email": "ana@example.com"})["id"], run_export()["id"], run_import({"email": "x"})["id"]]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    page = http.get(f"{sandbox.base_url}/processes?limit=50", timeout=10).json()
    assert [each["name"] for each in page["processes"]] == ["IMPORTUSER", "SEARCH_EXPORT_USERS_API", "IMPORTUSER"]
    assert page["count"] == 3


def test_control_endpoint_shows_the_exports_without_their_links(run_export: RunExport, sandbox: BrevoSandbox):
    run_export("unsubscribed", disableNotification=True)
    (shown,) = requests.get(f"{sandbox.origin}/sandbox/exports", timeout=10).json()
    assert (shown["action"], shown["listId"], shown["contacts"]) == ("unsubscribed", 13, 1)
    assert shown["disableNotification"] is True
    assert "/reports/" not in str(shown)
    assert (sandbox.summary()["exports"], sandbox.summary()["exports_open"]) == (1, 0)
