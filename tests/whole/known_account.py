"""An account that was asked and has imported before, at a Brevo that is done at once: so that no test waits for what
the app does not know yet. How it finds that out is shown in tests/flow and tests/contract."""

import json
from dataclasses import asdict

from local.brevo_sandbox import SandboxSettings
from local.functions_host.http_messages import send
from shared.runs.questions import Question
from shared.settings import read_settings
from shared.storage.account import open_storage
from shared.storage.tables import Row

ACCOUNT = "BREVO_API_KEY"
LISTS = (12, 13, 99)
_QUICK = (
    *("seconds_fixed", "seconds_per_contact", "export_seconds_fixed", "export_seconds_per_contact"),
    *("contacts_per_second", "contacts_per_hour", "general_per_hour"),
)


def make_known(connection_string: str) -> None:
    """Its limit is known, and its first looks come when an import or an answer should be there."""
    accounts = open_storage(read_settings({"AzureWebJobsStorage": connection_string})).accounts
    accounts.put(Row(ACCOUNT, "learned", {"seconds_per_contact": 1e-6}))
    accounts.put(Row(ACCOUNT, "contacts", {"limit": 1e7}))
    for kind in ("left", "members", "list", "back"):
        for number in LISTS:
            accounts.put(Row(ACCOUNT, f"{kind}-{number}", Question(seconds=0.01).values()))


def make_quick(origin: str) -> None:
    """A sandbox in a process of its own behaves as `SandboxSettings.quick()` from now on."""
    quick = asdict(SandboxSettings.quick())
    body = json.dumps({name: quick[name] for name in _QUICK}).encode()
    answer = send("POST", f"{origin}/sandbox/settings", body=body)
    assert answer.status == 200, answer.body
