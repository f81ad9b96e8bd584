"""A form that was open for days: nothing is done by it, and its page comes back with all that was typed."""

from datetime import UTC, datetime, timedelta

import pytest

from export_trigger.pages.token import token_for
from shared.access import Caller
from tests.flow.pages.export_form import begun, filled

TOO_OLD = "This form was open for too long: nothing was done."


def old_token(browser, days=3, name=None) -> str:
    return token_for(Caller(name or f"user id-{browser.role}", None), datetime.now(UTC) - timedelta(days=days))


def sent_late(browser, path, typed, **more):
    page = browser.send_raw(path, {**typed, "token": old_token(browser, **more)})
    assert page.status == 403
    return page


def test_connection_comes_back_as_it_was_typed_and_is_saved_by_the_next_click(browser):
    typed = {"id": "shop", "display_name": "Web shop", "key_setting": "SHOP_KEY", "imports_at_once": "3"}
    page = sent_late(browser, "/new-connection", typed)
    assert TOO_OLD in page.text
    for value in typed.values():
        assert f'value="{value}"' in page.html
    assert len(browser.flow.app.configuration.read().connections) == 1
    assert browser.send_raw("/new-connection", {**typed, "token": page.hidden("token")}).to
    page = sent_late(browser, "/connections/shop/edit", {**typed, "display_name": "Shop 2", "etag": "old"})
    assert (TOO_OLD in page.text, 'value="Shop 2"' in page.html, page.hidden("etag")) == (True, True, "old")


def test_new_export_comes_back_as_it_was_typed_and_checked(browser):
    typed = filled(begun(browser), display_name="Gold for spring", action="save")
    page = sent_late(browser, "/new-export", typed)
    assert TOO_OLD in page.text
    assert 'value="Gold for spring"' in page.html
    assert len(browser.flow.app.configuration.read().exports) == 1
    again = {**typed, "token": page.hidden("token")}
    assert browser.send_raw("/new-export", again).to.endswith("?done=saved")


def test_check_by_the_script_goes_on_and_brings_a_new_token(browser):
    browser.headers["hx-request"] = "true"
    typed = filled(begun(browser), action="check")
    part = browser.send_raw("/new-export", {**typed, "token": old_token(browser)})
    assert (part.status, TOO_OLD in part.text) == (200, False)
    assert part.hidden("token") == old_token(browser, days=0)
    assert 'id="token" hx-swap-oob="true"' in part.html


@pytest.mark.parametrize(
    ("path", "typed", "there"),
    [
        ("schedule", {"schedule": "times", "at": "06:30", "time_zone": "Europe/Bucharest"}, 'value="06:30"'),
        ("duplicate", {"id": "the-copy", "display_name": "Copy"}, 'value="the-copy"'),
        ("remove", {"members": "remove"}, 'value="remove" checked'),
        ("detach", {"members": "remove"}, 'value="remove" checked'),
    ],
)
def test_what_was_typed_of_an_export_comes_back(browser, path, typed, there):
    browser.flow.run()
    page = sent_late(browser, f"/exports/{browser.flow.export_id}/{path}", {**typed, "etag": "old"})
    assert TOO_OLD in page.text
    assert there in page.html
    assert page.hidden("token") == old_token(browser, days=0)
    if path != "duplicate":
        assert page.hidden("etag") == "old"
    [export] = browser.flow.app.configuration.read().exports
    assert (export.schedule, export.connection is None) == ("off", False)
    assert browser.flow.app.store.active(export.id) is None


def test_person_and_consent_come_back(browser):
    page = sent_late(browser, "/person", {"export": browser.flow.export_id, "email": "ana@example.com"})
    assert (TOO_OLD in page.text, 'value="ana@example.com"' in page.html) == (True, True)
    assert "What was seen" not in page.text
    page = sent_late(browser, "/connections/brevo-eu/connect", {"agree": "yes", "agreed_by": "Ana Ionescu"})
    assert (TOO_OLD in page.text, 'value="Ana Ionescu"' in page.html) == (True, True)


@pytest.mark.parametrize("days", [2, 29])
def test_button_that_is_pressed_too_late_does_nothing(browser, days):
    page = sent_late(browser, f"/exports/{browser.flow.export_id}/run", {}, days=days)
    assert "Open the page again" in page.text
    assert browser.flow.app.store.active(browser.flow.export_id) is None


@pytest.mark.parametrize("token", ["", "nonsense", "another", "ancient"])
def test_form_that_no_page_of_ours_has_made_for_this_person_comes_back_with_nothing(browser, token):
    tokens = {"another": old_token(browser, name="user id-ben"), "ancient": old_token(browser, days=31)}
    typed = {"id": "shop", "display_name": "Web shop", "token": tokens.get(token, token)}
    page = browser.send_raw("/new-connection", typed)
    assert page.status == 403
    assert "did not come from these pages" in page.text
    assert "Web shop" not in page.html


def test_who_may_not_do_it_is_refused_as_with_a_new_form(browser):
    browser.role = "viewer"
    page = sent_late(browser, f"/exports/{browser.flow.export_id}/duplicate", {"id": "the-copy"})
    assert ("may not" in page.text, TOO_OLD in page.text) == (True, False)
