"""A page of another site cannot use the sign-in of a person who looks at it."""

import json

import pytest

FORGED = {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("name", ["start_export", "approve_run", "webhook", "connect_connection", "reset_export"])
def test_form_of_another_site_does_nothing_with_the_sign_in_of_who_looks_at_it(asked, name, site):
    answer = asked(name, "administrator", headers=FORGED | {"Sec-Fetch-Site": site}, body={}, params={"code": "key"})
    problem = json.loads(answer.get_body())
    assert (answer.status_code, problem["type"]) == (403, "urn:segment-export:problem:access_denied")
    assert problem["title"] == "A page of another site has sent this."
    assert not list(asked.flow.app.store.latest(asked.flow.export_id, 1))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        FORGED | {"x-functions-key": "key"},
        FORGED | {"Authorization": "Bearer token"},
    ],
)
def test_caller_with_a_header_that_no_form_can_send_is_let_in_from_everywhere(asked, headers):
    assert asked("start_export", "administrator", headers=headers, body={}).status_code == 202


def test_name_and_password_in_a_form_s_address_are_no_token(asked):
    headers = FORGED | {"Authorization": "Basic YW5hOm9uZQ=="}
    assert asked("start_export", "administrator", headers=headers, body={}).status_code == 403


def test_where_nobody_signs_in_the_key_is_all_that_counts(asked, monkeypatch):
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED")
    assert asked("start_export", None, headers=FORGED, body={}).status_code == 202
