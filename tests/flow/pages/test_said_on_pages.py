"""The pages of a viewer who reads Romanian say nothing in English, whatever state the runs are in."""

import re
from html import unescape

import pytest

from shared.runs.holding import approve
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.flow.holding import plan
from tests.flow.pages.browsing import CSV
from tests.flow.pages.export_form import begun, filled

# Words that no Romanian text has; a name of the configuration may hold one within it, as list_id does.
ENGLISH = re.compile(
    r"\b(the|is|was|were|of|and|not|with|has|which|from|this|that|it|its|would|there|to|by|been|at|in|files?"
    r"|address|(?<!-)rows?|customer id|for|on|since|until|before|after|no|days?|hours?)\b",
    re.I,
)
UNSAID = re.compile(r"<(code|pre|title|script|style|footer)\b.*?</\1>|<[^>]+>", re.DOTALL)


def english_in(page):
    """What a page has of English, without commands and code."""
    text = unescape(UNSAID.sub(" | ", page.html))
    return [part.strip() for part in text.split("|") if ENGLISH.search(part)]


@pytest.fixture
def romanian(browser):
    """A browser that asks for Romanian."""
    browser.headers["accept-language"] = "ro"
    return browser


def shows_no_english(browser, *paths):
    for path in paths:
        page = browser.open(path)
        assert page.status in (200, 404, 403, 409), page.text
        assert english_in(page) == [], path


def test_main_pages_are_romanian_before_any_run_and_after_one_that_succeeded(romanian):
    paths = (
        "/?state=1",
        "/connections",
        "/connections/brevo-eu",
        "/person",
        "/health?now=1",
        "/history",
        "/new-export",
    )
    shows_no_english(romanian, *paths)
    run_id = romanian.flow.run()["run_id"]
    shows_no_english(
        romanian, *paths, f"/runs/{run_id}", f"/exports/{romanian.flow.export_id}", "/runs/none", "/nothing"
    )


def test_run_that_waits_is_approved_and_goes_on_in_romanian(romanian):
    flow = romanian.flow
    run_id = plan(flow).run_id
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1", "/health?now=1")
    flow.finish(run_id)
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1", "/health?now=1")
    approve(flow.app, find_run(flow.app, run_id), "ana")
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1")
    flow.finish(run_id)
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1", "/history")


def test_run_that_a_guard_holds_and_a_person_rejects_is_romanian(romanian, asked):
    flow = romanian.flow
    flow.change(max_profiles=1)
    asked.save()
    run_id = flow.run_is_held("guard_max_profiles")["run_id"]
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1", "/health?now=1")
    request_cancel(flow.app, find_run(flow.app, run_id), "ana")
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1", "/health?now=1")


def test_run_that_failed_says_why_in_romanian(romanian):
    flow = romanian.flow
    flow.sandbox.account.lists.pop(flow.list_id)
    run_id = flow.run_fails("list_missing")["run_id"]
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1", "/health?now=1")


def test_segment_that_is_broken_is_told_in_romanian(romanian):
    flow = romanian.flow
    flow.segment(f'{CSV}4,"dan@example.com,Dan\n', refresh="2026/11/24/0700")
    run_id = flow.run_fails("quote_open")["run_id"]
    shows_no_english(romanian, f"/runs/{run_id}", "/?state=1", "/health?now=1")


def test_form_says_its_faults_in_romanian(romanian):
    form = begun(romanian)
    for values in (
        {"id": "Not An Id", "email": "Nothing"},
        {"list_id": "99"},
        {"sync_mode": "mirror", "action": "preview"},
    ):
        page = romanian.send_raw("/new-export", filled(form, **{"action": "check", **values}))
        assert english_in(page) == [], values


def test_answer_about_a_person_is_romanian(romanian):
    flow = romanian.flow
    for email in ("ana@example.com", "nobody@example.com", "no address", "ben@example.com"):
        page = romanian.send("/person", export=flow.export_id, email=email)
        assert english_in(page) == [], email
        flow.run()


def test_test_of_a_connection_is_romanian(romanian, monkeypatch):
    path = "/connections/brevo-eu"
    assert english_in(romanian.send(f"{path}/connect", page=path)) == []
    monkeypatch.delenv(romanian.flow.connection["api_key"]["setting"])
    assert english_in(romanian.send(f"{path}/connect", page=path)) == []


def test_history_is_romanian(romanian):
    export = f"/exports/{romanian.flow.export_id}"
    romanian.flow.run()
    for path, page in ((f"{export}/verify", export), (f"{export}/reset", export), (f"{export}/detach", "")):
        romanian.send(path, page=page)
    romanian.send(f"{export}/duplicate", id="second", display_name="Second")
    romanian.send("/connections/brevo-eu/disconnect", page="/connections/brevo-eu")
    shows_no_english(romanian, "/history")
    assert "retragerea consimțământului" in romanian.open("/history").text


def test_english_sentence_would_be_noticed(romanian, monkeypatch):
    assert english_in(romanian.open("/runs/none")) == []
    romanian.headers["accept-language"] = "en"
    assert "There is no such run." in english_in(romanian.open("/runs/none"))


def test_types_of_the_accounts_attributes_are_romanian(romanian):
    text = romanian.open("/connections/brevo-eu/attributes").text
    assert "BIRTHDAY dată" in text
    for english in ("read only", "multiple choice", "number", "category", "boolean"):
        assert english not in text
