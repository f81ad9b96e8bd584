"""Who left the list is not put back, unless somebody decides that."""

import json
from dataclasses import replace

import pytest

from shared.app_secret import new_secret
from shared.runs.answers import LEAVERS
from shared.runs.questions import Question
from shared.storage.tables import Row
from tests.flow.excluding import address
from tests.flow.leaving import leave

EXPORT = "POST /contacts/export"
PROCESS = "GET /processes/{processId}"


def people(count, first=0):
    rows = "".join(f"C-{n},Person{n}@Example.com,Name{n}\n" for n in range(first, first + count))
    return f"CustomerId,EMail,FirstName\n{rows}"


@pytest.fixture
def asking(flow):
    """A flow of 50 people that asks who left, at an account whose exports take no time, as an earlier run has seen."""
    flow.change_connection(leavers="asked")
    flow.segment(people(50))
    values = Question(seconds=0.01).values()
    flow.app.storage.accounts.put(Row(flow.account, f"left-{flow.list_id}", values))
    return flow


def question(flow):
    return Question.of(flow.app.storage.accounts.get(flow.account, f"left-{flow.list_id}"))


def answers(flow):
    return [blob.name for blob in flow.app.storage.app_blobs.listing_if_there(LEAVERS, "")]


def test_who_left_the_list_is_not_put_back_and_is_told_with_file_and_line(asking):
    leave(asking, 3, 17)
    status = asking.run()
    assert status["status"] == "succeeded"
    assert set(asking.sent()) == {address(n) for n in range(50) if n not in (3, 17)}
    assert status["contacts_left_out"] == {"left_list": 2}
    assert (status["contacts_mapped"], status["contacts_new"], status["contacts_delivered"]) == (50, 48, 48)
    assert status["rows_rejected"] == {}
    rows = asking.rejects(status["run_id"])
    assert [(row["line"], row["reason"], row["customer_id"]) for row in rows] == [
        ("5", "left_list", "C-3"),
        ("19", "left_list", "C-17"),
    ]


def test_export_that_puts_back_leavers_sends_everybody_and_asks_nothing(asking):
    leave(asking, 3)
    asking.change(put_back_leavers=True)
    assert asking.run()["contacts_left_out"] == {}
    assert address(3) in asking.sent()
    assert asking.sandbox.log.count(EXPORT) == 0


def test_connection_that_does_not_ask_sends_everybody(asking):
    leave(asking, 3)
    asking.change_connection(leavers="not_asked")
    asking.run()
    assert address(3) in asking.sent()
    assert asking.sandbox.log.count(EXPORT) == 0


def test_question_costs_one_request_one_look_and_one_download(asking):
    asking.run()
    assert asking.sandbox.log.count(EXPORT) == 1
    assert asking.sandbox.log.count(PROCESS) == 1
    assert answers(asking) == [], "nobody has left: nothing is kept"


def test_who_left_another_list_or_is_blocked_is_sent(asking):
    asking.sandbox.seed(lists=[{"id": 77, "name": "Other", "folderId": 1}])
    leave(asking, 3, list_id=77)
    asking.sandbox.seed(contacts=[{"email": address(4), "listIds": [asking.list_id], "emailBlacklisted": True}])
    status = asking.run()
    assert status["contacts_left_out"] == {}
    assert {address(3), address(4)} <= set(asking.sent())


def test_number_of_a_contact_that_is_left_out_stays_free_for_the_next_one(asking):
    asking.change(mapping={"email": "EMail", "phone": "Phone"})
    asking.segment("CustomerId,EMail,Phone\nC-0,person0@example.com,+40722123456\nC-1,b@example.com,0722123456\n")
    leave(asking, 0)
    status = asking.run()
    assert status["warnings"] == {}
    assert asking.sent()["b@example.com"]["SMS"] == "40722123456"


def test_address_that_stands_twice_is_left_out_once_and_rejected_once(asking):
    asking.change(mapping={"email": "EMail"})
    asking.segment("CustomerId,EMail\nC-0,person0@example.com\nC-1,PERSON0@example.com\n")
    leave(asking, 0)
    status = asking.run()
    assert status["status"] == "succeeded_with_rejections"
    assert status["contacts_left_out"] == {"left_list": 1}
    assert status["rows_rejected"] == {"duplicate_email": 1}
    assert asking.nothing_was_sent()


def test_internationalised_domain_is_compared_as_it_is_sent(asking):
    asking.change(mapping={"email": "EMail"})
    asking.segment("CustomerId,EMail\nC-0,ana@bücher.example.com\nC-1,b@example.com\n")
    asking.sandbox.seed(contacts=[{"email": "ana@xn--bcher-kva.example.com", "listIds": [asking.list_id]}])
    asking.sandbox.change_contact("ana@xn--bcher-kva.example.com", leaves=[asking.list_id])
    assert asking.run()["contacts_left_out"] == {"left_list": 1}


def test_no_address_is_kept_of_who_left(asking):
    leave(asking, 3)
    asking.run()
    (name,) = answers(asking)
    kept = asking.app.storage.app_blobs.read(LEAVERS, name)
    assert len(kept) == 33
    assert b"@" not in kept
    assert "@" not in json.dumps(dict(question(asking).values()))


