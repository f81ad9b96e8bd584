"""A trial really sends a few customers to another list: whom it takes, and what it counts."""

import pytest

from shared.runs.questions import Question
from shared.runs.status import find_run
from shared.storage.tables import Row
from tests.flow.customers import asks_who_left, contact, probed, rows
from tests.flow.trials import TRIALS, addresses, begin, people, refusal, run_trial, with_list

# What is sent, and where


def test_first_customers_are_in_the_other_list_and_nobody_else_s_membership_changes(trying):
    before = trying.sandbox.members(13)
    status = run_trial(trying, customers=3)
    assert status["status"] == "succeeded"
    assert set(trying.sandbox.members(TRIALS)) == addresses(0, 1, 2)
    assert (trying.sent(), trying.sandbox.members(13)) == ({}, before)
    assert (status["kind"], status["list_id"], status["list_name"], status["customers"]) == ("trial", 99, "Trials", 3)
    assert (status["rows_read"], status["contacts_new"], status["contacts_confirmed"]) == (3, 3, 3)
    assert status["segments"] == [{"name": "Gold", "files": 1, "rows": 3}]
    assert status["story"][0]["text"] == "Started on a page or by the API. A trial of 3 customers to list 99 (Trials)."


def test_twenty_are_taken_where_nobody_says_how_many(trying):
    assert run_trial(trying)["contacts_confirmed"] == 20


def test_trial_of_more_customers_than_the_segment_has_sends_them_all(flow):
    status = run_trial(with_list(flow, people(7)), customers=100)
    assert (status["status"], status["customers"], status["contacts_confirmed"]) == ("succeeded", 100, 7)


def test_rows_behind_the_last_customer_are_neither_counted_nor_reported(flow):
    data = (
        people(1)
        + "C-1,,Nobody\nbroken\n"
        + "C-2,two@example.com,Two\n"
        + "C-3,,Nobody\nbroken\n"
        + "C-4,4@example.com,F\n"
    )
    status = run_trial(with_list(flow, data), customers=2)
    assert status["rows_rejected"] == {"missing_email": 1, "malformed_row": 1}
    assert status["rows_read"] == 4
    assert [row["line"] for row in flow.rejects(status["run_id"])] == ["3", "4"]
    assert set(flow.sandbox.members(TRIALS)) == {*addresses(0), "two@example.com"}


def test_what_is_filtered_merged_or_a_duplicate_is_no_customer_of_a_trial(flow):
    only = {"column": "FirstName", "is": ["Yes"]}
    flow.change(segments=["Gold", "Silver"], source={**flow.export["source"], "only": only})
    with_list(flow, "CustomerId,EMail,FirstName\n1,a@example.com,No\n2,b@example.com,Yes\n3,b@example.com,Yes\n")
    flow.segment(
        "CustomerId,EMail,FirstName\n2,b@example.com,Yes\n4,c@example.com,Yes\n5,d@example.com,Yes\n", name="Silver"
    )
    status = run_trial(flow, customers=2)
    assert set(flow.sandbox.members(TRIALS)) == {"b@example.com", "c@example.com"}
    assert (status["rows_read"], status["rows_filtered"], status["rows_merged"]) == (5, 1, 1)
    assert status["rows_rejected"] == {"duplicate_email": 1}
    assert [part["rows"] for part in status["segments"]] == [3, 2]


@pytest.mark.full
def test_reading_stops_when_the_customers_are_found(trying, monkeypatch):
    monkeypatch.setattr("shared.staging.reader.CHUNK_BYTES", 2_000)
    monkeypatch.setattr("shared.segments.framing._WINDOW_BYTES", 1_000)
    trying.segment(people(2_000))
    # A row that no reading gets past.
    trying.segment('CustomerId,EMail,FirstName\n1,x@example.com,"never closed\n', partition=2)
    status = run_trial(trying, customers=5)
    assert (status["status"], status["rows_read"]) == ("succeeded", 5)
    assert trying.run()["error"]["code"] == "quote_open"


