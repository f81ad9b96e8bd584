"""What a plan would change, shown for a few masked contacts beside what Brevo has at that moment."""

import pytest

from shared.administration import plan_examples
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.flow.holding import approved, plan

NAMES = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Filip", "Gina")
LATER = "2026/11/25/0500"
STAGED = "staged"


def rows(*values):
    lines = (f"{n},{name.lower()}@example.com,{first}\n" for n, (name, first) in enumerate(values))
    return "CustomerId,EMail,FirstName\n" + "".join(lines)


@pytest.fixture
def planned(browser, asked):
    """A plan that would change all seven contacts' first names; `change` is what the export has besides."""
    flow = browser.flow
    flow.change(sync_mode="changes_only", max_warnings=1)
    asked.save()

    def make(change=lambda name: f"{name}{name}", **changes):
        if changes:
            flow.change(**changes)
            asked.save()
        flow.segment(rows(*((name, name) for name in NAMES)))
        assert flow.run()["status"].startswith("succeeded")
        flow.segment(rows(*((name, change(name)) for name in NAMES)), refresh=LATER)
        found = flow.finish(plan(flow).run_id)
        assert (found["status"], found["contacts_changed"]) == ("held", len(NAMES))
        return found["run_id"]

    return make


def kept(flow):
    return [blob.name for blob in flow.app.storage.app_blobs.listing(STAGED, "")]


def asked_of_brevo(flow):
    return sum(flow.sandbox.log.totals().values())


def test_five_changed_contacts_are_shown_with_old_and_new_values_masked(browser, planned):
    run_id = planned()
    shown = browser.open(f"/runs/{run_id}")
    assert f'hx-get="/api/pages/runs/{run_id}/changes"' in shown.html
    before = asked_of_brevo(browser.flow)
    page = browser.open(f"/runs/{run_id}/changes")
    assert asked_of_brevo(browser.flow) == before + 5
    assert page.text.count("FIRSTNAME") == 5
    assert "a••@e••••••.com FIRSTNAME A•• A•••••" in page.text
    assert "e••@e••••••.com FIRSTNAME E•• E•••••" in page.text
    for secret in ("ana@example.com", "Ana", "AnaAna"):
        assert secret not in page.html
    assert page.headers["cache-control"] == "no-store"


def test_plan_itself_asks_brevo_nothing(browser, planned):
    run_id = planned()
    before = asked_of_brevo(browser.flow)
    assert browser.open(f"/runs/{run_id}").status == 200
    assert asked_of_brevo(browser.flow) == before


def test_script_gets_the_part_alone(browser, planned):
    run_id = planned()
    browser.headers["hx-request"] = "true"
    page = browser.open(f"/runs/{run_id}/changes")
    assert page.status == 200
    assert "<html" not in page.html
    assert page.text.count("FIRSTNAME") == 5


@pytest.mark.parametrize(("role", "shared"), [("guest", True), ("viewer", True), ("contributor", False)])
def test_values_of_customers_are_shown_to_nobody_who_may_not_preview_the_export(browser, planned, asked, role, shared):
    browser.flow.connection["available_to"] = ["administrator", *(["contributor", "viewer"] if shared else [])]
    run_id = planned()
    browser.role, before = role, asked_of_brevo(browser.flow)
    assert browser.open(f"/runs/{run_id}/changes").status == 403
    assert "/changes" not in browser.open(f"/runs/{run_id}").html
    assert asked_of_brevo(browser.flow) == before
    browser.flow.connection["available_to"] = ["administrator", "contributor"]
    asked.save()
    browser.role = "contributor"
    assert f'/api/pages/runs/{run_id}/changes"' in browser.open(f"/runs/{run_id}").html
    assert browser.open(f"/runs/{run_id}/changes").text.count("FIRSTNAME") == 5


def test_only_attributes_that_differ_are_shown(browser, planned):
    run_id = planned()
    browser.flow.sandbox.seed(contacts=[{"email": "ana@example.com", "attributes": {"FIRSTNAME": "AnaAna"}}])
    page = browser.open(f"/runs/{run_id}/changes")
    assert "a••@e••••••.com Brevo has these values already." in page.text
    assert page.text.count("FIRSTNAME") == 4


def test_contact_that_brevo_lost_is_told_and_the_others_are_shown(browser, planned):
    run_id = planned()
    account = browser.flow.sandbox.account
    account.delete(account.contacts["ana@example.com"])
    page = browser.open(f"/runs/{run_id}/changes")
    assert page.status == 200
    assert "a••@e••••••.com Brevo has no such contact now: it would be made." in page.text
    assert page.text.count("FIRSTNAME") == 4


def test_brevo_that_does_not_answer_is_told_and_nothing_else_fails(browser, planned, monkeypatch):
    run_id = planned()
    monkeypatch.delenv(browser.flow.connection["api_key"]["setting"])
    page = browser.open(f"/runs/{run_id}/changes")
    assert page.status == 200
    assert "Brevo could not be asked what it has now." in page.text
    assert browser.open(f"/runs/{run_id}").status == 200


def test_run_that_changes_nobody_has_no_examples(browser):
    browser.flow.segment(rows(*((name, name) for name in NAMES)))
    run_id = browser.flow.finish(plan(browser.flow).run_id)["run_id"]
    assert kept(browser.flow) == []
    assert "/changes" not in browser.open(f"/runs/{run_id}").html
    assert "No examples of changed customers are kept" in browser.open(f"/runs/{run_id}/changes").text


def test_examples_are_gone_with_the_end_of_the_run(browser, planned):
    flow, run_id = browser.flow, planned()
    assert [name.partition("/")[0] for name in kept(flow)] == [run_id]
    request_cancel(flow.app, find_run(flow.app, run_id), "ana")
    flow.finish(run_id)
    assert kept(flow) == []
    assert "No examples" in browser.open(f"/runs/{run_id}/changes").text


def test_examples_are_gone_once_an_approved_plan_has_been_sent(browser, planned):
    flow, run_id = browser.flow, planned()
    approved(flow, run_id)
    assert flow.finish(run_id)["contacts_confirmed"] == len(NAMES)
    assert kept(flow) == []


def test_contacts_that_brevo_told_before_it_failed_are_shown(browser, planned, monkeypatch):
    run_id = planned()
    monkeypatch.setattr(plan_examples, "find_single", after(2, plan_examples.find_single, browser.flow.sandbox))
    page = browser.open(f"/runs/{run_id}/changes")
    assert page.status == 200
    assert page.text.count("FIRSTNAME") == 2
    assert "Brevo could not be asked what it has now." in page.text
    assert "@example.com" not in page.html


def after(count, find, sandbox):
    """`find`, but after so many calls Brevo fails at every one."""
    made = []

    def found(*asked):
        made.append(asked)
        if len(made) > count:
            sandbox.fail_next("*", "503", times=9)
        return find(*asked)

    return found
