"""The routes that list what an account and storage have, and those that go back to an older configuration."""

import json

import pytest

from tests.flow.asking import ROUTES
from tests.flow.described import check_described

ADMINISTRATOR = "administrator"


def value(answer):
    return json.loads(answer.get_body())


def code(answer):
    return (answer.status_code, value(answer)["type"].rpartition(":")[2])


@pytest.mark.parametrize("name", ["list_lists", "list_attributes", "list_segments", "list_history"])
def test_pages_of_a_list_lead_from_one_to_the_next(asked, name):
    flow = asked.flow
    flow.segment("CustomerId,EMail\n1,ana@example.com\n", name="Silver")
    path = {"id": "brevo-eu"}
    for _ in range(2):
        assert asked("disconnect_connection", ADMINISTRATOR, **path).status_code == 200
        connected = asked("connect_connection", ADMINISTRATOR, body={"consent": {"agreed_by": "Ana"}}, **path)
        assert connected.status_code == 200
    whole = value(asked(name, ADMINISTRATOR, **path))
    assert len(whole) >= 2
    seen, token = [], ""
    while True:
        answer = asked(name, ADMINISTRATOR, params={"limit": "1", "continuation": token}, **path)
        check_described(ROUTES[name], answer)
        seen += value(answer)
        token = answer.headers.get("X-Continuation-Token", "")
        if not token:
            break
        assert f"continuation={token}" in answer.headers["Link"]
    assert seen == whole


@pytest.mark.parametrize("name", ["list_lists", "list_attributes", "list_segments", "list_history"])
@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "201"}, {"continuation": "x"}, {"continuation": "-1"}])
def test_page_that_cannot_be_is_400(asked, name, params):
    assert code(asked(name, ADMINISTRATOR, params=params, id="brevo-eu")) == (400, "body_invalid")


def test_page_behind_the_last_is_empty(asked):
    for name in ("list_lists", "list_attributes", "list_segments", "list_history"):
        answer = asked(name, ADMINISTRATOR, params={"continuation": "999999999"}, id="brevo-eu")
        assert (answer.status_code, value(answer), "Link" in answer.headers) == (200, [], False), name


def test_older_version_is_put_back_by_the_etag_that_was_read(asked):
    etag = asked("list_history", ADMINISTRATOR).headers["ETag"]
    asked("detach_export", ADMINISTRATOR)
    listed = asked("list_history", ADMINISTRATOR)
    (version,) = value(listed)
    restore = {"id": version["version"]}
    assert code(asked("restore_version", ADMINISTRATOR, **restore)) == (428, "if_match_missing")
    stale = asked("restore_version", ADMINISTRATOR, headers={"If-Match": etag}, **restore)
    assert code(stale) == (412, "changed_meanwhile")
    check_described(ROUTES["restore_version"], stale)
    unknown = asked("restore_version", ADMINISTRATOR, headers={"If-Match": "*"}, id="x")
    assert code(unknown) == (404, "version_unknown")
    done = asked("restore_version", ADMINISTRATOR, headers={"If-Match": listed.headers["ETag"]}, **restore)
    check_described(ROUTES["restore_version"], done)
    assert value(asked("show_export", ADMINISTRATOR))["connection"] == "brevo-eu"
    assert done.headers["ETag"] == asked("list_history", ADMINISTRATOR).headers["ETag"]


def test_configuration_that_is_no_json_is_repaired_by_the_routes(asked):
    asked("detach_export", ADMINISTRATOR)
    app = asked.flow.app
    app.storage.app_blobs.write(*app.settings.export_config.split("/"), b"{")
    listed = asked("list_history", ADMINISTRATOR)
    check_described(ROUTES["list_history"], listed)
    (version,) = value(listed)
    etag = {"If-Match": listed.headers["ETag"]}
    done = asked("restore_version", ADMINISTRATOR, headers=etag, id=version["version"])
    assert value(done)["consent_missing"] == ["brevo-eu"]
    assert value(asked("show_export", ADMINISTRATOR))["connection"] == "brevo-eu"


