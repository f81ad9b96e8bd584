"""Each kind of fault does what its name says, and nothing happens by itself."""

import json

import pytest
import requests
from brevo import Brevo
from brevo.core.api_error import ApiError

from local.brevo_sandbox import BrevoSandbox, FaultKind, Faults, SandboxSettings

IMPORT = "POST /contacts/import"
BODY = {"listIds": [12], "jsonBody": [{"email": "ana@example.com"}, {"email": "wrong"}]}


def _post(sandbox: BrevoSandbox, timeout: float = 10) -> requests.Response:
    return requests.post(
        f"{sandbox.base_url}/contacts/import", json=BODY, headers={"api-key": sandbox.api_key}, timeout=timeout
    )


def _process(sandbox: BrevoSandbox, number: int) -> dict:
    headers = {"api-key": sandbox.api_key}
    return requests.get(f"{sandbox.base_url}/processes/{number}", headers=headers, timeout=10).json()


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("429", 429, "too_many_requests"),
        ("429-bare", 429, "too_many_requests"),
        ("500", 500, "internal_error"),
        ("401", 401, "unauthorized"),
        ("401-ip", 401, "unauthorized"),
        ("402", 402, "not_enough_credits"),
        ("403", 403, "permission_denied"),
    ],
)
def test_json_fault_refuses_before_the_work_is_accepted(sandbox: BrevoSandbox, kind: str, status: int, code: str):
    sandbox.fail_next(IMPORT, kind)
    answer = _post(sandbox)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sandbox.imports.records() == []
    assert _post(sandbox).status_code == 202


@pytest.mark.parametrize(
    ("kind", "status"),
    [("502", 502), ("503", 503), ("524", 524), ("html-200", 200), ("html-502", 502), ("html-403", 403)],
)
def test_gateway_fault_answers_with_a_page_before_the_work_is_accepted(sandbox: BrevoSandbox, kind: str, status: int):
    sandbox.fail_next(IMPORT, kind)
    answer = _post(sandbox)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert sandbox.imports.records() == []


@pytest.mark.parametrize(("kind", "status"), [("500-after", 500), ("524-after", 524)])
def test_late_fault_answers_with_an_error_although_the_work_is_accepted(sandbox: BrevoSandbox, kind: str, status: int):
    sandbox.fail_next(IMPORT, kind)
    assert _post(sandbox).status_code == status
    sandbox.wait_until_idle()
    assert list(sandbox.members(12)) == ["ana@example.com"]


def test_limit_fault_has_headers_and_the_bare_one_has_none(sandbox: BrevoSandbox):
    sandbox.change(fault_reset_seconds=7)
    sandbox.fail_next(IMPORT, "429")
    sandbox.fail_next(IMPORT, "429-bare")
    full, bare = _post(sandbox), _post(sandbox)
    assert (full.headers["x-sib-ratelimit-remaining"], full.headers["x-sib-ratelimit-reset"]) == ("0", "7")
    assert not any(name.lower().startswith("x-sib") for name in bare.headers)
    assert "Retry-After" not in full.headers
    assert "Retry-After" not in bare.headers


def test_unknown_address_fault_names_the_address(sandbox: BrevoSandbox, brevo: Brevo):
    sandbox.fail_next("GET /account", "401-ip")
    with pytest.raises(ApiError) as caught:
        brevo.account.get_account()
    assert caught.value.body["message"].startswith("We have detected you are using an unrecognised IP address")


