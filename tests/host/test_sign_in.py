"""The played sign-in: a session names the role, a key stands for an administrator, and nobody can forge the header."""

import base64
import json

import pytest

from local.functions_host.http_messages import Request, Response
from local.functions_host.sign_in import with_sign_in

HEADER = "x-ms-client-principal"


def asked(method="GET", target="/api/pages/", headers=None, body=b""):
    """(the answer, the headers that the functions saw; None where they were not asked)"""
    seen = []

    def respond(request: Request) -> Response:
        seen.append(dict(request.headers))
        return Response(200)

    request = Request(method, target, target.partition("?")[0], headers or {}, body)
    return with_sign_in(respond)(request), seen[0] if seen else None


def role_in(headers):
    found = json.loads(base64.b64decode(headers[HEADER]))
    return [claim["val"] for claim in found["claims"] if claim["typ"] == "roles"]


@pytest.mark.parametrize("role", ["administrator", "contributor", "viewer", "without-role"])
def test_session_of_a_role_is_what_functions_see(role):
    answer, seen = asked("POST", "/.auth/login/aad", body=f"role={role}&to=/api/pages/person".encode())
    headers = dict(answer.headers)
    assert (answer.status, headers["Location"], seen) == (302, "/api/pages/person", None)
    assert "HttpOnly; Secure; SameSite=Lax" in headers["Set-Cookie"]
    _, seen = asked(headers={"cookie": f"view=en; {headers['Set-Cookie'].partition(';')[0]}"})
    assert role_in(seen) == [role]


def test_header_from_outside_is_dropped():
    _, seen = asked(headers={HEADER: "forged", "x-ms-client-principal-name": "forged"})
    assert seen == {}
    _, seen = asked(headers={HEADER: "forged", "cookie": "AppServiceAuthSession=viewer"})
    assert role_in(seen) == ["viewer"]
    _, seen = asked(headers={"cookie": "AppServiceAuthSession=owner"})
    assert HEADER not in seen


def test_key_without_a_session_is_an_administrators():
    assert role_in(asked(headers={"x-functions-key": "k"})[1]) == ["administrator"]
    assert role_in(asked(target="/api/exports?code=k")[1]) == ["administrator"]
    assert role_in(asked(headers={"x-functions-key": "k", "cookie": "AppServiceAuthSession=viewer"})[1]) == ["viewer"]


def test_page_offers_the_roles_and_keeps_where_to_go_on():
    answer, _ = asked(target="/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fpages%2Fperson%3Fexport%3Dgold")
    page = answer.body.decode()
    assert 'value="/api/pages/person?export=gold"' in page
    assert [role for role in ("administrator", "contributor", "viewer") if f'value="{role}"' in page]


@pytest.mark.parametrize("to", ["https://example.com/", "//example.com/", "/\\example.com", ""])
def test_sign_in_never_leads_to_another_host(to):
    answer, _ = asked("POST", "/.auth/login/aad", body=f"role=viewer&to={to}".encode())
    assert dict(answer.headers)["Location"] == "/api/pages/"


def test_unknown_role_is_refused_and_signing_out_ends_the_session():
    assert asked("POST", "/.auth/login/aad", body=b"role=owner")[0].status == 400
    answer, _ = asked(target="/.auth/logout?post_logout_redirect_uri=/api/pages/")
    assert "Max-Age=0" in dict(answer.headers)["Set-Cookie"]
