"""A change or a decision by the API is for what was seen, also where it comes a second time."""

import json

import pytest

from shared.runs import holding
from tests.flow.asking import ROUTES
from tests.flow.described import check_described
from tests.flow.trials import people

ADMINISTRATOR = "administrator"
STALE = (409, "urn:segment-export:problem:plan_outdated")


def answered(answer):
    return answer.status_code, json.loads(answer.get_body()).get("type")


@pytest.fixture
def outgrown(asked):
    """A held run that would be held again once approved, since it would send more; with the ETag of what it shows."""
    flow = asked.flow
    flow.change(exclude={"segments": ["Staff"]})
    asked.save()
    flow.segment(people(4))
    flow.segment("CustomerId,EMail\nS-1,person1@example.com\nS-2,x@example.com\n", name="Staff")
    run_id = json.loads(asked("plan_export", ADMINISTRATOR).get_body())["run_id"]
    assert "ETag" not in asked("show_run", ADMINISTRATOR, id=run_id).headers
    flow.finish(run_id)
    shown = asked("show_run", ADMINISTRATOR, id=run_id)
    check_described(ROUTES["show_run"], shown)
    flow.segment("CustomerId,EMail\nS-2,x@example.com\n", name="Staff", refresh="2026/11/24/0600")
    return run_id, shown.headers["ETag"]


@pytest.fixture
def held_again(asked, outgrown):
    """The same, approved and held again; with the ETag of what was shown first."""
    run_id, seen = outgrown
    assert asked("approve_run", ADMINISTRATOR, headers={"If-Match": seen}, id=run_id).status_code == 202
    assert asked.flow.finish(run_id)["held_for"]["code"] == "plan_outgrown"
    return outgrown


@pytest.mark.parametrize("name", ["approve_run", "cancel_run"])
def test_decision_that_is_sent_twice_is_not_taken_for_what_was_shown_since(asked, held_again, name):
    run_id, seen = held_again
    again = asked(name, ADMINISTRATOR, headers={"If-Match": seen}, id=run_id)
    assert answered(again) == STALE
    check_described(ROUTES[name], again)
    assert (asked.flow.status(run_id)["status"], asked.flow.nothing_was_sent()) == ("held", True)


@pytest.mark.parametrize("with_etag", [True, False])
def test_approval_that_another_one_overtakes_is_not_taken_for_what_the_run_is_held_with_since(
    asked, outgrown, monkeypatch, with_etag
):
    run_id, seen = outgrown
    headers, newest, others = {"If-Match": seen} if with_etag else {}, holding.own_snapshot, []

    def overtaken(*arguments):
        if not others:
            others.append(None)
            others[0] = asked("approve_run", ADMINISTRATOR, headers={"If-Match": seen}, id=run_id)
            asked.flow.finish(run_id)
        return newest(*arguments)

    monkeypatch.setattr(holding, "own_snapshot", overtaken)
    late = asked("approve_run", ADMINISTRATOR, headers=headers, id=run_id)
    assert (others[0].status_code, answered(late)) == (202, STALE)
    assert (asked.flow.status(run_id)["status"], asked.flow.nothing_was_sent()) == ("held", True)


@pytest.mark.parametrize("choice", ["seen", "*", ""])
def test_decision_for_what_is_shown_now_counts(asked, held_again, choice):
    run_id, _ = held_again
    etag = asked("show_run", ADMINISTRATOR, id=run_id).headers["ETag"] if choice == "seen" else choice
    assert asked("approve_run", ADMINISTRATOR, headers={"If-Match": etag}, id=run_id).status_code == 202
    assert asked.flow.finish(run_id)["contacts_confirmed"] == 4


def test_rejection_of_a_plan_does_not_stop_the_run_that_somebody_has_approved(asked):
    asked.flow.segment(people(2))
    run_id = json.loads(asked("plan_export", ADMINISTRATOR).get_body())["run_id"]
    asked.flow.finish(run_id)
    seen = {"If-Match": asked("show_run", ADMINISTRATOR, id=run_id).headers["ETag"]}
    assert asked("approve_run", ADMINISTRATOR, headers=seen, id=run_id).status_code == 202
    late = asked("cancel_run", ADMINISTRATOR, headers=seen, id=run_id)
    assert answered(late) == (409, "urn:segment-export:problem:run_not_held")
    assert asked.flow.finish(run_id)["status"] == "succeeded"


def test_save_that_is_sent_twice_since_its_answer_was_lost_says_twice_that_it_is_saved(asked):
    for kind, path in (("export", {}), ("connection", {"id": "brevo-eu"})):
        shown = asked(f"show_{kind}", ADMINISTRATOR, **path)
        changed = json.loads(shown.get_body()) | {"display_name": "Another name"}
        sent = {"headers": {"If-Match": shown.headers["ETag"]}, **path}
        first = asked(f"save_{kind}", ADMINISTRATOR, body=changed, **sent)
        versions = json.loads(asked("list_history", ADMINISTRATOR).get_body())
        again = asked(f"save_{kind}", ADMINISTRATOR, body=changed, **sent)
        assert (first.status_code, again.status_code) == (200, 200), kind
        assert (first.get_body(), first.headers["ETag"]) == (again.get_body(), again.headers["ETag"])
        assert json.loads(asked("list_history", ADMINISTRATOR).get_body()) == versions
        other = asked(f"save_{kind}", ADMINISTRATOR, body=changed | {"display_name": "A third"}, **sent)
        assert answered(other) == (412, "urn:segment-export:problem:changed_meanwhile")


def test_what_is_added_twice_since_the_answer_was_lost_is_there_once_and_no_conflict(asked):
    for kind, there in (("export", {}), ("connection", {"id": "brevo-eu"})):
        new = json.loads(asked(f"show_{kind}", ADMINISTRATOR, **there).get_body()) | {"id": "second"}
        new = {name: value for name, value in new.items() if name != "consent"}
        first = asked(f"save_{kind}", ADMINISTRATOR, body=new, id="second")
        again = asked(f"save_{kind}", ADMINISTRATOR, body=new, id="second")
        assert (first.status_code, again.status_code) == (201, 200), again.get_body()
        assert first.headers["ETag"] == again.headers["ETag"]
        other = asked(f"save_{kind}", ADMINISTRATOR, body=new | {"display_name": "A third"}, id="second")
        assert answered(other)[0] == 409
