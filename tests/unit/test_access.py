"""The permission table cell by cell, and where a caller's role comes from."""

import base64
import json
from pathlib import Path

import pytest

from scripts.permissions import permissions_page
from shared.access import (
    ROLES,
    RULES,
    AccessDenied,
    Caller,
    may,
    request_caller,
    require,
    terminal_caller,
)
from shared.config.models import Connection

# One line an operation: administrator, contributor, viewer; each shared, then not shared.
CELLS = """
see_connection      yes yes  yes no   yes no
view_connection     yes yes  no  no   no  no
add_connection      yes yes  no  no   no  no
edit_connection     yes yes  no  no   no  no
remove_connection   yes yes  no  no   no  no
connect             yes yes  no  no   no  no
view_export         yes yes  yes yes  yes yes
add_export          yes yes  yes no   no  no
edit_export         yes yes  yes no   no  no
duplicate_export    yes yes  yes no   no  no
detach_export       yes yes  yes no   no  no
schedule_export     yes yes  yes no   no  no
remove_export       yes yes  yes no   no  no
preview_export      yes yes  yes no   no  no
ask_why             yes yes  yes no   no  no
reset_ledger        yes yes  yes no   no  no
run_export          yes yes  yes no   no  no
run_all             yes yes  yes yes  no  no
view_run            yes yes  yes yes  yes yes
view_rejected_rows  yes yes  yes yes  yes yes
cancel_run          yes yes  yes no   no  no
view_segments       yes yes  yes yes  yes yes
view_audit          yes yes  no  no   no  no
restore_configuration yes yes  no  no   no  no
try_notifications   yes yes  no  no   no  no
operate             yes yes  no  no   no  no
"""
TABLE = {line.split()[0]: line.split()[1:] for line in CELLS.strip().splitlines()}
COLUMNS = [(role, shared) for role in ROLES for shared in (True, False)]
ON = {"WEBSITE_AUTH_ENABLED": "True"}


def connection(*roles):
    return Connection.model_validate(
        {"id": "c", "display_name": "C", "api_key": {"setting": "K"}, "available_to": list(roles)}
    )


def header(*roles, **more):
    claims = [{"typ": "roles", "val": role} for role in roles]
    claims.append({"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "0a1b-2c"})
    claims.append({"typ": "name", "val": "ana@contoso.com"})
    text = json.dumps({"auth_typ": "aad", "claims": claims, **more})
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(text.encode()).decode()}


def test_table_names_every_operation():
    assert list(TABLE) == list(RULES)


@pytest.mark.parametrize(
    ("operation", "role", "shared", "expected"),
    [
        (operation, role, shared, cell == "yes")
        for operation, cells in TABLE.items()
        for (role, shared), cell in zip(COLUMNS, cells, strict=True)
    ],
)
def test_cell_is_as_the_table_says(operation, role, shared, expected):
    assert may(role, operation, shared=shared) is expected
    others = [other for other in ROLES if other != role]
    asked = connection(*([role] if shared else others))
    if expected:
        require(Caller("x", role), operation, asked)
    else:
        with pytest.raises(AccessDenied) as denied:
            require(Caller("x", role), operation, asked)
        assert denied.value.code == "access_denied"
        assert denied.value.advice


@pytest.mark.parametrize("operation", RULES)
def test_who_has_no_role_may_do_nothing(operation):
    assert not may(None, operation, shared=True)
    with pytest.raises(AccessDenied, match="no role"):
        require(Caller("x", None), operation)


def test_permissions_page_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "permissions.md"
    assert page.read_text() == permissions_page(), "run python -m scripts.permissions"


@pytest.mark.parametrize("environment", [{}, {"WEBSITE_AUTH_ENABLED": "False"}, {"WEBSITE_AUTH_ENABLED": ""}])
@pytest.mark.parametrize("headers", [{}, header("viewer"), header("administrator"), {"X-MS-CLIENT-PRINCIPAL": "?"}])
def test_forged_header_is_ignored_where_the_platform_authenticates_nobody(environment, headers):
    assert request_caller(headers, environment) == Caller("function key", "administrator")


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["viewer"], "viewer"),
        (["Contributor"], "contributor"),
        (["viewer", "administrator", "contributor"], "administrator"),
        (["owner"], None),
        ([], None),
    ],
)
def test_signed_in_user_has_the_most_powerful_of_the_roles(roles, expected):
    assert request_caller(header(*roles), ON) == Caller("user 0a1b-2c", expected)


