"""The page of the connector that is replaced, from top to bottom, through the functions host.

Prerequisites, connection, consent, export, saving does not run, runs with refresh and on demand, removal.
"""

import base64
import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.functions_host.http_messages import Response, send
from local.sample_snapshots import SampleSnapshots
from local.sandbox_contacts import members_of
from local.stack import CONTAINER, Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

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
    "SNAPSHOT_QUIET_SECONDS": "1",
    "EXPORT_SCHEDULE": "*/2 * * * * *",
}
ENDED = ("succeeded", "succeeded_with_rejections", "failed", "cancelled", "skipped")


class Page:
    """The API of a running stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.samples = SampleSnapshots(("HighValueSegment", "LapsedCustomers"), 200)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        sent = {
            "x-functions-key": self.stack.host.key,
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return send(method, f"{self.stack.url}/api/{path}", headers=sent, body=data)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def done(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = self.ask(method, path, body, **headers)
        assert answer.status == status, answer.body
        return json.loads(answer.body or b"null")

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.ask(method, path, body, **headers)
        found = json.loads(answer.body)
        assert (answer.status, found["type"]) == (status, f"urn:segment-export:problem:{code}"), answer.body
        assert found["status"] == status
        assert found["title"]
        assert header(answer, "content-type") == "application/problem+json"
        return found

    def wait_for_ticks(self, count: int) -> None:
        """Waits until the timer has run so many times more, from start to end."""

        def ticks() -> int:
            return self.stack.log_file.read_text().count("Executed 'Functions.timer_export' (Succeeded")

        # One more: a tick that has begun already may not have seen what was just saved.
        wanted = ticks() + count + 1
        wait_until(lambda: ticks() >= wanted)

    def wait_for_run(self, known: int, status: str = "", seconds: float = 90) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            runs: list[dict[str, Any]] = self.get("exports/high-value/runs")
            return runs[0] if len(runs) > known and runs[0]["status"] in ENDED else None

        run: dict[str, Any] = wait_until(ended, seconds, lambda: str(self.get("exports/high-value/runs")[:1]))
        assert not status or run["status"] == status, run
        return run


def header(answer: Response, name: str) -> str:
    return next((value for key, value in answer.headers if key.lower() == name.lower()), "")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder: Path = tmp_path_factory.mktemp("page")
    with Stack(folder, SETTINGS).start(threading.Event()) as stack:
        yield Page(stack)


def test_the_page_from_top_to_bottom(page: Page) -> None:
    # Prerequisites: nothing is there yet, and each thing that is missing is named.
    assert page.get("connections") == []
    assert page.get("exports") == []
    page.refused(422, "not_possible", "PUT", "exports/high-value", EXPORT)

    # Add connection, which is not connected before somebody has agreed and every step has passed.
    assert page.done("PUT", "connections/brevo-eu", CONNECTION, 201)["consent"] is None
    tested = page.done("POST", "connections/brevo-eu/connect")
    assert [step["step"] for step in tested["steps"]] == [
        "key found", "key accepted", "address allowed", "lists readable", "attributes readable",
        "contacts exportable", "probe", "contract", "consent",
    ]  # fmt: skip
    assert (tested["connected"], tested["steps"][-1]["ok"]) == (False, False)
    found = page.refused(422, "not_possible", "PUT", "exports/high-value", EXPORT)
    assert found["errors"][0]["field"] == "connection"
    connected = page.done("POST", "connections/brevo-eu/connect", {"consent": {"agreed_by": "Ana Ionescu"}})
    assert connected["connected"], connected
    shown = page.get("connections/brevo-eu")
    assert shown["consent"]["agreed_by"] == "Ana Ionescu"
    assert shown["available_to"] == ["administrator"], "administrators only by default"

    # Add export: what is wrong with it is told before it is saved.
    page.samples.drop(page.stack.storage, CONTAINER)
    wrong = {
        **EXPORT,
        "list_id": 4711,
        "mapping": {**EXPORT["mapping"], "last_name": "Surname", "attributes": {"SHOE_SIZE": "City"}},
    }
    found = page.refused(422, "not_possible", "PUT", "exports/high-value", wrong)
    assert {fault["field"] for fault in found["errors"]} == {
        "list_id", "mapping.last_name", "mapping.attributes.SHOE_SIZE",
    }  # fmt: skip
    added = page.ask("PUT", "exports/high-value", EXPORT)
    assert (added.status, header(added, "location")) == (201, "/api/exports/high-value")

    # Saving does not run it, though a snapshot is there, and the timer looks every two seconds.
    page.wait_for_ticks(1)
    assert page.get("exports/high-value/runs") == []
    (overview,) = page.get("exports")
    assert (overview["last_run"], overview["why_not_running"]["code"]) == (None, "no_new_snapshot")
    assert "run" in overview["permissions"]

    # It runs with every refresh, and on demand.
    page.samples.drop(page.stack.storage, CONTAINER)
    assert page.wait_for_run(0)["trigger"] == "timer"
    started = page.ask("POST", "exports/high-value/runs", {"now": True}, Idempotency_Key="first")
    again = page.ask("POST", "exports/high-value/runs", {"now": True}, Idempotency_Key="first")
    assert (started.status, again.status, header(started, "retry-after")) == (202, 202, "5")
    assert json.loads(started.body)["run_id"] == json.loads(again.body)["run_id"]
    run = page.wait_for_run(1, "succeeded_with_rejections")
    assert run["trigger"] == "http"
    assert json.loads(page.ask("POST", "exports/high-value/runs", {"now": True}, Idempotency_Key="first").body) == {
        **json.loads(again.body), "reason": "This was started before, with the same Idempotency-Key.",
    }  # fmt: skip
    assert dict(members_of(page.stack.sandbox.origin, 12)) == page.samples.expected.contacts
    assert page.done("POST", "runs", {"exports": "all"}, 202)[0]["is_new"]
    page.wait_for_run(2)
    first = page.ask("GET", "exports/high-value/runs?limit=2")
    assert 'rel="next"' in header(first, "link")
    token = header(first, "x-continuation-token")
    assert len(page.get(f"exports/high-value/runs?limit=2&continuation={token}")) == 1

    # Edit: only what has been seen. Schedule off; duplicate; detach.
    etag = header(page.ask("GET", "exports/high-value"), "etag")
    edited = page.ask("PUT", "exports/high-value", {**EXPORT, "schedule": "off"}, If_Match=etag)
    assert edited.status == 200, edited.body
    page.refused(412, "changed_meanwhile", "PUT", "exports/high-value", EXPORT, If_Match=etag)
    page.refused(409, "already_there", "PUT", "exports/high-value", EXPORT)
    page.refused(428, "if_match_missing", "DELETE", "exports/high-value")
    assert page.get("exports")[0]["why_not_running"]["code"] == "schedule_off"
    page.done("POST", "exports/high-value/duplicate", {"id": "second"}, 201)
    page.refused(409, "already_there", "POST", "exports/high-value/duplicate", {"id": "second"})
    assert page.done("POST", "exports/second/detach")["connection"] is None
    assert [each["id"] for each in page.get("exports?search=copy&sort=-display_name")] == ["second"]

    # Remove: a connection in use is not removed, and the ways on are told.
    found = page.refused(409, "connection_in_use", "DELETE", "connections/brevo-eu", If_Match="*")
    assert found["exports"] == ["high-value"]
    assert len(found["ways_on"]) == 2
    # Withdrawing the consent stops it, and so does its removal.
    page.done("PUT", "connections/brevo-eu", CONNECTION, 200, If_Match="*")
    assert page.get("exports?search=high-value")[0]["why_not_running"]["code"] == "consent_withdrawn"
    page.refused(409, "consent_missing", "POST", "exports/high-value/runs")
    assert page.ask("DELETE", "exports/high-value", If_Match="*").status == 204
    page.refused(404, "export_unknown", "POST", "exports/high-value/runs")
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


def test_ten_megabytes_and_what_is_no_json_change_nothing(page: Page) -> None:
    name = f"x-{uuid.uuid4().hex[:6]}"
    page.refused(413, "body_too_large", "PUT", f"connections/{name}", b" " * 10_000_000)
    found = page.refused(400, "body_invalid", "PUT", f"connections/{name}", b"{not json")
    assert found["errors"][0]["field"] == "body"
    page.refused(404, "connection_unknown", "GET", f"connections/{name}")
