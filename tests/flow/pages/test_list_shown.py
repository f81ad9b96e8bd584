"""The list that pages show of an export is the one that it has now, as the newest run of any kind has found it."""

import re

import pytest

from shared.administration.ending import take_members_out
from shared.administration.running import cancel_run, start_plan
from tests.flow.trials import ADMINISTRATOR, TRIALS, run_trial


@pytest.fixture
def shown(browser):
    """What the two pages say of the list."""

    def read():
        export = browser.flow.export_id
        return [browser.open(path).text for path in (f"/exports/{export}", f"/exports/{export}/state")]

    browser.flow.sandbox.seed(lists=[{"name": "Trials", "id": TRIALS}])
    browser.flow.run()
    browser.name = browser.flow.sandbox.account.lists[12].name
    return read


def test_name_of_a_trials_list_is_not_taken_for_that_of_the_exports(browser, shown):
    run_trial(browser.flow)
    for text in shown():
        assert f"{browser.name} (no. 12)" in text


def test_name_and_members_of_the_list_before_are_not_taken_for_those_of_another_list(browser, shown):
    browser.configure(sync_mode="mirror", max_removed=1)
    browser.flow.run()
    assert "2 members" in shown()[1]
    browser.configure(list_id=TRIALS)
    for text in shown():
        assert browser.name not in text
        assert "2 members" not in text


def test_held_removal_of_members_is_what_the_state_of_its_export_leads_to(browser, shown):
    started = take_members_out(browser.flow.app, ADMINISTRATOR, "remove_export", browser.flow.export_id, "http")
    assert browser.flow.finish(started.run_id)["status"] == "held"
    assert f"/runs/{started.run_id}" in browser.open(f"/exports/{browser.flow.export_id}/state").html
    assert "Removal of members: waits for approval." in shown()[1]


def test_members_are_those_that_the_list_has_not_what_a_held_plan_would_make_of_it(browser, shown):
    browser.configure(sync_mode="mirror", max_removed=1)
    browser.flow.run()
    browser.flow.segment("CustomerId,EMail,FirstName\n1,ana@example.com,Ana\n", refresh="2026/11/25/0500")
    plan = start_plan(browser.flow.app, ADMINISTRATOR, browser.flow.export_id, "http").run_id
    assert browser.flow.finish(plan)["list_after"] == 1
    assert "2 members" in shown()[1]
    assert "2 before, 1 after" in browser.open(f"/runs/{plan}").text
    cancel_run(browser.flow.app, ADMINISTRATOR, plan)
    assert "2 before" in (text := browser.open(f"/runs/{plan}").text)
    assert "2 before, 1 after" not in text


def test_members_are_counted_again_by_a_removal_of_members(browser, shown):
    browser.configure(sync_mode="mirror", max_removed=1)
    browser.flow.run()
    how = {"accept": True}
    started = take_members_out(browser.flow.app, ADMINISTRATOR, "remove_export", browser.flow.export_id, "http", **how)
    assert browser.flow.finish(started.run_id)["status"] == "succeeded"
    assert "0 members" in shown()[1]


def test_plan_that_was_cancelled_or_had_nothing_to_do_is_no_empty_list_in_the_plots(browser):
    browser.configure(sync_mode="changes_only")
    browser.flow.run()
    export = browser.flow.export_id
    browser.send(f"/exports/{export}/plan", page="/")
    browser.flow.work_until(lambda: browser.flow.app.store.active(export) is None)
    browser.configure(sync_mode="full")
    browser.flow.run()
    plan = browser.send(f"/exports/{export}/plan", page="/").to
    browser.flow.work_until(lambda: next(browser.flow.app.store.latest(export)).is_held)
    for wanted in (2, 2):
        for page in (f"/exports/{export}/state", f"/exports/{export}"):
            bars = re.findall(r'<rect class="bar"[^>]* height="(\d+)"', browser.open(page).html.split("</svg>")[0])
            assert len(bars) == wanted, page
            assert len(set(bars)) == 1, page
        if not next(browser.flow.app.store.latest(export)).is_final:
            browser.send(f"{plan}/cancel", page=plan)


def test_list_whose_name_is_not_known_is_shown_by_its_number_as_everywhere(browser, monkeypatch):
    monkeypatch.delenv(browser.flow.connection["api_key"]["setting"])
    run_id = browser.flow.run()["run_id"]
    assert "List no. 12 " in browser.open(f"/runs/{run_id}").text
    assert "List no. 12 " in browser.open("/").text