def test_roles_are_found_under_the_type_that_the_header_names():
    found = request_caller(header(role_typ="r", claims=[{"typ": "r", "val": "viewer"}]), ON)
    assert found == Caller("user without object id", "viewer")


@pytest.mark.parametrize("value", ["", "not base64", "bm90IGpzb24=", "W10=", "e30=", "eyJjbGFpbXMiOlsxXX0="])
def test_without_a_sign_in_that_can_be_read_nobody_is_let_in(value):
    with pytest.raises(AccessDenied) as denied:
        request_caller({"X-MS-CLIENT-PRINCIPAL": value}, ON)
    assert denied.value.code == "sign_in_required"


SECRET = "kept-between-two-systems"  # pragma: allowlist secret
WITH_SECRET = {**ON, "WEBHOOK_SECRET": SECRET}


@pytest.mark.parametrize("name", ["X-Webhook-Secret", "x-webhook-secret"])
def test_system_is_let_in_by_the_webhook_s_secret_where_people_sign_in(name):
    assert request_caller({name: SECRET}, WITH_SECRET, by_secret=True) == Caller("webhook secret", "administrator")


@pytest.mark.parametrize(
    ("headers", "environment"),
    [
        ({}, WITH_SECRET),
        ({"x-functions-key": "a-key"}, WITH_SECRET),
        ({"X-Webhook-Secret": ""}, {**ON, "WEBHOOK_SECRET": ""}),
        ({"X-Webhook-Secret": SECRET[:-1]}, WITH_SECRET),
        ({"X-Webhook-Secret": f"{SECRET}é"}, WITH_SECRET),
        ({"X-Webhook-Secret": SECRET}, ON),
        ({"X-Webhook-Secret": "short"}, {**ON, "WEBHOOK_SECRET": "short"}),
        (
            {"X-Webhook-Secret": "@Microsoft.KeyVault(SecretUri=https://kv-x.vault.azure.net/secrets/webhook-secret)"},
            {
                **ON,
                "WEBHOOK_SECRET": "@Microsoft.KeyVault(SecretUri=https://kv-x.vault.azure.net/secrets/webhook-secret)",
            },
        ),
    ],
)
def test_without_the_secret_a_key_lets_nobody_in_where_people_sign_in(headers, environment):
    with pytest.raises(AccessDenied) as denied:
        request_caller(headers, environment, by_secret=True)
    assert denied.value.code == "sign_in_required"
    assert "X-Webhook-Secret" in denied.value.advice


def test_secret_of_the_webhook_opens_no_other_route():
    with pytest.raises(AccessDenied):
        request_caller({"X-Webhook-Secret": SECRET}, WITH_SECRET)


def test_signed_in_user_has_their_own_role_whatever_secret_they_send():
    headers = {**header("viewer"), "X-Webhook-Secret": SECRET}
    assert request_caller(headers, WITH_SECRET, by_secret=True) == Caller("user 0a1b-2c", "viewer")


def test_secret_that_cannot_be_used_is_logged_and_not_shown(caplog):
    with pytest.raises(AccessDenied):
        request_caller({"X-Webhook-Secret": "short"}, {**ON, "WEBHOOK_SECRET": "short-one"}, by_secret=True)
    assert "WEBHOOK_SECRET" in caplog.text
    assert "short-one" not in caplog.text


def test_terminal_is_an_administrator_and_names_no_address():
    assert terminal_caller("ana@contoso.com") == Caller("terminal ana", "administrator")