def test_connection_is_disconnected_by_the_etag_that_was_read(asked):
    stale = asked("disconnect_connection", ADMINISTRATOR, headers={"If-Match": "x"}, id="brevo-eu")
    assert code(stale) == (412, "changed_meanwhile")
    seen = asked("show_connection", ADMINISTRATOR, id="brevo-eu").headers["ETag"]
    done = asked("disconnect_connection", ADMINISTRATOR, headers={"If-Match": seen}, id="brevo-eu")
    assert value(done)["exports"] == [asked.flow.export_id]
    assert done.headers["ETag"] == asked("show_connection", ADMINISTRATOR, id="brevo-eu").headers["ETag"]
    (line, *_) = value(asked("show_audit", ADMINISTRATOR))
    assert (line["what"], line["target"], line["who"]) == ("withdraw consent", "brevo-eu", "user 0a")


def test_consent_is_given_to_the_connection_that_was_seen(asked):
    agreed = {"id": "brevo-eu", "body": {"consent": {"agreed_by": "Ana"}}}
    asked("disconnect_connection", ADMINISTRATOR, id="brevo-eu")
    stale = asked("connect_connection", ADMINISTRATOR, headers={"If-Match": '"0123456789abcdef"'}, **agreed)
    check_described(ROUTES["connect_connection"], stale)
    assert code(stale) == (412, "changed_meanwhile")
    assert value(asked("show_connection", ADMINISTRATOR, id="brevo-eu"))["consent"] is None
    seen = asked("show_connection", ADMINISTRATOR, id="brevo-eu").headers["ETag"]
    for etag in (seen, "*"):
        assert value(asked("connect_connection", ADMINISTRATOR, headers={"If-Match": etag}, **agreed))["connected"]
        assert asked("disconnect_connection", ADMINISTRATOR, id="brevo-eu").status_code == 200


@pytest.mark.parametrize("etag", ['""', 'W/""', '"'])
def test_etag_of_nothing_is_stale(asked, etag):
    sent = {"headers": {"If-Match": etag}}
    for name in ("disconnect_connection", "connect_connection"):
        assert code(asked(name, ADMINISTRATOR, id="brevo-eu", **sent)) == (412, "changed_meanwhile"), name
    for name in ("detach_export", "remove_export"):
        assert code(asked(name, ADMINISTRATOR, **sent)) == (412, "changed_meanwhile"), name
        removing = {"body": {"members": "remove"}} if name == "detach_export" else {"params": {"members": "remove"}}
        assert code(asked(name, ADMINISTRATOR, **sent, **removing)) == (412, "changed_meanwhile"), name
    assert code(asked("save_export", ADMINISTRATOR, body=asked.flow.export, **sent)) == (412, "changed_meanwhile")
    assert code(asked("remove_connection", ADMINISTRATOR, id="brevo-eu", **sent)) == (412, "changed_meanwhile")


def test_account_that_refuses_the_key_is_409_with_what_to_do(asked, monkeypatch):
    monkeypatch.setenv(asked.flow.account, "xkeysib-wrong")  # pragma: allowlist secret
    for name in ("list_lists", "list_attributes"):
        answer = asked(name, ADMINISTRATOR, id="brevo-eu")
        assert answer.status_code == 409
        check_described(ROUTES[name], answer)


def test_export_that_is_not_saved_is_previewed_with_no_value_of_a_person(asked):
    body = {name: each for name, each in asked.flow.export.items() if name != "id"}
    answer = asked("preview_unsaved", ADMINISTRATOR, body=body)
    check_described(ROUTES["preview_unsaved"], answer)
    assert (value(answer)["export"], value(answer)["contacts_mapped"]) == ("unsaved", 2)
    assert b"ana@" not in answer.get_body()
    wrong = asked("preview_unsaved", ADMINISTRATOR, body=body | {"colour": 1})
    assert code(wrong) == (400, "body_invalid")
    assert value(wrong)["errors"][0]["field"] == "colour"
