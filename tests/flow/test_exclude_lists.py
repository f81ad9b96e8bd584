"""Who is in an excluded list is not sent: Brevo is asked who that is before a run sends anything."""

import json
import re
from dataclasses import replace

import pytest

from shared.app_secret import new_secret
from shared.brevo.contact_export import ExportedContact
from shared.runs.answers import LEAVERS
from shared.runs.excluded import ask_whom_to_leave_out
from shared.runs.questions import Question
from shared.runs.status import find_run
from shared.staging.completeness import Wait
from shared.storage.tables import Row
from tests.flow.customers import contact, rows, state_of
from tests.flow.excluding import EXPORT, OTHER, address, exclude, fast, left_out, members, people
from tests.waiting import wait_until

PROCESS = "GET /processes/{processId}"


def question(flow):
    return Question.of(flow.app.storage.accounts.get(flow.account, f"members-{OTHER}"))


def test_who_is_in_an_excluded_list_is_not_sent_blocked_or_not(excluding):
    members(excluding, 3)
    members(excluding, 4, emailBlacklisted=True)
    exclude(excluding, list_ids=[OTHER])
    assert left_out(excluding, excluding.run()) == {"C-3", "C-4"}
    log = excluding.sandbox.log
    assert (log.count(EXPORT), log.count(PROCESS)) == (1, 1)


def test_person_in_both_is_left_out_once(excluding):
    excluding.segment(people(3, 5), name="Staff")
    members(excluding, 3, 4)
    exclude(excluding, ["Staff"], [OTHER])
    assert left_out(excluding, excluding.run()) == {"C-3", "C-4", "C-5"}


def test_who_has_left_the_excluded_list_is_not_in_it(excluding):
    members(excluding, 3, 4)
    excluding.sandbox.change_contact(address(4), leaves=[OTHER])
    exclude(excluding, list_ids=[OTHER])
    assert left_out(excluding, excluding.run()) == {"C-3"}


def test_who_left_the_list_and_is_excluded_is_left_out_as_who_left(excluding):
    members(excluding, 3, list_id=excluding.list_id)
    excluding.sandbox.change_contact(address(3), leaves=[excluding.list_id])
    members(excluding, 3, 4)
    excluding.change_connection(leavers="asked")
    exclude(excluding, list_ids=[OTHER])
    status = excluding.run()
    assert status["contacts_left_out"] == {"left_list": 1, "excluded": 1}
    assert set(excluding.sent()) == {address(n) for n in range(10) if n not in (3, 4)}


def test_number_of_an_excluded_contact_stays_free_for_the_next_one(excluding):
    excluding.change(mapping={"email": "EMail", "phone": "Phone"})
    excluding.segment("CustomerId,EMail,Phone\nC-0,person0@example.com,+40722123456\nC-1,b@example.com,0722123456\n")
    members(excluding, 0)
    exclude(excluding, list_ids=[OTHER])
    assert excluding.run()["warnings"] == {}
    assert excluding.sent()["b@example.com"]["SMS"] == "40722123456"


def test_lists_are_each_asked_for_once(excluding):
    excluding.sandbox.seed(lists=[{"id": 78, "name": "Press", "folderId": 1}])
    fast(excluding, 78)
    members(excluding, 3)
    members(excluding, 4, list_id=78)
    exclude(excluding, list_ids=[OTHER, 78])
    assert left_out(excluding, excluding.run()) == {"C-3", "C-4"}
    assert excluding.sandbox.log.count(EXPORT) == 2


def test_answer_that_is_there_is_not_looked_at_again_while_another_one_is_waited_for(excluding):
    excluding.sandbox.seed(lists=[{"id": 78, "name": "Press", "folderId": 1}])
    exclude(excluding, list_ids=[OTHER, 78])
    app, run_id = excluding.app, excluding.start().run_id
    run, ready, brevo = find_run(app, run_id), app.ready_export(excluding.export_id), app.brevo(excluding.account)
    # A process that Brevo does not know is open.
    slow = Question(asked_at=app.now() - 5, process_id=4711, runs=(run_id,), seconds=0.01)
    app.storage.accounts.put(Row(excluding.account, "members-78", slow.values()))

    def looks():
        before = excluding.sandbox.log.count(PROCESS)
        found = ask_whom_to_leave_out(app, run, ready, brevo)
        return excluding.sandbox.log.count(PROCESS) - before, found

    assert looks()[0] == 1, "the other list is only asked for"
    wait_until(lambda: looks() and question(excluding).ready_at)
    assert looks()[0] == 1, "only the open one"
    fast(excluding, 78)
    wait_until(lambda: not isinstance(looks()[1], Wait))
    assert excluding.sandbox.log.count(EXPORT) == 2


