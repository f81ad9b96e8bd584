"""Who may do what. `may` decides every permission, whichever way a caller comes in; docs/permissions.md shows it.

Three roles, as in Customer Insights: administrators make connections and decide who may use them, contributors set up
exports on connections that are shared with them, viewers only look.

Who the caller is: the terminal is an administrator. Over HTTP it is the user whom the platform's authentication names,
where that is on (the platform then sets WEBSITE_AUTH_ENABLED and removes such headers from outside); where it is off,
the header proves nothing and is ignored, and anyone with a key of the host or of a function is an administrator. A
system that calls the webhook where people sign in has the webhook's own secret: a key alone proves nothing there, since
viewers have one too.
"""

import base64
import binascii
import hmac
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from shared.config.models import Connection, Role
from shared.errors import ConfigurationError
from shared.settings import read_secret

_log = logging.getLogger(__name__)

WEBHOOK_HEADER = "X-Webhook-Secret"  # pragma: allowlist secret
_FEWEST_SECRET_CHARACTERS = 16

Operation = Literal[
    "see_connection",
    "view_connection",
    "add_connection",
    "edit_connection",
    "remove_connection",
    "connect",
    "view_export",
    "add_export",
    "edit_export",
    "duplicate_export",
    "detach_export",
    "schedule_export",
    "remove_export",
    "preview_export",
    "ask_why",
    "reset_ledger",
    "run_export",
    "run_all",
    "view_run",
    "view_rejected_rows",
    "cancel_run",
    "view_segments",
    "view_audit",
    "restore_configuration",
    "try_notifications",
    "operate",
]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Rule:
    """An operation in words, who may do it always, and who only where the connection is available to the role."""

    words: str
    always: frozenset[Role]
    where_shared: frozenset[Role] = frozenset()


_ADMINISTRATOR: frozenset[Role] = frozenset({"administrator"})
_CONTRIBUTOR: frozenset[Role] = frozenset({"contributor"})
_EVERYBODY: frozenset[Role] = frozenset(ROLES)
_OTHERS = _EVERYBODY - _ADMINISTRATOR

RULES: Mapping[Operation, Rule] = {
    "see_connection": Rule(
        "see a connection's name and type, its account's lists and attributes", _ADMINISTRATOR, _OTHERS
    ),
    "view_connection": Rule("see a connection's settings", _ADMINISTRATOR),
    "add_connection": Rule("add a connection", _ADMINISTRATOR),
    "edit_connection": Rule("edit a connection, give and withdraw consent", _ADMINISTRATOR),
    "remove_connection": Rule("remove a connection", _ADMINISTRATOR),
    "connect": Rule("test a connection, and connect it", _ADMINISTRATOR),
    "view_export": Rule("list and view exports", _EVERYBODY),
    "add_export": Rule("add an export", _ADMINISTRATOR, _CONTRIBUTOR),
    "edit_export": Rule("edit an export", _ADMINISTRATOR, _CONTRIBUTOR),
    "duplicate_export": Rule("duplicate an export", _ADMINISTRATOR, _CONTRIBUTOR),
    "detach_export": Rule(
        "detach an export's connection; take its members out of the list first", _ADMINISTRATOR, _CONTRIBUTOR
    ),
    "schedule_export": Rule("switch an export's schedule", _ADMINISTRATOR, _CONTRIBUTOR),
    "remove_export": Rule("remove an export; take its members out of the list first", _ADMINISTRATOR, _CONTRIBUTOR),
    "preview_export": Rule("preview an export's contacts", _ADMINISTRATOR, _CONTRIBUTOR),
    "ask_why": Rule("ask why a person is not in an export's list", _ADMINISTRATOR, _CONTRIBUTOR),
    "reset_ledger": Rule("forget what an export has sent, so that all is sent again", _ADMINISTRATOR, _CONTRIBUTOR),
    "run_export": Rule(
        "run an export, plan, try, approve and undo it, also through a guard", _ADMINISTRATOR, _CONTRIBUTOR
    ),
    "run_all": Rule("run all exports that the caller may run", _ADMINISTRATOR | _CONTRIBUTOR),
    "view_run": Rule("list and view runs", _EVERYBODY),
    "view_rejected_rows": Rule("read the rejected rows of a run", _EVERYBODY),
    "cancel_run": Rule("cancel a run", _ADMINISTRATOR, _CONTRIBUTOR),
    "view_segments": Rule("list the segments in storage with their columns, never a value", _EVERYBODY),
    "view_audit": Rule("read the audit trail and the configuration's history", _ADMINISTRATOR),
    "restore_configuration": Rule("put back an older version of the configuration", _ADMINISTRATOR),
    "try_notifications": Rule("send a test to the receivers of notifications", _ADMINISTRATOR),
    "operate": Rule("examine the app, replay, release, forget a person, prune, probe an account", _ADMINISTRATOR),
}


class AccessDenied(ConfigurationError):
    """The caller may not do this, or is nobody that we know."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name` is what the audit trail shows, so it is no person's name or address; no role may do nothing."""

    name: str
    role: Role | None


def terminal_caller(user: str) -> Caller:
    """A person who types on the machine has its settings, and so is an administrator."""
    return Caller(f"terminal {_plain(user.split('@')[0])}".strip(), "administrator")


