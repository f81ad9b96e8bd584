"""What Brevo's answers mean: the one place that looks at its status codes.

Brevo's own sentence is shown with its code, but for what may be a person's: see `clean_sentence`.
Source: https://developers.brevo.com/docs/how-it-works (error codes), as of November 2026
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError

_CODE = re.compile(r"[a-z_]{1,50}")
_LONGEST_SENTENCE = 200
_LONGEST_WAIT_SECONDS = 3_600.0
# What may show a person or a secret: quoted text (to the end where the quote is not closed), links and addresses,
# digits with blanks and punctuation between them, and long words with digits, which may be keys.
_PRIVATE = re.compile(
    r"""["“„«].*?(?:["”»]|$)|`.*?(?:`|$)|(?<![\w])['‘].*?(?:['’](?!\w)|$)"""
    r"""|\w+://\S+|\S*@\S*|\+?\d(?:[\s().,/-]*\d){4,}|(?=\S*\d)\S{16,}"""
)

# Five or six digits, or groups of three behind commas, no 0 or sign before them: 10000, 1,000,000. A phone number
# has more digits, since Brevo keeps it with its country, and nobody writes one with such commas.
_COUNT = re.compile(r"[1-9]\d{4,5}|[1-9]\d{0,2}(?:,\d{3}){1,3}")
# Contact 78123, customer no. 48213, ext_id: 10293: the number is somebody's.
_BEHIND_ID = re.compile(
    r"(?:\b|_)(?:contact|customer|user|person|ids?|ext_?id|no|nr|numbers?|phones?|sms|mobile|whatsapp|landline"
    r"|codes?)\W{0,3}$|[+#/\w-]$",
    re.IGNORECASE,
)

# What is quoted there is the name of an attribute: they are in capitals, and no person's.
_ATTRIBUTE = re.compile(r"""(\b[Aa]ttributes?:?\s+)["'“„«`]([A-Z][A-Z0-9_]{0,49})["'”»`]""")
# https://developers.brevo.com/reference/add-contact-to-list (November 2026)
_NONE_TO_ADD = re.compile(r".*\bcontacts?\b.*\balready in\b", re.IGNORECASE | re.DOTALL)
# "Contact already removed from list and/or does not exist" is what the vendor says, in slightly different words for one
# contact and for several. https://developers.brevo.com/reference/remove-contact-from-list (November 2026)
_NONE_IN_LIST = re.compile(
    r"(?!.*\balready in\b).*\bcontacts?\b.*(already removed|not in (the |this )?list|do(es)? not exist)",
    re.IGNORECASE | re.DOTALL,
)


class NotThere(PermanentError):
    """Brevo has no such list, process or contact."""


class NoneInList(PermanentError):
    """None of the named contacts is in the list, so there was nobody to remove."""


class NoneToAdd(PermanentError):
    """All of the named contacts are in the list, or are no contacts, so there was nobody to add."""


class KeyRefused(ConfigurationError):
    """Brevo does not accept the key. `where` names its setting, and its connection where that is known."""

    def __init__(self, where: str = "") -> None:
        super().__init__(
            "brevo_key_refused",
            f"Brevo does not accept the API key{f' {where}' if where else ''}.",
            "Put a valid key into the setting that the connection names.",
        )


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """The answer's JSON (None for an empty one). Raises one of the three kinds of ExportError."""
    if 200 <= status < 300:
        return _json(body)
    if _is_of_something_between(status, body):
        raise TransientError(
            "brevo_garbled",
            f"The answer with status {status} is not Brevo's: something in between has sent it.",
            "It is tried again; if it stays so, look at BREVO_BASE_URL, at proxies and at what the network lets out.",
        )
    raise _failure(status, headers, body)


_PASSING = (408, 425)
# These mean the same whatever has sent them: also that a request is too large, or one too many.
_OF_ANYTHING = (*_PASSING, 413, 429)
# The vendor's words for what passes by itself, with whatever status: a contact or the account is being worked on.
_PASSING_CODES = ("account_in_process",)

# Codes of transient errors that say for certain that Brevo has not taken the request.
NOT_TAKEN = frozenset(("pace", "brevo_throttled"))


def _is_of_something_between(status: int, body: bytes) -> bool:
    """Whether it says nothing of the key, or of what was asked for: Brevo's refusals are JSON, and it redirects nobody.

    Gateways and proxies send pages for a while, as for a check whether a browser asks, or lead to a page to sign in.
    """
    is_page = 400 <= status < 500 and status not in _OF_ANYTHING and bool(body.strip()) and not _is_json(body)
    return 300 <= status < 400 or is_page


