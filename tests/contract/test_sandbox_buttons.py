"""The buttons of the sandbox's page: plain forms that work without scripts; and the account in its file."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests

from local.brevo_sandbox import BrevoSandbox
from local.brevo_sandbox.moods import CHANGES, MOODS
from local.brevo_sandbox.saving import kept
from tests.waiting import wait_until


def press(sandbox: BrevoSandbox, origin: str | None = None, **fields: str) -> requests.Response:
    """What a browser sends for a button of the page."""
    headers = {"Origin": origin or sandbox.origin}
    return requests.post(f"{sandbox.origin}/buttons", data=fields, headers=headers, timeout=20)


def call(sandbox: BrevoSandbox, path: str = "account") -> requests.Response:
    return requests.get(f"{sandbox.base_url}/{path}", headers={"api-key": sandbox.api_key}, timeout=20)


def start_import(sandbox: BrevoSandbox) -> int:
    body = {"listIds": [12], "jsonBody": [{"email": "ana@example.com", "attributes": {}}]}
    answer = requests.post(
        f"{sandbox.base_url}/contacts/import", json=body, headers={"api-key": sandbox.api_key}, timeout=20
    )
    assert answer.status_code == 202
    return int(answer.json()["processId"])


class _Buttons(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[tuple[str, str]] = []
        self.forms: list[dict[str, str | None]] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "button":
            self.pressed.append((str(found["name"]), str(found["value"])))
        if tag == "form":
            self.forms.append(found)
        self.scripts += tag == "script"


def test_each_button_is_on_the_page_in_a_plain_form(sandbox: BrevoSandbox) -> None:
    page = requests.get(f"{sandbox.origin}/", timeout=10)
    found = _Buttons()
    found.feed(page.text)
    assert found.pressed == [("mood", mood.name) for mood in MOODS] + [("change", name) for name in CHANGES]
    assert [(form["method"], form["action"]) for form in found.forms] == [("post", "/buttons")] * 2
    assert found.scripts == 0
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert "All is well." in page.text


@pytest.mark.parametrize(
    ("mood", "status", "words"),
    [("wrong-key", 401, "Key not found"), ("blocked-address", 401, "203.0.113.7")],
)
def test_refused_calls_end_with_all_well(sandbox: BrevoSandbox, mood: str, status: int, words: str) -> None:
    page = press(sandbox, mood=mood)
    assert (page.status_code, page.history[0].status_code) == (200, 303)
    assert "100% of all calls fail" in page.text
    refused = call(sandbox)
    assert (refused.status_code, words in refused.text) == (status, True)
    assert "All is well." in press(sandbox, mood="calm").text
    assert call(sandbox).status_code == 200


def test_failing_and_slow_are_shown_and_end(sandbox: BrevoSandbox) -> None:
    assert "50% of all calls fail: 503." in press(sandbox, mood="failing").text
    text = press(sandbox, mood="slow").text
    assert "Each call takes 3 s." in text and "Each import takes 60 s." in text
    press(sandbox, mood="calm")
    assert (sandbox.settings.latency_seconds, sandbox.settings.seconds_fixed) == (0, 0)
    assert sandbox.world.faults.storm_now()[0] == 0


def test_import_that_is_stuck_goes_on_with_all_well(sandbox: BrevoSandbox) -> None:
    assert "The next call of POST /contacts/import fails." in press(sandbox, mood="stuck").text
    number = start_import(sandbox)
    assert "Imports that are stuck: 1." in requests.get(f"{sandbox.origin}/", timeout=10).text
    assert call(sandbox, f"processes/{number}").json()["status"] == "queued"
    press(sandbox, mood="calm")
    wait_until(lambda: call(sandbox, f"processes/{number}").json()["status"] == "completed")
    assert "ana@example.com" in sandbox.account.contacts


def test_next_import_fails_and_the_one_after_it_does_not(sandbox: BrevoSandbox) -> None:
    press(sandbox, mood="import-fails")
    ended = []
    for number in (start_import(sandbox), start_import(sandbox)):
        wait_until(
            lambda number=number: call(sandbox, f"processes/{number}").json()["status"] in ("completed", "failed")
        )
        ended.append(call(sandbox, f"processes/{number}").json()["status"])
    assert ended == ["failed", "completed"]


def test_contact_is_blocked_unblocked_and_leaves_its_list(sandbox: BrevoSandbox) -> None:
    email = "ada.brook@example.com"
    assert "It gets no e-mail" in press(sandbox, change="block", email=email, list="13").text.replace(
        "it gets", "It gets"
    )
    assert email in sandbox.account.blocked
    press(sandbox, change="unblock", email=email, list="13")
    assert email not in sandbox.account.blocked
    answer = press(sandbox, change="leave", email=email.upper(), list="13")
    assert [each.email for each in sandbox.account.lists[13].leavers.values()] == [email]
    assert "ada" not in answer.url


def test_account_is_as_at_first_after_start_again(sandbox: BrevoSandbox) -> None:
    start_import(sandbox)
    wait_until(lambda: "ana@example.com" in sandbox.account.contacts)
    press(sandbox, mood="empty")
    assert "ana@example.com" not in sandbox.account.contacts


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mood": "sunny"}, "no such button"),
        (
            {"change": "block", "email": "nobody@example.com", "list": "13"},
            "No contact of the account has this address",
        ),
        ({"change": "leave", "email": "ada.brook@example.com", "list": "7"}, "no such list"),
        ({"change": "delete", "email": "ada.brook@example.com", "list": "13"}, "no such button"),
        ({}, "no such button"),
    ],
)
def test_form_that_asks_for_nothing_known_says_so(sandbox: BrevoSandbox, fields: dict[str, str], words: str) -> None:
    assert words in press(sandbox, **fields).text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_page_elsewhere_cannot_press_a_button(sandbox: BrevoSandbox, origin: str) -> None:
    assert press(sandbox, origin, mood="wrong-key").status_code == 403
    assert call(sandbox).status_code == 200


def test_account_is_kept_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    with BrevoSandbox() as first, kept(first.world, path):
        first.seed(
            lists=[{"id": 20, "name": "Twenty"}],
            attributes=[{"name": "SHOE", "type": "float"}],
            contacts=[
                {
                    "email": "zoe@example.com",
                    "lists": [20, 13],
                    "attributes": {"SHOE": 42, "INTERESTS": ["Tea"], "SMS": "+447700900199"},
                }
            ],
        )
        first.change_contact("zoe@example.com", leaves=[13], emailBlacklisted=True)
        number = start_import(first)
        wait_until(lambda: "ana@example.com" in first.account.contacts)
        before = _state(first)
        number_of_zoe = first.account.attributes_of(first.account.contacts["zoe@example.com"])["SMS"]
    assert path.stat().st_mode & 0o077 == 0, "others may read the contacts"

    with BrevoSandbox() as again, kept(again.world, path):
        assert _state(again) == before
        assert again.account.owners["SMS"][number_of_zoe].email == "zoe@example.com"
        assert call(again, f"processes/{number}").status_code == 404
        assert start_import(again) == number + 1
        wait_until(lambda: call(again, f"processes/{number + 1}").json()["status"] == "completed")
        assert [each.id for each in again.account.numbered.values()] == sorted(again.account.numbered)


def test_change_is_saved_while_the_sandbox_is_up(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    with BrevoSandbox() as sandbox, kept(sandbox.world, path):
        press(sandbox, change="block", email="ada.brook@example.com", list="13")
        wait_until(path.is_file)
        assert re.search(r'"ada\.brook@example\.com",\[[^\]]*\],true', path.read_text())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"attributes": [[]]}'])
def test_file_that_is_no_account_is_refused_and_left(tmp_path: Path, text: str) -> None:
    path = tmp_path / "account.json"
    path.write_text(text)
    with BrevoSandbox() as sandbox, pytest.raises(ValueError, match="remove it"), kept(sandbox.world, path):
        raise AssertionError("began with a broken file")
    assert path.read_text() == text


def _state(sandbox: BrevoSandbox) -> Any:
    document = requests.get(f"{sandbox.origin}/sandbox/state", timeout=10).json()
    return json.loads(json.dumps({name: document[name] for name in ("contacts", "lists", "blocked")}))
