"""Plays the platform's sign-in: a page that offers the three roles, a session, and the header that names the user.

As there, a header of the principal from outside is dropped, and functions see only what the platform says.
https://learn.microsoft.com/azure/app-service/overview-authentication-authorization

One thing is easier than there: a request with the host's key and no session counts as a signed-in administrator's, so
that a terminal on this machine needs no sign-in.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from html import escape
from urllib.parse import parse_qs, quote

from local.functions_host.http_messages import Request, Respond, Response

ROLES = ("administrator", "contributor", "viewer")
_NO_ROLE = "without-role"
_COOKIE = "AppServiceAuthSession"
_PRINCIPAL = "x-ms-client-principal"
_STYLE = (
    "body{font:1.1rem/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}"
    "button{font:inherit;padding:.5rem 1rem;margin:.25rem}"
)


def with_sign_in(respond: Respond) -> Respond:
    """The same, behind the played sign-in."""

    def answer(request: Request) -> Response:
        if request.path.startswith("/.auth/login"):
            return _signed_in(request) if request.method == "POST" else _offer(request)
        if request.path == "/.auth/logout":
            to = _back(request.parameter("post_logout_redirect_uri"))
            return _redirect(to, f"{_COOKIE}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax")
        headers = {name: value for name, value in request.headers.items() if not name.startswith(_PRINCIPAL)}
        if role := _role_of(request):
            headers[_PRINCIPAL] = _principal(role)
        return respond(replace(request, headers=headers))

    return answer


def _role_of(request: Request) -> str:
    """The role of the session, or an administrator's for a key; empty where nobody is signed in."""
    for part in request.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == _COOKIE and value in (*ROLES, _NO_ROLE):
            return value
    return "administrator" if request.presented_key() else ""


def _principal(role: str) -> str:
    claims = [{"typ": "oid", "val": f"local-{role}"}, {"typ": "roles", "val": role}]
    found = {"auth_typ": "aad", "name_typ": "name", "role_typ": "roles", "claims": claims}
    return base64.b64encode(json.dumps(found).encode()).decode()


def _offer(request: Request) -> Response:
    to = escape(_back(request.parameter("post_login_redirect_uri")))
    roles = (*ROLES, _NO_ROLE)
    buttons = "".join(f'<button name="role" value="{role}">{role.capitalize()}</button>' for role in roles)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>'
        f"<style>{_STYLE}</style></head>"
        "<body><main><h1>Sign in on this machine</h1><p>On Azure the identity provider asks who you are. "
        f'Here you choose a role.</p><form method="post"><input type="hidden" name="to" value="{to}">{buttons}</form>'
        "</main></body></html>"
    )
    return Response(200, page.encode(), (("Content-Type", "text/html; charset=utf-8"),))


def _signed_in(request: Request) -> Response:
    form = parse_qs(request.body.decode("utf-8", "replace"))
    role = form.get("role", [""])[0]
    if role not in (*ROLES, _NO_ROLE):
        return Response.of_text(400, "role: is one of the buttons' values.")
    return _redirect(_back(form.get("to", [""])[0]), f"{_COOKIE}={role}; Path=/; HttpOnly; Secure; SameSite=Lax")


def _back(to: str | None) -> str:
    """Where to go on: a path of this host."""
    is_own = to is not None and to.startswith("/") and not to.startswith("//") and "\\" not in to
    return quote(to, safe="/?=&%+-_.~") if is_own and to else "/api/pages/"


def _redirect(to: str, cookie: str) -> Response:
    return Response(302, b"", (("Location", to), ("Set-Cookie", cookie)))
