"""The sandbox as a program of its own, driven through its control calls, and its page."""

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import requests
from brevo import Brevo

from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "local.brevo_sandbox"]


@pytest.fixture
def program() -> Iterator[str]:
    """The address of a sandbox that runs as its own process, without /v3."""
    arguments = [*PROGRAM, "--port", "0", "--api-key", "k", "--seconds-fixed", "0", "--contacts-per-second", "500"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        found = re.fullmatch(r"brevo sandbox on (http://127\.0\.0\.1:\d+)/v3\n", line)
        assert found, line
        yield found[1]
        process.terminate()
        assert process.wait(timeout=10) == 0


def test_program_can_be_driven_from_another_process(program: str):
    def post(call: str, **document: object) -> dict:
        answer = requests.post(f"{program}/sandbox/{call}", json=document, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(call: str) -> dict:
        return requests.get(f"{program}/sandbox/{call}", timeout=10).json()

    brevo = Brevo(api_key="k", base_url=f"{program}/v3", max_retries=0)
    post(
        "seed",
        lists=[{"id": 20, "name": "Spring"}],
        attributes=[{"name": "SHOE", "type": "float"}],
        contacts=[{"email": "Zoe@example.com", "attributes": {"SHOE": 38}, "lists": [20], "emailBlacklisted": True}],
    )
    assert get("summary")["lists"]["20"] == {"name": "Spring", "members": 1}
    post("faults", next=[{"route": "GET /contacts/lists", "kind": "503"}])
    assert requests.get(f"{program}/v3/contacts/lists", headers={"api-key": "k"}, timeout=10).status_code == 503
    brevo.contacts.import_contacts(list_ids=[20], json_body=[{"email": "ana@example.com", "attributes": {"SHOE": 40}}])
    wait_until(lambda: get("summary")["imports_open"] == 0)
    state = get("state")
    contacts = {each["email"]: each for each in state["contacts"]}
    assert state["lists"]["20"]["members"] == ["zoe@example.com", "ana@example.com"]
    assert contacts["ana@example.com"]["attributes"] == {"SHOE": 40.0}
    assert contacts["zoe@example.com"]["emailBlacklisted"] is True
    assert state["imports"][0]["status"] == "completed"
    assert [entry["status"] for entry in state["request_log"]] == [503, 202]
    assert get("digest?list=20&attributes=SHOE")["count"] == 2
    assert get("imports")[0]["created"] == 1
    post("settings", general_per_hour=1)
    post("limits", **{"class": "general", "used": 1})
    assert requests.get(f"{program}/v3/processes", headers={"api-key": "k"}, timeout=10).status_code == 429
    assert get("summary")["limit_violations"]["general"] == 1
    post("faults", rate=1.0, kinds=["500"], seed=3)
    assert requests.get(f"{program}/v3/contacts", headers={"api-key": "k"}, timeout=10).status_code == 500
    fresh = post("reset")
    assert fresh["contacts"] == 4 and "20" not in fresh["lists"] and fresh["faults_injected"] == {}
    assert requests.get(f"{program}/v3/contacts", headers={"api-key": "k"}, timeout=10).status_code == 200


def test_program_explains_itself_and_refuses_wrong_settings():
    explained = subprocess.run([*PROGRAM, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert explained.returncode == 0
    assert "--fault-rate" in explained.stdout and "524-after" in explained.stdout
    for setting in fields(SandboxSettings):
        assert f"--{setting.name.replace('_', '-')}" in explained.stdout
    assert "skip_contact (default), drop_phone, merge" in " ".join(explained.stdout.split())
    refused = subprocess.run(
        [*PROGRAM, "--no-new-address-lifts-block", "--plan", "gold"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert refused.returncode == 2
    assert "plan must be one of general" in refused.stderr


@pytest.mark.parametrize(
    ("call", "document"),
    [
        ("settings", {"plan": "gold"}),
        ("settings", {"seconds_fixed": "1"}),
        ("settings", {"unknown": 1}),
        ("settings", {"port": 1}),
        ("faults", {"rate": 2}),
        ("faults", {"next": [{"route": "GET /account", "kind": "made-up"}]}),
        ("limits", {"class": "odd", "used": 1}),
        ("seed", {"contacts": [{"email": "a@example.com", "lists": [999]}]}),
        ("seed", {"contacts": [{"email": "a@example.com", "attributes": {"BIRTHDAY": "soon"}}]}),
    ],
)
def test_wrong_control_call_is_a_bad_request(sandbox: BrevoSandbox, call: str, document: dict):
    answer = requests.post(f"{sandbox.origin}/sandbox/{call}", json=document, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_unknown_control_call_names_the_known_ones(sandbox: BrevoSandbox):
    answer = requests.get(f"{sandbox.origin}/sandbox/help", timeout=10)
    assert answer.status_code == 404
    assert "GET /sandbox/summary" in answer.json()["message"]


def test_web_page_elsewhere_can_neither_read_nor_drive_the_sandbox(sandbox: BrevoSandbox):
    rebound = requests.get(f"{sandbox.origin}/sandbox/state", headers={"Host": "evil.example"}, timeout=10)
    crossed = requests.post(f"{sandbox.origin}/sandbox/reset", headers={"Origin": "http://evil.example"}, timeout=10)
    assert (rebound.status_code, crossed.status_code) == (403, 403)


def test_unknown_route_and_wrong_method_are_refused_as_by_the_vendor(sandbox: BrevoSandbox, http):
    assert http.get(f"{sandbox.base_url}/nowhere", timeout=10).json()["code"] == "document_not_found"
    wrong = http.delete(f"{sandbox.base_url}/contacts/lists", timeout=10)
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


def test_closed_sandbox_answers_no_more_even_on_an_open_connection():
    with BrevoSandbox(SandboxSettings.quick()) as sandbox, requests.Session() as session:
        session.headers["api-key"] = sandbox.api_key
        assert session.get(f"{sandbox.base_url}/contacts/lists", timeout=10).status_code == 200
        sandbox.close()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{sandbox.base_url}/contacts/lists", timeout=10)


def test_page_shows_lists_imports_contacts_and_limits(sandbox: BrevoSandbox, run_import):
    run_import({"email": "ana@example.com", "attributes": {"CITY": "Cluj"}}, {"email": "wrong"})
    page = requests.get(f"{sandbox.origin}/", timeout=10)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Unsubscribed from it" in page.text
    for text in ("High-value customers", "ana@example.com", "Cluj", "completed", "invalid emails: 1", "an hour"):
        assert text in page.text
    assert sandbox.api_key not in page.text
    assert "blocked.person@example.com" in requests.get(f"{sandbox.origin}/?list=13", timeout=10).text
    assert requests.get(f"{sandbox.origin}/?list=999&page=x", timeout=10).status_code == 200


def test_page_of_an_empty_account_says_what_to_do(sandbox: BrevoSandbox):
    page = requests.get(sandbox.origin, timeout=10)
    assert "Run an export" in page.text
    assert "<script" not in page.text and "http" not in re.sub(r"http://127\.0\.0\.1:\d+", "", page.text)


def test_page_escapes_every_value(sandbox: BrevoSandbox, run_import):
    hostile = "<img src=x onerror=alert(1)>\"'&"
    sandbox.seed(lists=[{"id": 66, "name": hostile}])
    run_import({"email": "ana@example.com", "attributes": {"CITY": hostile}})
    page = requests.get(f"{sandbox.origin}/?list=12", timeout=10).text
    assert "<img" not in page
    assert page.count(html.escape(hostile)) == 3


def test_page_turns_the_pages_of_a_long_list(sandbox: BrevoSandbox):
    sandbox.seed(contacts=[{"email": f"person{n:03}@example.com", "lists": [12]} for n in range(120)])
    last = requests.get(f"{sandbox.origin}/?list=12&page=3", timeout=10).text
    assert "person119@example.com" in last and "person099@example.com" not in last
    assert "page=2" in last and ">Next<" not in last