def may(role: Role | None, operation: Operation, *, shared: bool) -> bool:
    """Decides every permission. `shared`: the connection concerned is available to the role, or there is none."""
    rule = RULES[operation]
    return role in rule.always or (shared and role in rule.where_shared)


def is_shared(caller: Caller, connection: Connection | None) -> bool:
    """True where the connection is available to the caller's role. A detached export has none to be shared."""
    return connection is None or caller.role in connection.available_to


def require(caller: Caller, operation: Operation, connection: Connection | None = None) -> None:
    """Raises AccessDenied where the caller may not do this."""
    shared = is_shared(caller, connection)
    if may(caller.role, operation, shared=shared):
        return
    if may(caller.role, operation, shared=True):
        raise AccessDenied(
            "access_denied",
            f"The connection is not available to the role {caller.role}, which may not {RULES[operation].words} then.",
            "An administrator can add the role to available_to in the connection.",
        )
    raise AccessDenied(
        "access_denied",
        f"The role {caller.role} may not {RULES[operation].words}."
        if caller.role
        else "Your account has no role in this app.",
        f"This takes the role {' or '.join(role for role in ROLES if may(role, operation, shared=True))}.",
    )


def people_sign_in(environment: Mapping[str, str]) -> bool:
    """True where the platform's authentication is on."""
    return environment.get("WEBSITE_AUTH_ENABLED", "").lower() == "true"


def check_site(method: str, headers: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Raises AccessDenied for what the page of another site sends by the sign-in of who looks at it.

    The browser says where it comes from. A header with a key or a token is none that such a page can send.
    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    """
    if method == "GET" or not people_sign_in(environment):
        return
    # A browser adds a name and password that stand in an address: they are no token.
    has_token = _header(headers, "Authorization").lower().startswith("bearer ")
    if _is_elsewhere(headers) and not (has_token or _header(headers, "X-Functions-Key")):
        raise _of_another_site()


def check_opened(headers: Mapping[str, str]) -> None:
    """Raises AccessDenied for a page that the page of another site loads as a part of itself, such as a picture.

    It sees nothing of it, but each costs calls to storage and to Brevo, which allows few. A link may be followed.
    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Dest
    """
    if _is_elsewhere(headers) and _header(headers, "Sec-Fetch-Dest") != "document":
        raise _of_another_site()


def _is_elsewhere(headers: Mapping[str, str]) -> bool:
    return _header(headers, "Sec-Fetch-Site") in ("cross-site", "same-site")


def _of_another_site() -> AccessDenied:
    return AccessDenied(
        "access_denied",
        "A page of another site has sent this.",
        "Use the app's own pages, or send the key as the header x-functions-key.",
    )


def request_caller(headers: Mapping[str, str], environment: Mapping[str, str], *, by_secret: bool = False) -> Caller:
    """Who sends a request that the host has let in. With `by_secret` a system may send the webhook's secret instead.

    Raises AccessDenied where the platform's authentication is on, and nobody is signed in.
    """
    if not people_sign_in(environment):
        return Caller("function key", "administrator")
    if header := _header(headers, "X-MS-CLIENT-PRINCIPAL"):
        return _principal(header)
    if not by_secret:
        raise AccessDenied("sign_in_required", "Nobody is signed in.", "Sign in, then try again.")
    if _is_webhook_secret(_header(headers, WEBHOOK_HEADER), environment):
        return Caller("webhook secret", "administrator")
    advice = f"Sign in, or send the secret that the setting WEBHOOK_SECRET holds as the header {WEBHOOK_HEADER}."
    raise AccessDenied("sign_in_required", "Nobody is signed in.", advice)


def webhook_secret(environment: Mapping[str, str]) -> str:
    """The webhook's secret. Raises ConfigurationError where it is missing, unusable, or short enough to be guessed."""
    secret = read_secret("WEBHOOK_SECRET", "webhook's secret", environment)
    if len(secret) < _FEWEST_SECRET_CHARACTERS:
        raise ConfigurationError(
            "setting_invalid",
            f"The setting WEBHOOK_SECRET has fewer than {_FEWEST_SECRET_CHARACTERS} characters.",
            "Put a random text into it, such as `openssl rand -hex 32` gives.",
        )
    return secret


def _is_webhook_secret(sent: str, environment: Mapping[str, str]) -> bool:
    if not sent:
        return False
    try:
        expected = webhook_secret(environment)
    except ConfigurationError as error:
        _log.error("the webhook lets in nobody by secret: %s", error)
        return False
    return hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode())


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name) or headers.get(name.lower()) or ""


def _principal(header: str) -> Caller:
    """The platform's header: Base64 of `{"role_typ", "claims": [{"typ", "val"}]}`.

    Source: https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
    """
    try:
        found: Any = json.loads(base64.b64decode(header, validate=True))
        claims = [(str(claim["typ"]), str(claim["val"])) for claim in found["claims"]]
        role_types = {"roles", str(found.get("role_typ", "roles"))}
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AccessDenied("sign_in_required", "The sign-in cannot be read.", "Sign in again.") from None
    held = {value.casefold() for kind, value in claims if kind in role_types}
    role = next((role for role in ROLES if role in held), None)
    return Caller(f"user {_object_id(claims)}", role)


def _object_id(claims: list[tuple[str, str]]) -> str:
    """The directory's id of the user: it leads an administrator to the person, and is no name or address itself."""
    for kind, value in claims:
        if kind in ("oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"):
            return _plain(value)
    return "without object id"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "", text)[:64]