def test_mapping_and_warnings_are_those_of_a_run(flow):
    flow.change(mapping={"email": "EMail", "first_name": "FirstName", "phone": "Phone"})
    data = "1,a@example.com,A,0722000111\n2,b@example.com,B,0722000111\n3,c@example.com,C,x\n"
    status = run_trial(with_list(flow, f"CustomerId,EMail,FirstName,Phone\n{data}"), customer_ids=["2", "3"])
    assert status["warnings"] == {"duplicate_phone": 1, "invalid_phone": 1}
    assert flow.sandbox.members(TRIALS) == {"b@example.com": {"FIRSTNAME": "B"}, "c@example.com": {"FIRSTNAME": "C"}}


# Customers by their ids


def test_named_customers_are_sent_wherever_they_stand(trying):
    status = run_trial(trying, customer_ids=["C-41", " C-7 ", "C-41"])
    assert set(trying.sandbox.members(TRIALS)) == addresses(7, 41)
    assert (status["customers"], status["rows_read"], status["notes"]) == (2, 2, [])


def test_ids_that_are_not_in_the_snapshot_are_named(trying):
    status = run_trial(trying, customer_ids=["C-3", "C-99", "no 'such\" one"])
    assert status["status"] == "succeeded"
    assert status["notes"] == ["Not in the snapshot: C-99, no 'such\" one."]
    assert set(trying.sandbox.members(TRIALS)) == addresses(3)


def test_trial_of_which_no_id_is_in_the_snapshot_fails(trying):
    status = run_trial(trying, customer_ids=["X-1", "X-2"])
    assert (status["status"], status["error"]["code"]) == ("failed", "customers_missing")
    assert status["notes"] == ["Not in the snapshot: X-1, X-2."]
    assert trying.nothing_was_sent()


def test_named_customer_whose_row_is_rejected_is_explained(flow):
    status = run_trial(with_list(flow, people(2) + "C-2,nonsense,Two\n\nbroken\n"), customer_ids=["C-1", "C-2"])
    assert status["rows_rejected"] == {"invalid_email": 1}
    [row] = flow.rejects(status["run_id"])
    assert (row["customer_id"], row["reason"]) == ("C-2", "invalid_email")
    assert status["contacts_confirmed"] == 1


def test_named_customer_whose_first_row_is_bad_is_sent_by_the_next_one(flow):
    flow.change(segments=["Gold", "Silver"])
    flow.segment("CustomerId,EMail,FirstName\nC-1,good@example.com,A\n", name="Silver")
    status = run_trial(with_list(flow, "CustomerId,EMail,FirstName\nC-1,bad,A\n"), customer_ids=["C-1"])
    assert set(flow.sandbox.members(TRIALS)) == {"good@example.com"}
    assert (status["rows_read"], status["rows_rejected"]) == (2, {"invalid_email": 1})


def test_segment_without_customer_ids_cannot_be_tried_by_them(flow):
    with_list(flow, "EMail,FirstName\nana@example.com,Ana\n")
    status = run_trial(flow, customer_ids=["C-1"])
    assert (status["status"], status["error"]["code"]) == ("failed", "column_missing")
    assert "CustomerId" in status["error"]["message"]


def test_customer_is_not_called_missing_where_a_later_file_has_no_ids(flow):
    with_list(flow, people(3))
    flow.segment("EMail,FirstName\nana@example.com,Ana\n", partition=2)
    assert run_trial(flow, customer_ids=["C-1"])["contacts_confirmed"] == 1, "the first file has all of them"
    status = run_trial(flow, customer_ids=["C-1", "C-9"])
    assert (status["status"], status["error"]["code"]) == ("failed", "column_missing")
    assert "Gold_2.csv has no column 'CustomerId'" in status["error"]["message"]


def test_ids_are_in_no_row_once_the_trial_has_ended_and_never_in_a_log(trying, caplog):
    caplog.set_level("DEBUG")
    run_id = begin(trying, customer_ids=["C-31"]).run_id
    assert find_run(trying.app, run_id).customer_ids == ["C-31"]
    trying.finish(run_id)
    assert find_run(trying.app, run_id).customer_ids == []
    assert "C-31" not in str(trying.app.storage.runs._kept.tables) + caplog.text


@pytest.mark.parametrize(
    "ids", [["ana@example.com"], [""], ["x" * 101], ["two\nlines"], [f"C-{n}" for n in range(101)]]
)
def test_ids_that_no_row_may_hold_are_refused(trying, ids):
    code, words = refusal(begin, trying, customer_ids=ids)
    assert code == "trial_invalid"
    assert "@" not in words


