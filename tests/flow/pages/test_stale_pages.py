"""Pages that are older than what they show: a decision made there changes nothing that has moved on since."""

from dataclasses import replace

from shared.administration.running import approve_run
from tests.flow.clearing import ADMINISTRATOR
from tests.flow.pages.browsing import form_of, held


def test_plan_that_a_colleague_has_approved_is_not_rejected_by_a_page_that_shows_it_held(browser):
    there = held(browser)
    run_id = there.rsplit("/", 1)[1]
    form = form_of(browser.open(there), "Reject")
    approve_run(browser.flow.app, ADMINISTRATOR, run_id)
    refused = browser.send_raw(f"{there}/cancel", form)
    assert refused.status == 409
    assert "is not held: it is queued." in refused.text
    assert "has approved it." in refused.text
    assert browser.flow.finish(run_id)["status"] == "succeeded_with_rejections"


def test_plan_that_was_held_again_is_neither_rejected_nor_approved_by_the_page_before(browser):
    there = held(browser)
    run_id = there.rsplit("/", 1)[1]
    page = browser.open(there)
    store = browser.flow.app.store
    store.update(run_id, lambda run: replace(run, rejected_id="made-again"))
    for what, button in (("cancel", "Reject"), ("approve", "Approve")):
        refused = browser.send_raw(f"{there}/{what}", form_of(page, button))
        assert (refused.status, "was made again since you have seen it" in refused.text) == (409, True)
    assert store.load(run_id).is_held
    assert browser.send_raw(f"{there}/cancel", form_of(browser.open(there), "Reject")).to.endswith("?done=rejected")


def test_plan_that_was_approved_and_sent_says_so_to_who_approves_it_on_the_page_before(browser):
    there = held(browser)
    run_id = there.rsplit("/", 1)[1]
    form = form_of(browser.open(there), "Approve")
    approve_run(browser.flow.app, ADMINISTRATOR, run_id)
    browser.flow.finish(run_id)
    refused = browser.send_raw(f"{there}/approve", form)
    assert (refused.status, "it is succeeded with rejections" in refused.text) == (409, True)


def test_run_is_cancelled_by_a_page_that_shows_it_before_it_was_held(browser):
    export = browser.flow.export_id
    browser.configure(max_profiles=1)
    there = browser.send(f"/exports/{export}/run", page="/").to
    form = form_of(browser.open(there), "Cancel")
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    assert browser.send_raw(f"{there}/cancel", form).to.endswith("?done=rejected")


def test_run_that_was_to_end_one_plan_does_not_end_another(browser):
    export = browser.flow.export_id
    first = held(browser)
    asked = browser.send(f"/exports/{export}/run", page="/")
    sure = {"token": asked.hidden("token"), "sure": asked.hidden("sure")}
    second = held(browser)
    assert second != first
    again = browser.send_raw(f"/exports/{export}/run", sure)
    assert (again.status, f'href="{second}"' in again.html) == (200, True)
    store = browser.flow.app.store
    assert store.active(export) == second.rsplit("/", 1)[1]
    sure = {"token": again.hidden("token"), "sure": again.hidden("sure")}
    assert second not in browser.send_raw(f"/exports/{export}/run", sure).to
    assert store.load(second.rsplit("/", 1)[1]).error.code == "superseded"


def test_consent_is_for_the_connection_as_the_page_has_shown_it(browser):
    browser.send("/new-connection", id="second", display_name="Second", key_setting="OTHER_KEY")
    page = browser.open("/connections/second")
    typed = {"agree": "yes", "agreed_by": "Ana Ionescu"}
    form = {**form_of(page, "Test, and connect"), **typed}
    setting = browser.flow.connection["api_key"]["setting"]
    browser.send("/connections/second/edit", display_name="Second", key_setting=setting)
    refused = browser.send_raw("/connections/second/connect", form)
    assert (refused.status, "somebody has changed or removed it meanwhile" in refused.text) == (412, True)
    form = {**form_of(browser.open("/connections/second"), "Test, and connect"), **typed}
    for _ in range(2):  # by a second click, too
        assert "Every step passed" in browser.send_raw("/connections/second/connect", form).text
    assert "given on" in browser.open("/connections/second").text


def test_schedule_that_somebody_has_changed_keeps_what_was_typed_and_leads_to_what_is_there(browser):
    path = f"/exports/{browser.flow.export_id}/schedule"
    old = browser.open(path)
    browser.configure(schedule="with_refresh")
    typed = {"schedule": "cron", "cron": "15 7 * * 1-5", "time_zone": "Europe/Bucharest"}
    page = browser.send_raw(path, {"token": old.hidden("token"), "etag": old.hidden("etag"), **typed})
    assert (page.status, 'value="15 7 * * 1-5"' in page.html) == (412, True)
    assert "somebody has changed or removed it meanwhile" in page.text
    assert f'<a href="/api/pages{path}">Open the export as it is now' in page.html


def test_connection_that_somebody_has_changed_leads_to_what_is_there(browser):
    path = "/connections/brevo-eu/edit"
    typed = {"display_name": "Mine", "key_setting": browser.flow.connection["api_key"]["setting"]}
    form = {**typed, **{name: browser.open(path).hidden(name) for name in ("token", "etag")}}
    browser.send(path, **{**typed, "display_name": "Theirs"})
    page = browser.send_raw(path, form)
    assert (page.status, 'value="Mine"' in page.html) == (412, True)
    assert f'<a href="/api/pages{path}">Open the connection as it is now' in page.html
