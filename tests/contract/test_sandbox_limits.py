"""The account's rate limits: their headers, their classes, and what happens beyond them."""

import time

import pytest
import requests

from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from tests.waiting import wait_until

HEADERS = ("x-sib-ratelimit-limit", "x-sib-ratelimit-remaining", "x-sib-ratelimit-reset")


def _get(sandbox: BrevoSandbox, path: str, key: str | None = None) -> requests.Response:
    return requests.get(sandbox.base_url + path, headers={"api-key": key or sandbox.api_key}, timeout=10)


def _limits_in(answer: requests.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[name]) for name in HEADERS)


@pytest.mark.parametrize(
    ("plan", "contacts", "general"), [("general", 10, 100), ("professional", 20, 200), ("enterprise", 60, 600)]
)
def test_every_answer_carries_the_limit_of_its_class_and_plan(plan: str, contacts: int, general: int):
    with BrevoSandbox(SandboxSettings(plan=plan)) as sandbox:
        assert _limits_in(_get(sandbox, "/contacts/lists")) == (contacts, contacts - 1, 1)
        assert _limits_in(_get(sandbox, "/contacts/lists/999"))[0] == contacts
        assert _limits_in(_get(sandbox, "/processes"))[:2] == (general, general - 1)
        limit, remaining, reset = _limits_in(_get(sandbox, "/account"))
        assert (limit, remaining) == (general, general - 2)
        assert 3590 < reset <= 3600
        assert _limits_in(_get(sandbox, "/account", key="wrong"))[0] == general
        assert _limits_in(_get(sandbox, "/nowhere"))[0] == general


def test_call_beyond_the_limit_is_refused_with_headers_and_without_retry_after():
    with BrevoSandbox(SandboxSettings(general_per_hour=2)) as sandbox:
        assert [_get(sandbox, "/processes").status_code for _ in range(3)] == [200, 200, 429]
        refused = _get(sandbox, "/account")
        assert refused.status_code == 429
        assert set(refused.json()) == {"code", "message"}
        assert _limits_in(refused)[:2] == (2, 0)
        assert "Retry-After" not in refused.headers
        assert _get(sandbox, "/contacts/lists").status_code == 200
        assert sandbox.limits.exceeded == {"general": 2}
        assert sandbox.summary()["limit_violations"] == {"contacts": 0, "general": 2}
        assert [entry.limited for entry in sandbox.log.entries()] == [False, False, True, True, False]


def test_limit_holds_for_the_account_and_not_for_a_connection():
    with BrevoSandbox(SandboxSettings(contacts_per_second=3, limit_speedup=0.01)) as sandbox:
        assert [_get(sandbox, "/contacts/lists").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_hourly_limit_of_contacts_holds_beside_the_one_of_a_second():
    with BrevoSandbox(SandboxSettings(contacts_per_second=100, contacts_per_hour=1)) as sandbox:
        assert _get(sandbox, "/contacts/lists").status_code == 200
        refused = _get(sandbox, "/contacts/lists")
        assert refused.status_code == 429
        assert _limits_in(refused)[:2] == (1, 0)


def test_window_starts_anew_and_can_be_sped_up():
    with BrevoSandbox(SandboxSettings(general_per_hour=1, limit_speedup=36_000)) as sandbox:
        _get(sandbox, "/account")
        wait_until(lambda: _get(sandbox, "/account").status_code == 200)


def test_another_program_of_the_account_can_use_up_the_allowance():
    with BrevoSandbox() as sandbox:
        sandbox.limits.spend("general", 99)
        assert [_get(sandbox, "/processes").status_code for _ in range(2)] == [200, 429]


def test_each_call_of_the_api_can_be_on_its_way_for_a_while(sandbox: BrevoSandbox, http: requests.Session):
    sandbox.change(latency_seconds=0.2)
    began = time.monotonic()
    assert http.get(f"{sandbox.base_url}/contacts/lists", timeout=10).status_code == 200
    assert time.monotonic() - began >= 0.2