@pytest.mark.full
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("puts_back", [False, True], ids=["left out", "put back"])
def test_ten_thousand_of_a_million_who_left_are_not_put_back_unless_the_export_says_so(asking, puts_back):
    count, left = 1_000_000, range(0, 1_000_000, 100)
    asking.segment(people(count))
    asking.change(put_back_leavers=puts_back)
    asking.sandbox.seed(contacts=[{"email": address(n), "listIds": [asking.list_id]} for n in left])
    for number in left:
        asking.sandbox.change_contact(address(number), leaves=[asking.list_id])
    status = asking.finish(asking.start().run_id, seconds=1_500)
    assert status["contacts_left_out"] == ({} if puts_back else {"left_list": len(left)})
    members = asking.sandbox.account.lists[asking.list_id].members
    assert len(members) == status["contacts_confirmed"] == count - len(left) * (not puts_back)
    assert asking.sandbox.log.count(EXPORT) == (not puts_back)


# What another run has asked


def test_answer_that_was_asked_before_the_run_was_queued_is_asked_again(asking):
    asking.run()
    leave(asking, 3)
    assert asking.run()["contacts_left_out"] == {"left_list": 1}
    assert asking.sandbox.log.count(EXPORT) == 2


def test_run_that_was_queued_before_the_question_shares_its_answer(asking):
    leave(asking, 3)
    other = asking.add_export("second")
    runs = [asking.start(), asking.start(other)]
    for run in runs:  # as if they had waited for their files since
        asking.app.store.update(run.run_id, lambda now: replace(now, times={"queued": "2026-11-24T05:00:00+00:00"}))
    found = [asking.finish(run.run_id)["contacts_left_out"] for run in runs]
    assert found == [{"left_list": 1}] * 2
    assert asking.sandbox.log.count(EXPORT) == 1


def test_older_answer_is_deleted_once_the_next_one_is_there(asking):
    leave(asking, 3)
    asking.run()
    first = answers(asking)
    asking.run()
    assert len(answers(asking)) == 1
    assert answers(asking) != first


# Where Brevo does not answer


@pytest.mark.parametrize("outcome", ["refused_400", "refused_403"])
def test_account_that_refuses_the_export_stops_the_run_before_anything_is_sent(asking, outcome):
    asking.sandbox.change(export_outcome=outcome)
    asking.run_fails("leavers_unknown", '"put_back_leavers": true', '"leavers": "not_asked"')


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_export_that_fails_is_asked_for_three_times(asking, outcome):
    asking.sandbox.change(export_outcome=outcome)
    asking.run_fails("leavers_unknown", "has failed 3 times")
    assert asking.sandbox.log.count(EXPORT) == 3


def test_export_that_fails_twice_is_answered_the_third_time(asking):
    leave(asking, 3)
    asking.sandbox.fail_next(EXPORT, "export-failed", 2)
    assert asking.run()["contacts_left_out"] == {"left_list": 1}


def test_export_that_never_ends_stops_the_run_at_the_deadline_of_imports(asking):
    asking.change_connection(import_deadline_hours=0.0001)
    asking.sandbox.change(export_outcome="stuck")
    asking.run_fails("leavers_unknown", "import_deadline_hours")


def test_list_that_is_not_there_is_told_as_that(asking):
    asking.change(list_id=4711)
    asking.run_fails("list_missing", "4711")


def test_run_after_one_that_could_not_ask_asks_anew(asking):
    asking.sandbox.change(export_outcome="failed")
    asking.run_fails("leavers_unknown")
    asking.sandbox.change(export_outcome="completed")
    assert asking.run()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("value", "code"), [(None, "app_secret_missing"), ("c2hvcnQ=", "app_secret_invalid"), ("%%%", "app_secret_invalid")]
)
def test_secret_that_is_missing_or_malformed_is_told_before_anything_is_asked(asking, monkeypatch, value, code):
    if value is None:
        monkeypatch.delenv("APP_SECRET")
    else:
        monkeypatch.setenv("APP_SECRET", value)
    asking.run_fails(code, "APP_SECRET", "openssl rand -base64 32")
    assert asking.sandbox.log.count(EXPORT) == 0


def test_secret_is_not_needed_where_nobody_is_asked(asking, monkeypatch):
    monkeypatch.delenv("APP_SECRET")
    asking.change_connection(leavers="not_asked")
    assert asking.run()["status"] == "succeeded"


def test_answer_that_was_kept_by_another_app_secret_is_asked_again(asking, monkeypatch):
    leave(asking, 3)
    asking.run()
    started = asking.start()
    values = replace(question(asking), runs=(started.run_id,)).values()
    asking.app.storage.accounts.put(Row(asking.account, f"left-{asking.list_id}", values))
    monkeypatch.setenv("APP_SECRET", new_secret())
    status = asking.finish(started.run_id)
    assert status["contacts_left_out"] == {"left_list": 1}
    assert asking.sandbox.log.count(EXPORT) == 2
