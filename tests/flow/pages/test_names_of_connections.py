"""Connections that are not shared with a role: their exports are shown, and not their names."""

import pytest


@pytest.mark.parametrize("role", ["contributor", "viewer"])
def test_name_of_a_connection_that_is_not_shared_is_not_shown_with_its_exports(browser, role):
    browser.flow.connection["display_name"] = "The merger's account"
    browser.configure()
    export = f"/exports/{browser.flow.export_id}"
    browser.flow.run()
    for path in ("/", "/?state=1", export):
        assert "The merger's account" in browser.open(path).text
    browser.role = role
    for path in ("/", "/?state=1", export):
        page = browser.open(path)
        assert (page.status, "The merger's account" in page.text, "brevo-eu" in page.text) == (200, False, True), path


def test_who_may_use_no_connection_is_not_left_before_an_empty_choice(browser):
    browser.flow.connections[0]["available_to"] = ["administrator"]
    browser.configure()
    browser.role = "contributor"
    begin = browser.open("/new-export")
    assert "There is no connection that you may use. An administrator can share one with your role" in begin.text
    person = browser.open("/person")
    assert "There is no export that you may ask about." in person.text
    assert "<form" not in begin.html + person.html
    browser.role = "administrator"
    browser.flow.connections.clear()
    browser.configure(connection=None)
    assert 'href="/api/pages/new-connection">Add connection' in browser.open("/new-export").html
