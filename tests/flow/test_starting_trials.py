"""A trial is started by a request or from the terminal, which say what it is."""

import json

import pytest

from tests.flow.asking import ROUTES
from tests.flow.described import check_described
from tests.flow.terminal import typed_command
from tests.flow.trials import TRIALS, addresses


def test_request_starts_a_trial_whose_status_says_what_it_is(asked):
    flow = asked.flow
    flow.sandbox.seed(lists=[{"name": "Trials", "id": TRIALS}])
    answer = asked("start_trial", "administrator", body={"list_id": TRIALS, "customers": 1})
    check_described(ROUTES["start_trial"], answer)
    started = json.loads(answer.get_body())
    assert (answer.status_code, started["is_new"]) == (202, True)
    assert answer.headers["Location"] == f"/api/runs/{started['run_id']}"
    again = asked("start_trial", "administrator", body={"list_id": TRIALS, "customer_ids": ["1"]})
    check_described(ROUTES["start_trial"], again)
    assert (again.status_code, json.loads(again.get_body())["type"][-12:]) == (409, "trial_active")
    status = flow.finish(started["run_id"])
    shown = asked("show_run", "administrator", id=started["run_id"])
    check_described(ROUTES["show_run"], shown)
    assert json.loads(shown.get_body())["list_name"] == "Trials" == status["list_name"]
    assert json.loads(asked("list_exports", "administrator").get_body())[0]["last_run"] is None
    [line] = json.loads(asked("show_audit", "administrator").get_body())
    assert (line["what"], line["target"], line["detail"]) == ("try export", flow.export_id, started["run_id"])


@pytest.mark.parametrize("ids", [["ana@example.com"], ["two\nlines"], [" "]])
def test_request_with_what_is_no_customer_id_is_answered_with_422_without_the_id(asked, ids):
    answer = asked("start_trial", "administrator", body={"list_id": TRIALS, "customer_ids": ids})
    check_described(ROUTES["start_trial"], answer)
    assert answer.status_code == 422
    assert b"ana@" not in answer.get_body()


def test_contributor_starts_a_trial_only_where_the_connection_is_shared(asked):
    assert asked("start_trial", "contributor", body={"list_id": TRIALS}).status_code == 403


@pytest.fixture
def typed(trying, monkeypatch):
    """Types a command; its exit status, output and words on standard error."""
    monkeypatch.setattr("shared.app.open_app", lambda: trying.app)
    monkeypatch.setenv("EXPORT_CONFIG", trying.app.settings.export_config)
    return typed_command


def test_terminal_tries_named_customers_and_waits(trying, typed):
    words = ("trial", trying.export_id, "--list", "99", "--customer-id", "C-4", "--customer-id", "C-8", "--wait")
    status, out, _ = typed(*words)
    assert status == 0
    assert "trial of 2 customers to list 99 (Trials)" in out
    assert "2 confirmed" in out
    assert set(trying.sandbox.members(TRIALS)) == addresses(4, 8)


def test_terminal_starts_a_trial_of_twenty_and_shows_the_last_real_run_apart_from_it(trying, typed):
    assert "never" in typed("status")[1]
    status, out, _ = typed("trial", trying.export_id, "--list", "99", "--json")
    found = json.loads(out)
    assert (status, found["kind"], found["customers"], found["status"]) == (0, "trial", 20, "queued")
    trying.finish(found["run_id"])
    assert "never" in typed("status")[1]
    real = trying.run()
    trying.finish(json.loads(typed("trial", trying.export_id, "--list", "99", "--json")[1])["run_id"])
    assert [each["run_id"] for each in json.loads(typed("status", "--json")[1])] == [real["run_id"]]
    assert json.loads(typed("exports", "--json", "--sort", "last_run")[1])[0]["last_run"]["run_id"] == real["run_id"]


@pytest.mark.parametrize(
    "words",
    [
        ("--customers", "5"),
        ("--list", "99", "--customers", "0"),
        ("--list", "99", "--customers", "101"),
        ("--list", "99", "--customers", "5", "--customer-id", "C-1"),
        ("--list", "12"),
        ("--list", "98"),
    ],
)
def test_terminal_refuses_a_trial_that_cannot_be(trying, typed, words):
    status, _, told = typed("trial", trying.export_id, *words)
    assert status == 2
    assert told
    assert trying.app.store.active(trying.export_id) is None