@pytest.mark.parametrize(("kind", "accepted"), [("reset", 0), ("reset-after", 1), ("truncated", 1)])
def test_connection_fault_breaks_the_call(sandbox: BrevoSandbox, kind: str, accepted: int):
    sandbox.fail_next(IMPORT, kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _post(sandbox)
    assert len(sandbox.imports.records()) == accepted
    assert _post(sandbox).status_code == 202


def test_reset_in_the_middle_of_a_large_body_breaks_the_call(sandbox: BrevoSandbox):
    sandbox.fail_next(IMPORT, "reset")
    with pytest.raises(requests.ConnectionError):
        requests.post(
            f"{sandbox.base_url}/contacts/import",
            data=b"x" * 8_000_000,
            headers={"api-key": sandbox.api_key},
            timeout=10,
        )
    assert sandbox.imports.records() == []


def test_slow_fault_accepts_the_work_but_answers_too_late(sandbox: BrevoSandbox):
    sandbox.fail_next(IMPORT, "slow")
    with pytest.raises(requests.ReadTimeout):
        _post(sandbox, timeout=0.3)
    sandbox.wait_until_idle()
    assert len(sandbox.imports.records()) == 1


def test_accepted_import_can_lack_its_process_number(sandbox: BrevoSandbox):
    sandbox.fail_next(IMPORT, "no-process-id")
    answer = _post(sandbox)
    assert (answer.status_code, answer.json()) == (202, {})
    sandbox.wait_until_idle()
    assert list(sandbox.members(12)) == ["ana@example.com"]


@pytest.mark.parametrize(
    ("kind", "status"), [("import-failed", "failed"), ("import-cancelled", "cancelled"), ("import-stuck", "queued")]
)
def test_import_fault_ends_the_import_without_any_contact(sandbox: BrevoSandbox, kind: str, status: str):
    sandbox.fail_next(IMPORT, kind)
    number = _post(sandbox).json()["processId"]
    sandbox.wait_until_idle()
    assert _process(sandbox, number)["status"] == status
    assert sandbox.members(12) == {}
    assert _post(sandbox).status_code == 202
    sandbox.wait_until_idle()
    assert list(sandbox.members(12)) == ["ana@example.com"]


def test_partial_import_fails_after_half_of_its_contacts(sandbox: BrevoSandbox):
    sandbox.fail_next(IMPORT, "import-partial")
    number = _post(sandbox).json()["processId"]
    sandbox.wait_until_idle()
    assert _process(sandbox, number)["status"] == "failed"
    assert list(sandbox.members(12)) == ["ana@example.com"]


def _report_link(sandbox: BrevoSandbox, kind: str) -> str:
    sandbox.fail_next(IMPORT, kind)
    number = _post(sandbox).json()["processId"]
    sandbox.wait_until_idle()
    return _process(sandbox, number)["info"]["import"]["invalid_emails"]


@pytest.mark.parametrize(("kind", "status"), [("report-404", 404), ("report-500", 500)])
def test_report_fault_makes_the_report_unreachable(sandbox: BrevoSandbox, kind: str, status: int):
    link = _report_link(sandbox, kind)
    assert [requests.get(link, timeout=10).status_code for _ in range(2)] == [status, status]


def test_report_fault_can_befall_a_single_read(sandbox: BrevoSandbox):
    number = _post(sandbox).json()["processId"]
    sandbox.wait_until_idle()
    link = _process(sandbox, number)["info"]["import"]["invalid_emails"]
    sandbox.fail_next("GET /reports/{token}", "report-404")
    assert [requests.get(link, timeout=10).status_code for _ in range(2)] == [404, 200]


def test_hostile_report_has_other_columns(sandbox: BrevoSandbox):
    assert b"EMAIL" not in requests.get(_report_link(sandbox, "report-wrong-columns"), timeout=10).content


def test_hostile_report_goes_on_for_as_long_as_anybody_reads(sandbox: BrevoSandbox):
    with requests.get(_report_link(sandbox, "report-endless"), stream=True, timeout=10) as answer:
        assert "Content-Length" not in answer.headers
        read = sum(len(chunk) for chunk, _ in zip(answer.iter_content(65_536), range(200), strict=False))
    assert read > 2_000_000


def test_hostile_report_redirects_to_an_inner_address_that_counts_its_visitors(sandbox: BrevoSandbox):
    answer = requests.get(_report_link(sandbox, "report-redirect"), allow_redirects=False, timeout=10)
    assert answer.status_code == 302
    assert sandbox.world.canary_visits == 0
    assert b"secret" in requests.get(answer.headers["Location"], timeout=10).content
    assert sandbox.summary()["canary_visits"] == 1


def test_hostile_report_link_leads_to_another_host(sandbox: BrevoSandbox):
    link = _report_link(sandbox, "report-other-host")
    assert link.startswith("http://localhost:")
    requests.get(link, timeout=10)
    assert sandbox.world.canary_visits == 1


def test_report_fault_gives_a_link_even_when_nobody_was_rejected(sandbox: BrevoSandbox, run_import):
    sandbox.fail_next(IMPORT, "report-404")
    assert run_import({"email": "ana@example.com"})["info"]["import"]["invalid_emails"]


def test_fault_that_does_not_fit_its_route_is_an_error(sandbox: BrevoSandbox):
    for route, kind in (("GET /account", "import-failed"), (IMPORT, "made-up"), ("GET /processes", "report-404")):
        with pytest.raises(ValueError, match=kind):
            sandbox.fail_next(route, kind)


def _statuses(sandbox: BrevoSandbox, calls: int) -> list[int]:
    statuses = []
    with requests.Session() as session:
        session.headers["api-key"] = sandbox.api_key
        for _ in range(calls):
            try:
                statuses.append(session.get(f"{sandbox.base_url}/contacts/lists", timeout=10).status_code)
            except requests.RequestException:
                statuses.append(0)
    return statuses


def test_same_seed_gives_the_same_storm():
    storm = Faults(rate=0.33, seed=7)
    with BrevoSandbox(SandboxSettings.quick(), storm) as first, BrevoSandbox(SandboxSettings.quick(), storm) as second:
        # A client repeats some calls by itself after a reset, so the log is compared and not the answers.
        _statuses(first, 60)
        _statuses(second, 60)
        faults = [[entry.fault for entry in each.log.entries()][:60] for each in (first, second)]
    assert faults[0] == faults[1]
    assert 8 <= sum(fault is not None for fault in faults[0]) <= 32


def test_storm_ends_after_its_most_and_when_it_is_called_off(sandbox: BrevoSandbox):
    sandbox.storm(Faults(rate=1.0, kinds=("500",), most=2))
    assert _statuses(sandbox, 3) == [500, 500, 200]
    sandbox.storm(Faults(rate=1.0, kinds=(FaultKind.ERROR_503,)))
    assert _statuses(sandbox, 1) == [503]
    sandbox.storm(Faults())
    assert _statuses(sandbox, 1) == [200]


def test_official_client_gets_through_a_storm_with_its_own_retries(sandbox: BrevoSandbox):
    sandbox.fail_next("GET /contacts/lists", "429")
    patient = Brevo(api_key=sandbox.api_key, base_url=sandbox.base_url, max_retries=1)
    assert patient.contacts.get_lists(limit=1).count == 2


def test_log_holds_no_personal_data(sandbox: BrevoSandbox, brevo: Brevo):
    _post(sandbox)
    brevo.contacts.get_contact_info("ada.brook@example.com")
    log = json.dumps(sandbox.log.documents())
    assert "example.com" not in log and sandbox.api_key not in log
    assert [entry.route for entry in sandbox.log.entries()] == [IMPORT, "GET /contacts/{identifier}"]
    assert sandbox.log.entries(IMPORT)[0].request_bytes == len(json.dumps(BODY))
