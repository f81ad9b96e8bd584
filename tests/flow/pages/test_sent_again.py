"""Decisions whose form is sent twice, by a second click or a page that is loaded again: they lead to the same."""

import pytest

from tests.flow.asking import principal
from tests.flow.pages.browsing import form_of, held


def twice(browser, path, page="", **values):
    """Where the first and the second of two alike lead."""
    shown = browser.open(page or path)
    form = {"token": shown.hidden("token"), **values}
    if 'name="etag"' in shown.html:
        form["etag"] = shown.hidden("etag")
    first = browser.send_raw(path, form).to
    return first, browser.send_raw(path, form).to


def decided_twice(browser, there, button, what):
    form = form_of(browser.open(there), button)
    return browser.send_raw(f"{there}/{what}", form).to, browser.send_raw(f"{there}/{what}", form)


def test_copy_is_one(browser):
    first, second = twice(browser, f"/exports/{browser.flow.export_id}/duplicate", id="the-copy", display_name="")
    assert first == second == "/api/pages/exports/the-copy/edit?done=duplicated"
    page = browser.send(f"/exports/{browser.flow.export_id}/duplicate", id="the-copy", display_name="Another")
    assert (page.status, "There is an export of this id already" in page.text) == (400, True)


@pytest.mark.parametrize("what", ["detach", "remove"])
def test_export_ends_once(browser, what):
    first, second = twice(browser, f"/exports/{browser.flow.export_id}/{what}", members="stay")
    assert first == second == f"/api/pages/?done={what.removesuffix('e')}ed"


def test_connection_is_disconnected_and_removed_once(browser):
    browser.send("/new-connection", id="second", display_name="Second", key_setting="SECOND_KEY")
    first, second = twice(browser, "/connections/brevo-eu/disconnect", page="/connections/brevo-eu")
    assert first == second == "/api/pages/connections/brevo-eu?done=disconnected"
    first, second = twice(browser, "/connections/second/remove", page="/connections/second")
    assert first == second == "/api/pages/connections?done=connection_removed"


def test_version_comes_back_once_also_where_its_answer_is_loaded_again(browser):
    browser.send(f"/exports/{browser.flow.export_id}/schedule", schedule="with_refresh", time_zone="UTC")
    page = browser.open("/history")
    form = {name: page.hidden(name) for name in ("token", "etag", "version")}
    assert "The older configuration is back." in browser.send_raw("/history/restore", form).text
    again = browser.open(browser.send_raw("/history/restore", form).to)
    assert "The older configuration is back. Nothing was sent." in again.text
    browser.send(f"/exports/{browser.flow.export_id}/schedule", schedule="times", at="06:30", time_zone="UTC")
    assert browser.send_raw("/history/restore", form).status == 412


@pytest.mark.parametrize("what", ["verify", "plan", "run"])
def test_run_is_started_once(browser, what):
    first, second = twice(browser, f"/exports/{browser.flow.export_id}/{what}", page="/")
    assert first == second


def test_plan_is_approved_once(browser):
    there = held(browser)
    first, second = decided_twice(browser, there, "Approve", "approve")
    assert first == second.to == f"{there}?done=approved"
    assert "Approved. The run goes on." in browser.open(first).text
    browser.flow.finish(there.rsplit("/", 1)[1])
    page = browser.open(first)
    assert ("succeeded" in page.text, "The run goes on" in page.text) == (True, False)


def test_plan_is_rejected_once(browser):
    there = held(browser)
    first, second = decided_twice(browser, there, "Reject", "cancel")
    assert first == second.to == f"{there}?done=rejected"
    assert "Rejected. Nothing was sent" in browser.open(first).text


def test_run_is_cancelled_once(browser):
    there = browser.send(f"/exports/{browser.flow.export_id}/run", page="/").to
    first, second = decided_twice(browser, there, "Cancel", "cancel")
    assert first == second.to == f"{there}?done=cancelled"


def test_what_another_person_has_decided_is_said_to_who_decides_it_again(browser):
    there = held(browser)
    for button, what, words in (("Approve", "approve", "is not held"), ("Cancel", "cancel", "has ended already")):
        form = form_of(browser.open(there), button)
        browser.send_raw(f"{there}/{what}", form)
        browser.role, browser.headers = None, principal("administrator", f"id-after-{what}")
        token = browser.open("/view").hidden("token")
        refused = browser.send_raw(f"{there}/{what}", {**form, "token": token})
        assert (refused.status, words in refused.text) == (409, True)


def test_address_of_an_answer_says_of_a_run_only_what_is_so(browser):
    there = browser.send(f"/exports/{browser.flow.export_id}/run", page="/").to
    browser.flow.finish(there.rsplit("/", 1)[1])
    for done in ("approved", "rejected", "cancelled", "saved"):
        assert 'class="done"' not in browser.open(f"{there}?done={done}").html
