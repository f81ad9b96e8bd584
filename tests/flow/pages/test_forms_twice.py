"""Forms that are sent again: after a fault, after somebody else's change, and from a page that a form has opened."""

import json

import pytest

from tests.flow.pages.export_form import EDITED, begun, filled


def test_schedule_that_somebody_changed_is_not_overwritten_by_a_form_that_had_a_fault(browser):
    path = f"/exports/{browser.flow.export_id}/schedule"
    seen = browser.open(path)
    hidden = {name: seen.hidden(name) for name in ("token", "etag")}
    browser.configure(schedule={"cron": "0 5 * * *", "time_zone": "UTC"})
    typed = {"schedule": "times", "at": "soon", "time_zone": "UTC"}
    again = browser.send_raw(path, {**hidden, **typed})
    assert again.status == 400
    sent = {"token": again.hidden("token"), "etag": again.hidden("etag"), **typed, "at": "06:30"}
    refused = browser.send_raw(path, sent)
    assert refused.status == 412, refused.text
    assert browser.flow.app.configuration.read().exports[0].schedule.cron == "0 5 * * *"


@pytest.mark.parametrize("name", ["<b>Gold</b>", "\u202eGold", "x" * 101])
def test_name_of_a_copy_that_cannot_be_is_said_in_the_form_with_all_that_was_typed(browser, name):
    path = f"/exports/{browser.flow.export_id}/duplicate"
    page = browser.send(path, id="copy-of-it", display_name=name)
    assert page.status == 400
    assert 'value="copy-of-it"' in page.html
    assert "Name: " in page.text
    assert "exports[" not in page.text


@pytest.mark.parametrize(
    ("opened", "back"),
    [
        ("/exports/gold/run", "/exports/gold"),
        ("/connections/brevo-eu/connect", "/connections/brevo-eu"),
        ("/history/restore", "/history"),
        ("/exports/gold/edit", "/exports/gold/edit"),
        ("/person?export=gold", "/person?export=gold"),
        ("/?search=a&sort=display_name", "/?search=a&sort=display_name"),
    ],
)
def test_choice_of_a_language_leads_back_to_a_page_that_opens(browser, opened, back):
    form = {"language": "ro", "time_zone": "UTC", "token": browser.open("/view").hidden("token")}
    there = browser.send_raw("/view", {**form, "back": f"/api/pages{opened}"}).to
    assert there == f"/api/pages{back}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule": "with_refresh"}, "Started."),
        ({"schedule": "off"}, "None was started:"),
        ({"schedule": "with_refresh", "connection": None}, "None was started:"),
    ],
)
def test_run_all_says_what_was_started(browser, changes, words):
    browser.configure(**changes)
    page = browser.open(browser.send("/exports/run-all", page="/").to)
    assert f"Exports {words} " in page.text


def test_run_all_says_that_some_were_not_started(browser):
    browser.flow.exports.append(
        {**browser.flow.exports[0], "id": "loose", "schedule": "with_refresh", "connection": None}
    )
    browser.configure(schedule="with_refresh")
    page = browser.open(browser.send("/exports/run-all", page="/").to)
    assert "Some were started." in page.text


def test_number_of_a_connection_that_is_emptied_is_the_default_again(browser):
    path = "/connections/brevo-eu/edit"
    form = {
        "display_name": "Brevo",
        "key_setting": browser.flow.connections[0]["api_key"]["setting"],
        "role_contributor": "yes",
    }
    assert browser.send(path, **form, imports_at_once="3", import_deadline_hours="2").to
    assert browser.flow.app.configuration.read().connections[0].imports_at_once == 3
    assert browser.send(path, **form, imports_at_once="", import_deadline_hours="").to
    saved = browser.flow.app.configuration.read().connections[0]
    assert (saved.imports_at_once, saved.import_deadline_hours) == (1, 6)


def test_choice_of_a_language_is_offered_with_all_that_the_address_asks_for(browser):
    page = browser.open("/?search=gold&done=started")
    assert 'href="/api/pages/view?back=%2Fapi%2Fpages%2F%3Fsearch%3Dgold"' in page.html


@pytest.mark.parametrize("is_partial", [True, False])
def test_form_whose_sign_in_has_ended_is_sent_again_once_the_person_has_signed_in(browser, is_partial):
    path = f"/exports/{browser.flow.export_id}/duplicate"
    form = {"token": browser.open(path).hidden("token"), "id": "copy-of-it"}
    browser.role = None
    browser.headers |= {"hx-request": "true"} if is_partial else {}
    page = browser.send_raw(path, form)
    assert page.status == 401
    assert 'href="/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fpages%2F" target="_blank"' in page.html
    assert ("what you typed is still in the form" in page.text) == is_partial
    assert ("Then reload this page" in page.text) != is_partial
    browser.role = "administrator"
    assert "copy-of-it" in browser.send_raw(path, form).to
    assert "Sign in in another tab" not in browser.open("/exports/nope").text


def test_new_export_whose_form_is_sent_twice_is_one(browser):
    typed = filled(begun(browser), id="", action="save")
    first = browser.send_raw("/new-export", typed)
    assert browser.send_raw("/new-export", typed).to == first.to
    assert len(browser.flow.app.configuration.read().exports) == 2
    assert browser.send_raw("/new-export", {**typed, "id": "second"}).to == first.to
    other = browser.send_raw("/new-export", {**typed, "list_id": "13"})
    assert other.to == "/api/pages/exports/second-2?done=saved"


def test_new_connection_whose_form_is_sent_twice_is_one(browser):
    token = browser.open("/new-connection").hidden("token")
    typed = {"token": token, "display_name": "Shop", "key_setting": "SHOP_KEY"}
    first = browser.send_raw("/new-connection", typed)
    assert browser.send_raw("/new-connection", typed).to == first.to
    assert len(browser.flow.app.configuration.read().connections) == 2


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("/exports/{}/edit", EDITED),
        ("/exports/{}/schedule", {"schedule": "times", "at": "06:30", "time_zone": "UTC"}),
        ("/connections/brevo-eu/edit", {"display_name": "Renamed"}),
    ],
)
def test_change_whose_form_is_sent_twice_is_saved_and_nobody_elses(browser, path, typed):
    path = path.format(browser.flow.export_id)
    page = browser.open(path)
    connection = browser.flow.connections[0]
    hidden = {"token": page.hidden("token"), "etag": page.hidden("etag"), "action": "save"}
    form = {"key_setting": connection["api_key"]["setting"], "list_id": 12, **typed, **hidden}
    form["role_contributor"] = "yes"
    first = browser.send_raw(path, form)
    assert browser.send_raw(path, form).to == first.to
    name = {"display_name": "Another"} if "display_name" in typed else {"at": "07:30"}
    assert browser.send_raw(path, form | name).status in (400, 412)


def test_copy_has_no_schedule_from_its_first_moment_on(browser, monkeypatch):
    browser.configure(schedule="with_refresh")
    seen = []
    write = browser.flow.app.storage.app_blobs.write_if

    def written(container, name, data, etag):
        seen.append(json.loads(data))
        return write(container, name, data, etag)

    monkeypatch.setattr(browser.flow.app.storage.app_blobs, "write_if", written)
    browser.send(f"/exports/{browser.flow.export_id}/duplicate", id="copy-of-it")
    copies = [each for document in seen for each in document.get("exports", []) if each["id"] == "copy-of-it"]
    assert [each["schedule"] for each in copies] == ["off"]
