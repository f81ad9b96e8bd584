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
