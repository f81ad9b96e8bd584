"""The token in each form: proof that a page of ours has sent it, and not one elsewhere that abuses the sign-in."""

import hmac
from datetime import UTC, datetime, timedelta

from export_trigger.answers import RequestError
from shared.access import Caller
from shared.app_secret import derived_key

FIELD = "token"
_DAYS_TAKEN = 2
_DAYS_KNOWN = 31


def token_for(caller: Caller, at: datetime) -> str:
    """The caller's token of that day (UTC). Raises ConfigurationError where the app has no secret."""
    key = derived_key("forms")
    return hmac.digest(key, f"{caller.name}\n{at.astimezone(UTC):%Y-%m-%d}".encode(), "sha256").hex()


def check_token(caller: Caller, sent: str, at: datetime) -> bool:
    """True for today's token and yesterday's; False for one that is older, by which a form only comes back.

    Raises RequestError for any other.
    """
    for ago in range(_DAYS_KNOWN):
        day = token_for(caller, at - timedelta(days=ago))
        if hmac.compare_digest(day.encode(), sent.encode("utf-8", "replace")):
            return ago < _DAYS_TAKEN
    raise form_outdated()


def form_outdated() -> RequestError:
    """Nothing is done by this form, nor shown of it."""
    return RequestError(
        "form_outdated",
        "This form is too old, or did not come from these pages. Nothing was changed.",
        "Open the page again, and send its form.",
    )
