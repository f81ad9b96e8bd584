"""An account that was asked and has imported before, at a Brevo that is done at once: so that no test waits for what
the app does not know yet. How it finds that out is shown in tests/flow and tests/contract."""

import json
from dataclasses import asdict

from local.brevo_sandbox import SandboxSettings
from local.functions_host.http_messages import send
from shared.runs.questions import Question
from shared.settings import read_settings
from shared.storage.account import open_storage
from shared.storage.tables import Row, Rows

ACCOUNT = "BREVO_API_KEY"
LISTS = (12, 13, 99)
_QUICK = (
    *("seconds_fixed", "seconds_per_contact", "export_seconds_fixed", "export_seconds_per_contact"),
    *("contacts_per_second", "contacts_per_hour", "general_per_hour"),
)


def key_setting(unique: str) -> str:
    """The name of a setting for an account's key. `unique` is hexadecimal, and becomes letters.

    Seven digits in a row count as a phone number, which no message shows.
    """
    return f"BREVO_KEY_{unique.translate(str.maketrans('0123456789', 'ghijklmnop')).upper()}"


def note_speed_and_limit(accounts: Rows, account: str) -> None:
    """The account's first look at an import comes when that should be done, and no call waits for an unknown limit."""
    accounts.put(Row(account, "learned", {"seconds_per_contact": 1e-6}))
    accounts.put(Row(account, "contacts", {"limit": 1e7}))


def make_known(connection_string: str) -> None:
    """Its limit is known, and its first looks come when an import or an answer should be there."""
    accounts = open_storage(read_settings({"AzureWebJobsStorage": connection_string})).accounts
    note_speed_and_limit(accounts, ACCOUNT)
    for kind in ("left", "members", "list", "back"):
        for number in LISTS:
            accounts.put(Row(ACCOUNT, f"{kind}-{number}", Question(seconds=0.01).values()))


def make_quick(origin: str) -> None:
    """A sandbox in a process of its own behaves as `SandboxSettings.quick()` from now on."""
    quick = asdict(SandboxSettings.quick())
    body = json.dumps({name: quick[name] for name in _QUICK}).encode()
    answer = send("POST", f"{origin}/sandbox/settings", body=body)
    assert answer.status == 200, answer.body