def test_excluded_list_that_is_not_there_fails_the_run(excluding):
    exclude(excluding, list_ids=[4711])
    excluding.run_fails("exclude_missing", "4711", "exclude.list_ids")


@pytest.mark.parametrize("outcome", ["refused_400", "refused_403"])
def test_account_that_refuses_the_export_stops_the_run_before_anything_is_sent(excluding, outcome):
    excluding.sandbox.change(export_outcome=outcome)
    exclude(excluding, list_ids=[OTHER])
    excluding.run_fails("exclude_unknown", f"list {OTHER}", "exclude.list_ids")


def test_answer_that_names_nobody_of_a_list_that_has_members_sends_none_of_them(excluding, monkeypatch):
    members(excluding, 3, 7)
    exclude(excluding, list_ids=[OTHER])
    monkeypatch.setattr("shared.runs.answers.read_export", lambda *_: iter(()))
    excluding.run_fails("exclude_unknown", f"list {OTHER}", "names nobody", "2 by its own count")


def test_answer_that_lacks_most_members_of_a_list_sends_none_of_them(excluding, monkeypatch):
    members(excluding, 3, 7)
    exclude(excluding, list_ids=[OTHER])
    monkeypatch.setattr("shared.brevo.client.BrevoClient.list_size", lambda *_: 105)
    excluding.run_fails("exclude_unknown", f"list {OTHER}", "names 2 members", "counts 105")


def test_list_of_people_without_addresses_excludes_nobody(excluding, monkeypatch):
    exclude(excluding, list_ids=[OTHER])
    monkeypatch.setattr("shared.runs.answers.read_export", lambda *_: iter([ExportedContact("", 7)] * 3))
    monkeypatch.setattr("shared.brevo.client.BrevoClient.list_size", lambda *_: 3)
    assert left_out(excluding, excluding.run()) == set()


def test_list_of_nobody_excludes_nobody(excluding):
    exclude(excluding, list_ids=[OTHER])
    assert left_out(excluding, excluding.run()) == set()


def test_excluded_list_that_is_deleted_once_its_answer_is_there_fails_the_run(excluding, monkeypatch):
    exclude(excluding, list_ids=[OTHER])

    def deleted(*_):
        excluding.sandbox.account.lists.pop(OTHER)
        return iter(())

    monkeypatch.setattr("shared.runs.answers.read_export", deleted)
    excluding.run_fails("exclude_missing", str(OTHER), "exclude.list_ids")


def test_export_that_fails_is_asked_for_three_times(excluding):
    excluding.sandbox.change(export_outcome="failed")
    exclude(excluding, list_ids=[OTHER])
    excluding.run_fails("exclude_unknown", "has failed 3 times")
    assert excluding.sandbox.log.count(EXPORT) == 3


def test_export_that_never_ends_stops_the_run_at_the_deadline_of_imports(excluding):
    excluding.change_connection(import_deadline_hours=0.0001)
    excluding.sandbox.change(export_outcome="stuck")
    exclude(excluding, list_ids=[OTHER])
    excluding.run_fails("exclude_unknown", "import_deadline_hours")


def test_no_address_is_kept_of_who_is_excluded(excluding):
    excluding.segment(people(5), name="Staff")
    members(excluding, 3)
    exclude(excluding, ["Staff"], [OTHER])
    excluding.run()
    blobs = excluding.app.storage.app_blobs
    kept = [blobs.read(LEAVERS, blob.name) for blob in blobs.listing_if_there(LEAVERS, "")]
    assert [len(each) for each in kept] == [33]
    assert re.fullmatch(rb"[0-9a-f]{32}\n", kept[0])
    assert "@" not in json.dumps(dict(question(excluding).values()))


def test_next_run_asks_again_and_keeps_one_answer(excluding):
    members(excluding, 3)
    exclude(excluding, list_ids=[OTHER])
    excluding.run()
    members(excluding, 4)
    assert excluding.run()["contacts_left_out"] == {"excluded": 2}
    assert len(excluding.app.storage.app_blobs.listing_if_there(LEAVERS, "")) == 1


