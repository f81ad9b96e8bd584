"""Tests a connection step by step, so that the first thing to mend is named."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.app import App
from shared.brevo.checks import allowance
from shared.config.models import Connection
from shared.errors import ExportError
from shared.settings import read_secret


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of the test; a step after a failed one is not tried."""

    step: str
    ok: bool
    message: str


def check_connection(app: App, connection: Connection) -> list[CheckStep]:
    """Key found, key and address accepted, lists and attributes readable, contract shown, consent given."""
    key_setting = connection.api_key.setting
    steps: list[tuple[str, Callable[[], str]]] = [
        ("key found", lambda: read_secret(key_setting) and f"The setting {key_setting} holds a key."),
        ("key accepted", lambda: _asked(app, key_setting, "Brevo accepts the key.", but="brevo_address_blocked")),
        ("address allowed", lambda: _asked(app, key_setting, "Brevo accepts requests from this address.")),
        ("lists readable", lambda: f"{app.brevo(key_setting).list_count()} lists."),
        ("attributes readable", lambda: f"{len(app.brevo(key_setting).attributes())} attributes."),
        ("contract", lambda: allowance(app.brevo(key_setting)) or "The account shows no allowance."),
        ("consent", lambda: _consent(connection)),
    ]
    found: list[CheckStep] = []
    for name, check in steps:
        try:
            found.append(CheckStep(name, True, check()))
        except ExportError as error:
            found.append(CheckStep(name, False, str(error)))
            break
    return found


def _asked(app: App, key_setting: str, answer: str, *, but: str = "") -> str:
    """The answer where Brevo lets us in, or refuses for the reason that another step is there for."""
    try:
        app.brevo(key_setting).list_count()
    except ExportError as error:
        if error.code != but:
            raise
    return answer


def _consent(connection: Connection) -> str:
    if connection.consent is None:
        raise ExportError("consent_missing", "Nobody has agreed yet.", "An administrator records the consent.")
    return f"Agreed on {connection.consent.agreed_on}."