@pytest.mark.parametrize("number", [0, -1, 101])
def test_trial_of_nobody_or_of_too_many_is_refused(trying, number):
    assert refusal(begin, trying, customers=number)[0] == "trial_invalid"


# Where contacts are distinguished by their customers' ids


def test_customers_that_cannot_be_decided_yet_are_passed_over(by_customer):
    # The address of C-1 is another customer's at Brevo: only the whole segment says whether that one has a row.
    contact(by_customer, "ana@example.com", "C-9")
    with_list(by_customer, rows("C-1 ana@example.com", "C-2 ion@example.com", "C-3 eva@example.com"))
    status = run_trial(by_customer, customers=1)
    assert set(by_customer.sandbox.members(TRIALS)) == {"ion@example.com"}
    assert (status["rows_read"], status["contacts_mapped"]) == (1, 1)
    status = run_trial(by_customer, customers=3)
    assert set(by_customer.sandbox.members(TRIALS)) == {"ana@example.com", "ion@example.com", "eva@example.com"}
    assert (status["rows_read"], status["contacts_mapped"]) == (3, 3)


def test_named_customer_that_waits_for_the_whole_segment_is_decided(by_customer):
    contact(by_customer, "ana@example.com", "C-9")
    with_list(by_customer, rows("C-1 ana@example.com", "C-2 ion@example.com", "C-9 new@example.com"))
    status = run_trial(by_customer, customer_ids=["C-1", "C-2"])
    assert status["contacts_left_out"] == {"address_of_another": 1}
    assert set(by_customer.sandbox.members(TRIALS)) == {"ion@example.com"}
    assert status["rows_read"] == 2


# What a run cares for, a trial does


def test_who_left_the_list_for_trials_is_not_put_back(trying):
    asks_who_left(trying)
    trying.app.storage.accounts.put(Row(trying.account, f"left-{TRIALS}", Question(seconds=0.01).values()))
    trying.sandbox.seed(contacts=[{"email": "person1@example.com", "listIds": [TRIALS]}])
    trying.sandbox.change_contact("person1@example.com", leaves=[TRIALS])
    status = run_trial(trying, customers=3)
    assert status["contacts_left_out"] == {"left_list": 1}
    assert set(trying.sandbox.members(TRIALS)) == addresses(0, 2, 3)


def test_who_left_the_export_s_own_list_is_not_written_to_in_the_list_for_trials(trying):
    """Also where imports put nobody back, as the account's probe has shown: they would be put into the other list."""
    for puts_back in (None, False):
        asks_who_left(trying)
        trying.app.storage.accounts.put(Row(trying.account, f"left-{TRIALS}", Question(seconds=0.01).values()))
        probed(trying, **({} if puts_back is None else {"puts_back_leavers": puts_back}))
        trying.sandbox.seed(contacts=[{"email": "person1@example.com", "lists": [trying.list_id]}])
        trying.sandbox.change_contact("person1@example.com", leaves=[trying.list_id])
        status = run_trial(trying, customers=3)
        assert status["contacts_left_out"] == {"left_list": 1}
        assert set(trying.sandbox.members(TRIALS)) == addresses(0, 2, 3)


def test_trial_without_consent_is_refused(trying):
    trying.change_connection(consent=None)
    assert refusal(begin, trying)[0] == "consent_missing"


def test_guards_do_not_stop_a_trial(flow):
    with_list(flow, people(50))
    flow.run()
    flow.change(max_profiles=1, max_rejected=0, max_warnings=0)
    flow.segment(people(2) + "C-2,nonsense,Two\n" * 20 + people(1, 7).split("\n", 1)[1], refresh="2026/11/25/0500")
    status = run_trial(flow, customers=3)
    assert (status["status"], status["contacts_confirmed"]) == ("succeeded_with_rejections", 3)


def test_customers_that_brevo_rejects_do_not_stop_a_trial(trying, monkeypatch):
    trying.change(max_rejected=0)
    monkeypatch.setattr("local.brevo_sandbox.applying.is_email", lambda text: not text.startswith("person1@"))
    status = run_trial(trying, customers=3)
    assert (status["status"], status["error"]) == ("succeeded_with_rejections", None)
    assert status["contacts_rejected_by_brevo"] == {"brevo_invalid_email": 1}
