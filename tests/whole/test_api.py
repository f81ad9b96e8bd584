"""The API from outside, by one app in the functions host: docs/api.md, whose lines are run as they stand there; and, as
long tests, the page of the connector that is replaced, from top to bottom, and the served OpenAPI document, by
schemathesis.

The page comes first: it wants an app in which nobody has done anything, and has an export of its own.
"""

import base64
import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import export_trigger.blueprint  # noqa: F401 - registers the routes
from export_trigger.openapi import openapi_document
from local.functions_host.http_messages import send
from local.sandbox_contacts import members_of
from local.stack import CONTAINER, Stack
from tests.documented import blocks
from tests.known_account import make_known, make_quick
from tests.whole.page import Page, header

pytestmark = pytest.mark.timeout(400)

CONNECTION = {
    "type": "brevo",
    "display_name": "Brevo, EU marketing",
    "api_key": {"setting": "BREVO_API_KEY"},
}
EXPORT = {
    "display_name": "High-value customers",
    "connection": "brevo-eu",
    "list_id": 12,
    "source": {"container": "segments", "folder": "CustomerInsights_abcd1234/BlobExport"},
    "segments": ["HighValueSegment", "LapsedCustomers"],
    "mapping": {
        "email": "EMail",
        "first_name": "FirstName",
        "last_name": "LastName",
        "phone": "Telephone",
        "attributes": {"CITY": "City", "BIRTHDAY": {"field": "BirthDate", "type": "date"}},
    },
    "default_country": "RO",
}
SETTINGS = {
    "EXPORT_CONFIG": "settings/exports.json",
    "SNAPSHOT_QUIET_SECONDS": "0",
    "EXPORT_SCHEDULE": "0 0 3 1 1 *",
}
CONSENT = {"consent": {"agreed_by": "Ana", "agreed_on": "2026-11-01"}}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder: Path = tmp_path_factory.mktemp("page")
    with Stack(folder, SETTINGS, prepare=make_known).start(threading.Event()) as stack:
        make_quick(stack.sandbox.origin)
        yield Page(stack)