def unreachable(what: str) -> TransientError:
    """Brevo could not be reached, or its answer broke off."""
    return TransientError(
        "brevo_unreachable",
        f"Brevo could not be reached ({what}).",
        "A run tries it again; if it stays so, check BREVO_BASE_URL, DNS and what the network lets out.",
    )


def seconds_until_reset(headers: Mapping[str, str]) -> float | None:
    """What Brevo says of when its rate limit resets; None where it says nothing usable.

    Its windows are of a second and an hour, so more than an hour is taken for one.
    """
    try:
        seconds = float(headers.get("x-sib-ratelimit-reset", ""))
    except ValueError:
        return None
    return min(seconds, _LONGEST_WAIT_SECONDS) if seconds >= 0 else None


def _json(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise TransientError("brevo_garbled", "Brevo's answer is not JSON.", "It is tried again.") from None


def _failure(status: int, headers: Mapping[str, str], body: bytes) -> ExportError:
    code, message = _told(body)
    sentence = clean_sentence(message)
    sentence = f": {sentence}" if sentence else ""
    says = f"({code}{sentence})"
    if status == 429:
        return TransientError(
            "brevo_throttled",
            f"Brevo's rate limit is reached{f' {says}' if sentence else ''}.",
            "The run goes on when the limit resets.",
            retry_after_seconds=seconds_until_reset(headers),
        )
    if status >= 500 or status in _PASSING or code in _PASSING_CODES:
        return TransientError("brevo_failing", f"Brevo answers with status {status}.", "It is tried again.")
    return _lasting(status, message, says)


def _lasting(status: int, message: str, says: str) -> ExportError:
    if status == 401:
        return _not_let_in(message)
    if status == 402:
        return ConfigurationError(
            "brevo_no_credits",
            f"Brevo says that the account has not enough credits {says}.",
            "Check the account's plan in Brevo, then run the export again.",
        )
    if status == 403:
        return ConfigurationError(
            "brevo_forbidden",
            f"Brevo does not permit this with the key {says}.",
            "Check the key's permissions in Brevo under SMTP & API.",
        )
    if status == 404:
        return NotThere("brevo_not_found", f"Brevo does not know what was asked for {says}.")
    if status == 400 and (nobody := _nobody(message[:5_000], says)):
        return nobody
    return PermanentError(
        "brevo_refused",
        f"Brevo refused the request with status {status} {says}.",
        "The code is explained in Brevo's API reference.",
    )


def _nobody(message: str, says: str) -> PermanentError | None:
    """The error of a list's change that concerns nobody, since it is as it should be."""
    if _NONE_IN_LIST.match(message):
        return NoneInList("brevo_none_in_list", f"Brevo has none of the contacts in the list {says}.")
    if _NONE_TO_ADD.match(message):
        return NoneToAdd("brevo_none_to_add", f"Brevo has all of the contacts in the list already {says}.")
    return None


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _told(body: bytes) -> tuple[str, str]:
    """Brevo's code, made safe to show, and its message as it is."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "no code", ""
    if not isinstance(answer, dict):
        return "no code", ""
    code = answer.get("code")
    return (
        code if isinstance(code, str) and _CODE.fullmatch(code) else "no code",
        str(answer.get("message", "")),
    )


def clean_sentence(message: str) -> str:
    """Brevo's sentence for one line of text, with what may be personal blanked; without a full stop."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in message[:5_000]).split())
    return _PRIVATE.sub(_blanked, _ATTRIBUTE.sub(r"\1\2", line))[:_LONGEST_SENTENCE].rstrip(" .")


def _blanked(found: re.Match[str]) -> str:
    """A limit or a count stays: by its form it is no phone number, and no word for an id stands before it."""
    is_count = _COUNT.fullmatch(found[0]) and not _BEHIND_ID.search(found.string[: found.start()])
    return found[0] if is_count else "…"


def _not_let_in(message: str) -> ConfigurationError:
    # Brevo blocks unknown addresses where the account says so, with the same status as a wrong key.
    # https://help.brevo.com/hc/en-us/articles/5740111262994 (November 2026)
    if "ip address" in message.lower():
        return ConfigurationError(
            "brevo_address_blocked",
            f"Brevo does not accept the IP address{_address(message)} from which it was asked.",
            "Give the app a fixed outbound address and authorise it in Brevo under Security > Authorised IPs, "
            "or switch that blocking off.",
        )
    return KeyRefused()


def _address(message: str) -> str:
    """The address that Brevo names, with a blank before it; empty where it names none."""
    for word in message[:5_000].split():
        with suppress(ValueError):
            return f" {ip_address(word.strip('.,;:()[]<>"'))}"
    return ""
