"""A fresh sandbox for each test, and the vendor's own client to judge its answers."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import requests
from brevo import Brevo

from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from shared.brevo.pace import Pace
from shared.brevo.session import BrevoSession
from simulation.storage import Kept
from tests.memory_line import Line, VirtualClock


@pytest.fixture
def sandbox() -> Iterator[BrevoSandbox]:
    with BrevoSandbox(SandboxSettings.quick()) as running:
        yield running


@pytest.fixture(scope="session")
def connections() -> Iterator[httpx.Client]:
    """One for all tests, because each new one reads all certificates, which takes longer than a test."""
    with httpx.Client(timeout=10) as client:
        yield client


@pytest.fixture
def brevo(sandbox: BrevoSandbox, connections: httpx.Client) -> Brevo:
    return Brevo(api_key=sandbox.api_key, base_url=sandbox.base_url, max_retries=0, httpx_client=connections)


@pytest.fixture
def http(sandbox: BrevoSandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["api-key"] = sandbox.api_key
        yield session


@pytest.fixture
def session(sandbox: BrevoSandbox) -> BrevoSession:
    """Our own client, as runs use it."""
    clock = VirtualClock()
    accounts = Kept(clock).storage(Line()).accounts
    pace = Pace(accounts, "BREVO_API_KEY", clock, sleep=clock.skip)
    return BrevoSession(sandbox.base_url, sandbox.api_key, pace)


@pytest.fixture
def run_import(sandbox: BrevoSandbox, http: requests.Session) -> Callable[..., dict]:
    """Import contacts into list 12, wait for the end, and return the process as the API shows it."""

    def run(*contacts: dict, **fields: object) -> dict:
        body = {"jsonBody": list(contacts), "listIds": [12]} | fields
        answer = http.post(f"{sandbox.base_url}/contacts/import", json=body, timeout=10)
        assert answer.status_code == 202, answer.text
        sandbox.wait_until_idle()
        return http.get(f"{sandbox.base_url}/processes/{answer.json()['processId']}", timeout=10).json()

    return run