@pytest.mark.full
def test_the_page_from_top_to_bottom(page: Page) -> None:
    # Prerequisites: nothing is there yet, and each thing that is missing is named.
    assert page.get("connections") == []
    assert page.get("exports") == []
    page.refused(422, "not_possible", "PUT", "exports/best-customers", EXPORT)

    # Add connection, which is not connected before somebody has agreed and every step has passed.
    assert page.done("PUT", "connections/brevo-eu", CONNECTION, 201)["consent"] is None
    tested = page.done("POST", "connections/brevo-eu/connect")
    assert [step["step"] for step in tested["steps"]] == [
        "key found", "key accepted", "address allowed", "lists readable", "attributes readable",
        "contacts exportable", "probe", "contract", "consent",
    ]  # fmt: skip
    assert (tested["connected"], tested["steps"][-1]["ok"]) == (False, False)
    found = page.refused(422, "not_possible", "PUT", "exports/best-customers", EXPORT)
    assert found["errors"][0]["field"] == "connection"
    connected = page.done("POST", "connections/brevo-eu/connect", {"consent": {"agreed_by": "Ana Ionescu"}})
    assert connected["connected"], connected
    shown = page.get("connections/brevo-eu")
    assert shown["consent"]["agreed_by"] == "Ana Ionescu"
    assert shown["available_to"] == ["administrator"], "administrators only by default"

    # Add export: what is wrong with it is reported before it is saved.
    page.samples.drop(page.stack.storage, CONTAINER)
    wrong = {
        **EXPORT,
        "list_id": 4711,
        "mapping": {**EXPORT["mapping"], "last_name": "Surname", "attributes": {"SHOE_SIZE": "City"}},
    }
    found = page.refused(422, "not_possible", "PUT", "exports/best-customers", wrong)
    assert {fault["field"] for fault in found["errors"]} == {
        "list_id", "mapping.last_name", "mapping.attributes.SHOE_SIZE",
    }  # fmt: skip
    added = page.ask("PUT", "exports/best-customers", EXPORT)
    assert (added.status, header(added, "location")) == (201, "/api/exports/best-customers")

    # Saving does not run it, though a snapshot is there, and the timer looks.
    page.tick()
    assert page.get("exports/best-customers/runs") == []
    (overview,) = page.get("exports")
    assert (overview["last_run"], overview["why_not_running"]["code"]) == (None, "snapshot_not_run")
    assert "run" in overview["permissions"]

    # It runs with every refresh, and on demand.
    page.samples.drop(page.stack.storage, CONTAINER)
    page.tick()
    assert page.wait_for_run(0)["trigger"] == "timer"
    started = page.ask("POST", "exports/best-customers/runs", {"now": True}, Idempotency_Key="first")
    again = page.ask("POST", "exports/best-customers/runs", {"now": True}, Idempotency_Key="first")
    assert (started.status, again.status, header(started, "retry-after")) == (202, 202, "5")
    assert json.loads(started.body)["run_id"] == json.loads(again.body)["run_id"]
    run = page.wait_for_run(1, "succeeded_with_rejections")
    assert run["trigger"] == "http"
    assert json.loads(page.ask("POST", "exports/best-customers/runs", {"now": True}, Idempotency_Key="first").body) == {
        **json.loads(again.body), "reason": "This was started before, with the same Idempotency-Key.",
    }  # fmt: skip
    assert dict(members_of(page.stack.sandbox.origin, 12)) == page.samples.expected.contacts
    assert page.done("POST", "runs", {"exports": "all"}, 202)[0]["is_new"]
    page.wait_for_run(2)
    first = page.ask("GET", "exports/best-customers/runs?limit=2")
    assert 'rel="next"' in header(first, "link")
    token = header(first, "x-continuation-token")
    assert len(page.get(f"exports/best-customers/runs?limit=2&continuation={token}")) == 1

    # Edit: only what has been seen. Schedule off; duplicate; detach.
    etag = header(page.ask("GET", "exports/best-customers"), "etag")
    edited = page.ask("PUT", "exports/best-customers", {**EXPORT, "schedule": "off"}, If_Match=etag)
    assert edited.status == 200, edited.body
    page.refused(412, "changed_meanwhile", "PUT", "exports/best-customers", EXPORT, If_Match=etag)
    page.refused(409, "already_there", "PUT", "exports/best-customers", EXPORT)
    page.refused(428, "if_match_missing", "DELETE", "exports/best-customers")
    assert page.get("exports")[0]["why_not_running"]["code"] == "schedule_off"
    page.done("POST", "exports/best-customers/duplicate", {"id": "second"}, 201)
    page.refused(409, "already_there", "POST", "exports/best-customers/duplicate", {"id": "second"})
    assert page.done("POST", "exports/second/detach")["connection"] is None
    assert [each["id"] for each in page.get("exports?search=copy&sort=-display_name")] == ["second"]

    # Remove: a connection in use is not removed, and the answer says what to do.
    found = page.refused(409, "connection_in_use", "DELETE", "connections/brevo-eu", If_Match="*")
    assert found["exports"] == ["best-customers"]
    assert len(found["ways_on"]) == 2
    # Withdrawing the consent stops it, and so does its removal.
    page.done("PUT", "connections/brevo-eu", CONNECTION, 200, If_Match="*")
    assert page.get("exports?search=best-customers")[0]["why_not_running"]["code"] == "consent_withdrawn"
    page.refused(409, "consent_missing", "POST", "exports/best-customers/runs")
    assert page.ask("DELETE", "exports/best-customers", If_Match="*").status == 204
    page.refused(404, "export_unknown", "POST", "exports/best-customers/runs")
    assert page.ask("DELETE", "connections/brevo-eu", If_Match="*").status == 204
    page.refused(404, "connection_unknown", "GET", "connections/brevo-eu")

    # The audit trail tells it all, and names nobody.
    trail = page.get("audit?limit=200")
    assert [entry["what"] for entry in trail][::-1] == [
        "add connection", "give consent", "add export", "run export", "run export", "edit export", "duplicate export",
        "detach export", "change connection", "remove export", "remove connection",
    ]  # fmt: skip
    assert "Ana" not in json.dumps(trail)


def test_a_forged_header_does_nothing_where_nobody_signs_in(page: Page) -> None:
    claims = base64.b64encode(json.dumps({"claims": [{"typ": "roles", "val": "viewer"}]}).encode()).decode()
    assert page.ask("GET", "audit", X_MS_CLIENT_PRINCIPAL=claims).status == 200


def test_what_is_not_there_and_what_a_path_does_not_take(page: Page) -> None:
    page.refused(404, "route_unknown", "GET", "nothing/here")
    answer = page.ask("PATCH", "exports/x")
    assert (answer.status, header(answer, "allow")) == (405, "DELETE, GET, PUT")
    assert send("GET", f"{page.stack.url}/api/exports").status == 401


@pytest.mark.full
def test_ten_megabytes_and_what_is_no_json_change_nothing(page: Page) -> None:
    name = f"x-{uuid.uuid4().hex[:6]}"
    page.refused(413, "body_too_large", "PUT", f"connections/{name}", b" " * 10_000_000)
    found = page.refused(400, "body_invalid", "PUT", f"connections/{name}", b"{not json")
    assert found["errors"][0]["field"] == "body"
    page.refused(404, "connection_unknown", "GET", f"connections/{name}")