@pytest.mark.parametrize("kind", ["segment", "list"])
def test_app_secret_is_needed(excluding, monkeypatch, kind):
    excluding.segment(people(3), name="Staff")
    exclude(excluding, ["Staff"] if kind == "segment" else [], [OTHER] if kind == "list" else [])
    monkeypatch.delenv("APP_SECRET")
    excluding.run_fails("app_secret_missing", "APP_SECRET")
    assert excluding.sandbox.log.count(EXPORT) == 0


def test_answer_that_was_kept_by_another_app_secret_is_asked_for_again(excluding, monkeypatch):
    members(excluding, 3)
    exclude(excluding, list_ids=[OTHER])
    excluding.run()
    started = excluding.start()
    values = replace(question(excluding), runs=(started.run_id,)).values()
    excluding.app.storage.accounts.put(Row(excluding.account, f"members-{OTHER}", values))
    monkeypatch.setenv("APP_SECRET", new_secret())
    assert excluding.finish(started.run_id)["contacts_left_out"] == {"excluded": 1}
    assert excluding.sandbox.log.count(EXPORT) == 2


def test_runs_that_were_queued_before_the_question_share_its_answer(excluding):
    members(excluding, 3)
    exclude(excluding, list_ids=[OTHER])
    runs = [excluding.start(), excluding.start(excluding.add_export("second"))]
    for run in runs:  # as if they had waited for their files since
        excluding.app.store.update(run.run_id, lambda now: replace(now, times={"queued": "2026-11-24T05:00:00+00:00"}))
    assert [excluding.finish(run.run_id)["contacts_left_out"] for run in runs] == [{"excluded": 1}] * 2
    assert excluding.sandbox.log.count(EXPORT) == 1


def test_list_whose_leavers_one_run_asks_for_is_excluded_by_another(excluding):
    """The two questions on one list are kept apart."""
    members(excluding, 3, 4)
    excluding.sandbox.change_contact(address(3), leaves=[OTHER])
    excluding.change_connection(leavers="asked")
    other = excluding.add_export("second", list_id=OTHER)
    exclude(excluding, list_ids=[OTHER])
    assert excluding.finish(excluding.start(other).run_id)["contacts_left_out"] == {"left_list": 1}
    assert left_out(excluding, excluding.run()) >= {"C-4"}


@pytest.mark.parametrize("row", ["C-1 new@example.com", "C-9 new@example.com C-1", "C-9 old@example.com"])
def test_customer_is_excluded_by_the_address_of_their_contact_which_no_row_has_any_more(by_customer, row):
    by_customer.sandbox.seed(lists=[{"id": OTHER, "name": "Staff", "folderId": 1}])
    fast(by_customer, OTHER)
    number = contact(by_customer, "old@example.com", "C-1", lists=[OTHER])
    by_customer.segment(rows(row, "C-2 ion@example.com", previous=True))
    exclude(by_customer, list_ids=[OTHER])
    assert by_customer.run()["contacts_left_out"] == {"excluded": 1}
    assert state_of(by_customer, number) == ("C-1", "old@example.com", False)
    assert set(by_customer.sent()) == {"ion@example.com"}


@pytest.mark.parametrize("row", ["C-1 new@example.com", "C-2 new@example.com C-1"])
def test_customer_is_excluded_by_a_contact_without_an_address_too(by_customer, row):
    by_customer.sandbox.seed(lists=[{"id": OTHER, "name": "Complaints", "folderId": 1}])
    fast(by_customer, OTHER)
    number = contact(by_customer, "", "C-1", lists=[OTHER])
    contact(by_customer, "eva@example.com", "C-9", lists=[OTHER])
    by_customer.segment(rows(row, "C-3 ion@example.com", previous=True))
    exclude(by_customer, list_ids=[OTHER])
    assert by_customer.run()["contacts_left_out"] == {"excluded": 1}
    assert state_of(by_customer, number) == ("C-1", "", False)
    assert set(by_customer.sent()) == {"ion@example.com"}


def test_customer_is_excluded_though_nobody_in_the_excluded_list_has_an_address(by_customer):
    by_customer.sandbox.seed(lists=[{"id": OTHER, "name": "Complaints", "folderId": 1}])
    fast(by_customer, OTHER)
    contact(by_customer, "", "C-1", lists=[OTHER])
    by_customer.segment(rows("C-1 new@example.com", "C-3 ion@example.com"))
    exclude(by_customer, list_ids=[OTHER])
    assert by_customer.run()["contacts_left_out"] == {"excluded": 1}
    assert set(by_customer.sent()) == {"ion@example.com"}
