"""Two exports of one list: whom the one sends stays there, whatever the other is doing at that moment."""

import json

import pytest

from shared.runs import steps
from shared.runs.run_ids import run_address
from shared.runs.starting import start_on_demand
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.store import OPEN
from shared.storage.forms import FORM, FORMS
from tests.faults.following import OTHERS, SECOND, Following, addresses
from tests.faults.losing import work_until

SILVER = range(3, 4)


@pytest.fixture
def following(make_story, monkeypatch):
    """A mirror that takes persons 0 to 3 out, one a request; another export of its list has sent person 20."""
    monkeypatch.setattr("shared.brevo.removal.MOST_A_REQUEST", 1)
    monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", 1)
    made = Following(make_story())
    made.story.save(sync_mode="mirror", max_removed=0.9)
    made.begin()
    made.put_back()
    story = made.story
    silver = {**story.export, "id": "silver", "segments": ["Silver"], "sync_mode": "changes_only"}
    document = json.loads(story.config.read_text())
    story.config.write_text(json.dumps({**document, "exports": [story.export, silver]}))
    sent_by_silver(made, range(20, 21))
    story.work()
    return made


def sent_by_silver(following, people):
    """The other export has these people now, and is started; its run's id."""
    rows = "".join(f"C-{n},person{n}@example.com,Name{n}\n" for n in people)
    following.story.segment(f"CustomerId,EMail,FirstName\n{rows}", name="Silver")
    return start_on_demand(following.story.app, "silver", "http", "tester").run_id


def silver_runs(following, hours=0.15):
    """The other export runs for some minutes, while the mirror's worker is in the middle of its step; its run's id."""
    story = following.story
    for message in story.kept.messages:
        message.visible_at += 600
    run_id = sent_by_silver(following, (*SILVER, 20))
    story.work(hours=hours, timer=False)
    return run_id


def check_both_succeed(story, others):
    """The run, and the one of the other export that is in `others` by its end; and whom both send is in the list."""
    run_id = story.start().run_id
    story.work()
    assert [story.status(each)["status"] for each in (run_id, *others)] == ["succeeded", "succeeded"]
    assert story.sent() == addresses(SECOND, OTHERS, SILVER, range(20, 21))


@pytest.mark.parametrize("request_before", [1, 2, 3])
def test_who_is_sent_by_another_export_while_a_removal_goes_on_is_in_the_list_in_the_end(
    following, monkeypatch, request_before
):
    story, remove, requests, others = following.story, steps.settle.remove_contacts, [], []

    def beside(session, list_id, body):
        requests.append(body)
        removed = remove(session, list_id, body)
        if len(requests) == request_before:
            others.append(silver_runs(following))
        return removed

    monkeypatch.setattr(steps.settle, "remove_contacts", beside)
    check_both_succeed(story, others)


@pytest.mark.parametrize("changes", [{"connection": None}, {"list_id": 13}, {"id": "bronze"}])
def test_run_waits_for_a_removal_whatever_has_become_of_its_export_meanwhile(following, monkeypatch, changes):
    story, remove, delivered = following.story, steps.settle.remove_contacts, []

    def beside(session, list_id, body):
        if not delivered:
            document = json.loads(story.config.read_text())
            document["exports"][0].update(changes)
            story.config.write_text(json.dumps(document))
            run_id = silver_runs(following, hours=0.003)
            delivered.append(story.status(run_id)["contacts_delivered"])
        return remove(session, list_id, body)

    monkeypatch.setattr(steps.settle, "remove_contacts", beside)
    story.start()
    story.work()
    assert delivered == [0]
    assert story.sent() >= addresses(SILVER, range(20, 21))


@pytest.mark.parametrize("request_before", [1, 2, 3])
def test_who_is_sent_once_a_removal_is_cancelled_is_in_the_list_in_the_end(following, monkeypatch, request_before):
    story, remove, requests, others = following.story, steps.settle.remove_contacts, [], []

    def beside(session, list_id, body):
        requests.append(body)
        removed = remove(session, list_id, body)
        if len(requests) == request_before:
            request_cancel(story.app, find_run(story.app, run_id), "tester")
            others.append(sent_by_silver(following, (*SILVER, 20)))
            work_until(story, lambda run: run.is_final, others[0])
        return removed

    monkeypatch.setattr(steps.settle, "_NOTED_EVERY", 10)
    monkeypatch.setattr(steps.settle, "remove_contacts", beside)
    run_id = story.start().run_id
    story.work()
    assert [story.status(each)["status"] for each in (run_id, *others)] == ["cancelled", "succeeded"]
    assert story.sent() >= addresses(SILVER, range(20, 21))


def test_who_is_sent_while_a_removal_begins_is_in_the_list_in_the_end(following, monkeypatch):
    story, leave, others = following.story, steps.settle.leave_whom_others_keep, []

    def beside(app, run):
        numbers = leave(app, run)
        if not others:
            others.append(silver_runs(following))
        return numbers

    monkeypatch.setattr(steps.settle, "leave_whom_others_keep", beside)
    check_both_succeed(story, others)


def test_run_says_that_it_waits_for_the_removal(following, monkeypatch):
    story, remove, waits = following.story, steps.settle.remove_contacts, []

    def beside(session, list_id, body):
        if not waits:
            waits.append(story.status(silver_runs(following))["waiting"])
        return remove(session, list_id, body)

    monkeypatch.setattr(steps.settle, "remove_contacts", beside)
    run_id = story.start().run_id
    story.work()
    assert waits[0].startswith(
        f"{run_id} takes contacts out of the list. The contacts of this run are sent once that is over"
    )


def test_status_of_a_run_that_waits_is_shown_while_the_configuration_cannot_be_read(following, monkeypatch):
    story, remove, waits = following.story, steps.settle.remove_contacts, []

    def beside(session, list_id, body):
        if not waits:
            other, document = silver_runs(following), story.config.read_text()
            story.config.write_text("{")
            try:
                waits.append(story.status(other)["waiting"])
            finally:
                story.config.write_text(document)
        return remove(session, list_id, body)

    monkeypatch.setattr(steps.settle, "remove_contacts", beside)
    run_id = story.start().run_id
    story.work()
    assert waits[0].startswith(f"{run_id} takes contacts out of the list")


@pytest.mark.parametrize("values", [{FORM: 99}, {"counts": "odd", "times": "[", FORM: FORMS["runs"]}])
def test_run_goes_on_beside_an_export_whose_run_cannot_be_read(following, values):
    story = following.story
    run_id = "gold-20261130T050000-abcdef"
    rows = story.kept.tables["runs"]
    rows[OPEN, run_id] = ({"key_setting": story.account, FORM: FORMS["runs"]}, 'W/"0"')
    rows["gold", "active"] = ({"run_id": run_id, FORM: FORMS["runs/active"]}, 'W/"0"')
    rows[run_address(run_id)] = ({"run_id": run_id, **values}, 'W/"1"')
    other = sent_by_silver(following, (*SILVER, 20))
    story.work(hours=1)
    assert story.status(other)["status"] == "succeeded"