@pytest.mark.full
def test_worked_example_does_what_docs_api_says(page: Page, tmp_path: Path) -> None:
    shown = blocks("docs/api.md")
    page.clear()
    stack = page.stack
    page.samples.drop(stack.storage, CONTAINER)
    seed = json.dumps({"lists": [{"name": "Trials", "id": 99}]}).encode()
    assert send("POST", f"{stack.sandbox.origin}/sandbox/seed", body=seed).status == 200
    # Who waits for a run looks every second; here more often.
    (tmp_path / "sleep").write_text("#!/bin/sh\nexec /usr/bin/env -i PATH=/usr/bin:/bin sleep 0.1\n")
    (tmp_path / "sleep").chmod(0o755)
    environment = {"API": f"{stack.url}/api", "KEY": stack.host.key, "PATH": f"{tmp_path}:/usr/bin:/bin"}

    def typed(block: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", block], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    connection, connected, export, started = (json.loads(typed(block)) for block in shown[:4])
    assert (connection["id"], connection["consent"]) == ("brevo-crm", None)
    assert connected["connected"]
    assert export["list_id"] == 12
    assert started["is_new"]
    assert json.loads(typed(shown[3]))["run_id"] == started["run_id"]
    printed = typed(shown[4])
    assert started["run_id"] in printed
    assert "segment,file,line,reason,field,customer_id,email_sha256,outcome" in printed
    tried, trial = _values(typed(shown[5]))
    assert tried["is_new"]
    assert (trial["run_id"], trial["kind"], trial["status"]) == (tried["run_id"], "trial", "succeeded")
    planned, held, approved, sent = _values(typed(shown[6]))
    assert {planned["run_id"], held["run_id"], approved["run_id"]} == {sent["run_id"]}
    assert (held["kind"], held["status"], held["contacts_delivered"]) == ("plan", "held", 0)
    to_send = sum(held[f"contacts_{name}"] for name in ("new", "changed", "unchanged"))
    assert (sent["status"][:9], sent["contacts_delivered"]) == ("succeeded", to_send)
    assert json.loads(typed(shown[7]))["verdict"] == "not_in_segment"
    assert json.loads(typed(shown[8]))["connection"] is None
    assert json.loads(typed(shown[9])) == {
        "connection": "brevo-crm", "was_connected": True, "exports": [], "runs": [],
    }  # fmt: skip
    restored = json.loads(typed(shown[10]))
    assert (restored["exports"], restored["consent_missing"]) == (1, ["brevo-crm"])
    segments, lists, attributes = _values(typed(shown[11]))
    assert [each["segment"] for each in segments] == ["HighValueSegment", "LapsedCustomers"]
    assert segments[0]["proposed_mapping"]["email"] == "EMail"
    assert {"HighValueSegment": started["export"]} == {
        each["segment"]: name for each in segments[:1] for name in each["exports"]
    }
    assert (lists[0]["id"], len(attributes)) == (12, 10)
    connected, previewed = _values(typed(shown[12]))
    assert connected["connected"]
    assert previewed["contacts_mapped"] > 0


def _values(printed: str) -> list[Any]:
    """The JSON values that stand one behind the other."""
    found, rest = [], printed.strip()
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found, rest = [*found, value], rest[end:].strip()
    return found


@pytest.mark.full
def test_served_document_is_true_of_every_route(page: Page) -> None:
    page.clear()
    stack = page.stack
    page.samples.drop(stack.storage, CONTAINER)
    document = openapi_document()
    headers = {"x-functions-key": stack.host.key}
    bodies = {
        "connections/brevo-eu": _example(document, "/connections/{id}") | CONSENT,
        "exports/high-value": _example(document, "/exports/{id}"),
    }
    for path, body in bodies.items():
        answer = send("PUT", f"{stack.url}/api/{path}", headers=headers, body=json.dumps(body).encode())
        assert answer.status == 201, answer.body
    command = [
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(Path(__file__).with_name("schemathesis.toml")),
        "run", f"{stack.url}/api/openapi.json",
        "--header", f"x-functions-key: {stack.host.key}",
        "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "15", "--request-timeout", "30",
        "--no-color",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=360, cwd=stack.log_file.parent)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def _example(document: dict[str, Any], path: str) -> dict[str, Any]:
    return document["paths"][path]["put"]["requestBody"]["content"]["application/json"]["examples"]["example"]["value"]
