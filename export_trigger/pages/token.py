"""The token in each form: proof that a page of ours has sent it, and not one elsewhere that abuses the sign-in."""

import hmac
from datetime import UTC, datetime, timedelta

from export_trigger.answers import RequestError
from shared.access import Caller
from shared.app_secret import derived_key

FIELD = "token"


def token_for(caller: Caller, at: datetime) -> str:
    """The caller's token of that day (UTC). Raises ConfigurationError where the app has no secret."""
    key = derived_key("forms")
    return hmac.digest(key, f"{caller.name}\n{at.astimezone(UTC):%Y-%m-%d}".encode(), "sha256").hex()


def check_token(caller: Caller, sent: str, at: datetime) -> None:
    """Lets through today's token and yesterday's. Raises RequestError."""
    days = (token_for(caller, at - timedelta(days=ago)) for ago in (0, 1))
    if not any(hmac.compare_digest(day.encode(), sent.encode("utf-8", "replace")) for day in days):
        raise RequestError(
            "form_outdated",
            "This form is too old, or did not come from these pages. Nothing was changed.",
            "Open the page again, and send its form.",
        )
