"""The form of an export whose connection is changed: the lists that it offered are those of another account."""

import pytest

from tests.flow.pages.export_form import begun, faults, filled

WORDS = "Choose a list of this connection: a number is another list in another account."


@pytest.fixture
def shop(browser):
    """A browser with another connection, brevo-shop."""
    browser.flow.connections.append({**browser.flow.connections[0], "id": "brevo-shop", "display_name": "Shop"})
    browser.configure()
    return browser


def moved(browser, **others):
    page = begun(browser)
    return filled(page, lists_of=page.hidden("lists_of"), connection="brevo-shop", **others)


@pytest.mark.parametrize("action", ["save", "check", "preview"])
def test_number_of_the_other_accounts_list_is_not_taken(shop, action):
    page = shop.send_raw("/new-export", moved(shop, action=action))
    assert page.status == 400
    assert faults(page)["list"] == WORDS
    assert page.hidden("lists_of") == "brevo-shop"
    assert 'value="12" selected' not in page.html
    assert shop.flow.app.document().export("second") is None


def test_number_is_not_taken_either_with_one_more_attribute_first(shop):
    page = shop.send_raw("/new-export", moved(shop, action="add"))
    assert 'value="12" selected' not in page.html


def test_script_puts_the_lists_of_the_new_connection_into_the_form(shop):
    shop.headers["hx-request"] = "true"
    page = shop.send_raw("/new-export", moved(shop, action="check"))
    assert faults(page)["list"] == WORDS
    assert '<div id="lists" hx-swap-oob="true">' in page.html
    assert "(no. 12, " in page.text
    again = shop.send_raw("/new-export", filled(begun_of(shop), connection="brevo-shop", lists_of="brevo-shop"))
    assert 'id="lists"' not in again.html
    assert "list" not in faults(again)


def begun_of(browser):
    del browser.headers["hx-request"]
    page = begun(browser)
    browser.headers["hx-request"] = "true"
    return page


def test_export_that_is_detached_keeps_its_list(shop):
    path = f"/exports/{shop.flow.export_id}/edit"
    page = shop.open(path)
    values = filled(page, lists_of=page.hidden("lists_of"), connection="", etag=page.hidden("etag"), action="save")
    assert shop.send_raw(path, values).to.endswith("?done=saved")
    assert shop.flow.app.document().export(shop.flow.export_id).list_id == 12


def edited(browser, **changes):
    path = f"/exports/{browser.flow.export_id}/edit"
    page = browser.open(path)
    values = filled(page, etag=page.hidden("etag"), connection="brevo-shop", lists_of="brevo-shop", action="save")
    return browser.send_raw(path, {**values, **changes})


def test_excluded_lists_of_the_one_account_do_not_become_other_lists_of_the_other(shop, monkeypatch):
    """The form does not show them: who is excluded would be sent, and others would not."""
    shop.flow.sandbox.seed(lists=[{"id": 77, "name": "Staff", "folderId": 1}])
    shop.configure(exclude={"list_ids": [77]})
    assert edited(shop).to.endswith("?done=saved"), "both connections have the key of one account"
    shop.configure(connection="brevo-eu")
    monkeypatch.setenv("OTHER_KEY", shop.flow.sandbox.api_key)
    shop.flow.connections[1]["api_key"] = {"setting": "OTHER_KEY"}
    shop.configure()
    page = edited(shop)
    assert page.status == 400
    assert "Its excluded lists are numbers of the connection before" in page.text
    assert shop.flow.app.document().export(shop.flow.export_id).connection == "brevo-eu"


def test_excluded_lists_of_a_detached_export_are_those_of_the_account_that_it_ran_with(shop, monkeypatch):
    """A connection is removed once its exports are detached: nothing else says then whose numbers they are."""
    shop.flow.sandbox.seed(lists=[{"id": 77, "name": "Staff", "folderId": 1}])
    shop.configure(exclude={"list_ids": [77]})
    shop.flow.run()
    monkeypatch.setenv("OTHER_KEY", shop.flow.sandbox.api_key)
    shop.flow.connections[1]["api_key"] = {"setting": "OTHER_KEY"}
    shop.configure(connection=None)
    page = edited(shop)
    assert page.status == 400
    assert "Its excluded lists are numbers of the connection before" in page.text
    assert edited(shop, connection="brevo-eu", lists_of="brevo-eu").to.endswith("?done=saved")
