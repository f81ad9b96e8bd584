"""Why a person is not in the list who is asked for by the customer id: where their row has no usable address."""

import pytest

from shared.brevo.single_contacts import take_out_of_list
from shared.errors import ConfigurationError
from shared.operating.person import customer_of, person_of
from shared.operating.why import why
from tests.flow.customers import asks_who_left, contact, rows
from tests.flow.following import address, take_out
from tests.flow.operating.tools import ADMINISTRATOR, ANA, HEAD

BEN = "C-2,ben@example.com,Ben\n"


def answered(flow, customer_id):
    answer = why(flow.app, ADMINISTRATOR, flow.export_id, customer_of(customer_id))
    assert "@example" not in repr(answer).lower()
    return answer


def evidence(answer):
    return "\n".join(answer.evidence)


@pytest.mark.parametrize(
    ("cell", "reason"), [("", "missing_email"), ("nobody", "invalid_email"), ("a@b@example.com", "invalid_email")]
)
def test_row_without_a_usable_address_is_told_with_its_line_and_reason(flow, cell, reason):
    flow.segment(f"{HEAD}{BEN}C-17,{cell},Ana\nC-1,{ANA},Ana\n")
    run_id = flow.run()["run_id"]
    answer = answered(flow, " C-17 ")
    assert (answer.verdict, answer.reason) == ("rejected", reason)
    assert f"line 3, customer C-17: {reason}, in EMail" in evidence(answer)
    assert f"Run {run_id}: segment Gold, file Gold_1.csv, line 3, customer C-17: {reason}, not sent." in evidence(
        answer
    )
    assert "Brevo was not asked: the customer's address is not known." in evidence(answer)


@pytest.mark.parametrize("written", ["\ufeffC-17", "C-17\u200b", " \u200eC-17\u00a0\u200f"])
def test_what_nobody_sees_around_an_id_is_no_part_of_it(flow, written):
    flow.segment(f"{HEAD}{BEN}{written},,Ana\nC-1,{ANA},Ana\n")
    run_id = flow.run()["run_id"]
    assert [row["customer_id"] for row in flow.rejects(run_id)] == ["C-17"]
    answer = answered(flow, "C-17")
    assert (answer.verdict, answer.reason) == ("rejected", "missing_email")


def test_customer_with_an_address_is_answered_as_by_the_address(flow):
    flow.segment(f"{HEAD}{BEN}C-1,{ANA.upper()},Ana\nC-9,{ANA},Again\n")
    flow.run()
    for customer_id in ("C-1", "C-9"):
        answer = answered(flow, customer_id)
        assert answer.verdict == "in_list"
        assert "customer C-9: an earlier row of the segment has this address" in evidence(answer)


@pytest.mark.parametrize("customer_id", ["C-", "c-1", "C-11", "1"])
def test_customer_whom_no_row_has_is_not_in_the_segment_whoever_has_an_id_alike(flow, customer_id):
    flow.segment(f"{HEAD}{BEN}C-1,{ANA},Ana\nC-111,,C-11\n")
    flow.run()
    answer = answered(flow, customer_id)
    assert answer.verdict == "not_in_segment"
    assert answer.sentence == "No row of the newest snapshot has this customer id."
    assert "no row has this customer id in 1 file" in evidence(answer)


@pytest.mark.parametrize("customer_id", ["-17", "+40", "=C17", "C;=17"])
def test_id_that_the_report_marks_against_formulas_is_found_in_it(flow, customer_id):
    flow.segment(f"{HEAD}{BEN}{customer_id},,Ana\n")
    run_id = flow.run()["run_id"]
    answer = answered(flow, customer_id)
    assert (answer.verdict, answer.reason) == ("rejected", "missing_email")
    assert f"Run {run_id}: segment Gold, file Gold_1.csv, line 3, customer" in evidence(answer)
    assert "none of its rejected rows" not in evidence(answer)


@pytest.mark.parametrize("customer_id", ['C"7', '"C7"', '"7'])
def test_id_with_quotes_is_found_however_the_file_and_the_report_write_it(flow, customer_id):
    written = customer_id.replace('"', '""')
    flow.segment(f'{HEAD}{BEN}"{written}",,Ana\n')
    run_id = flow.run()["run_id"]
    answer = answered(flow, customer_id)
    assert answer.reason == "missing_email"
    assert f"Run {run_id}: segment Gold, file Gold_1.csv, line 3, customer {customer_id}" in evidence(answer)


def test_rows_that_name_no_customers_are_told(flow):
    flow.segment(f"EMail,FirstName\n{ANA},Ana\n")
    answer = answered(flow, "C-1")
    assert answer.verdict == "unknown"
    assert "Gold_1.csv has no column 'CustomerId', by which customers are named." in evidence(answer)


def test_contact_that_is_told_by_its_id_is_asked_for_at_brevo(flow, monkeypatch):
    asked = []
    monkeypatch.setattr("shared.operating.why.find_single", lambda session, value, by: asked.append((value, by)))
    monkeypatch.setattr("shared.operating.why.export_as_probed", lambda ready, answers: ready)
    flow.change(identify_by="customer_id")
    flow.segment(f"{HEAD}{BEN}")
    assert answered(flow, "C-5").verdict == "not_in_segment"
    assert asked == [("C-5", "ext_id")]


def test_rejected_row_of_another_customer_is_not_told(flow):
    flow.segment(f"{HEAD}{BEN}C-17,,C-2\n")
    flow.run()
    assert evidence(answered(flow, "C-2")).count("C-17") == 0


@pytest.mark.parametrize("text", ["", "  ", "x" * 101, "a\x00b"])
def test_what_can_be_no_id_is_refused(text):
    with pytest.raises(ConfigurationError) as refused:
        customer_of(text)
    assert refused.value.code == "customer_id_invalid"


def test_advice_of_one_lost_by_hand_can_be_followed_with_customer_ids(by_customer):
    by_customer.change(sync_mode="changes_only")
    by_customer.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,A\nC-2,person2@example.com,B\n")
    by_customer.run()
    take_out(by_customer, 1)
    answer = why(by_customer.app, ADMINISTRATOR, by_customer.export_id, person_of(address(1)))
    assert answer.verdict == "lost_by_hand"
    assert f"`segment-export reset {by_customer.export_id}`" in answer.advice


# Where contacts are identified by it


def test_customer_whose_address_another_contact_of_the_list_has_is_not_taken_for_that_one(by_customer):
    contact(by_customer, "old@example.com", "C-1", lists=[])
    contact(by_customer, "new@example.com")
    by_customer.segment(rows("C-1 new@example.com"))
    by_customer.run()
    answer = answered(by_customer, "C-1")
    assert (answer.verdict, answer.reason) == ("rejected", "address_of_another")
    assert "not in list 12" in answer.evidence[-1]


def test_customer_whose_address_another_customer_is_sent_to_is_not_in_the_list(by_customer):
    by_customer.segment(rows("C-1 a@example.com", "C-2 a@example.com", "C-3 b@example.com", "C-3 a@example.com"))
    by_customer.run()
    answer = answered(by_customer, "C-2")
    assert (answer.verdict, answer.reason) == ("rejected", "duplicate_email")
    assert "C-1" not in evidence(answer)
    assert answered(by_customer, "C-1").verdict == "in_list"
    take_out_of_list(by_customer.app.brevo(by_customer.account).session, 12, "b@example.com")
    assert answered(by_customer, "C-3").verdict == "lost_by_hand"


def test_customer_whose_earlier_row_is_not_sent_is_answered_by_what_the_run_did(by_customer):
    by_customer.segment(rows("C-1 a@example.com", "C-1 b@example.com", "C-2 b@example.com"))
    assert answered(by_customer, "C-2").verdict == "not_exported_yet"
    by_customer.run()
    assert [answered(by_customer, each).verdict for each in ("C-1", "C-2")] == ["in_list", "in_list"]


def test_customer_whose_contact_has_the_former_id_is_found_by_the_address(by_customer):
    contact(by_customer, "old@example.com", "C-old")
    by_customer.segment(rows("C-new new@example.com C-old", previous=True))
    by_customer.run()
    assert answered(by_customer, "C-new").verdict == "in_list"


@pytest.mark.parametrize("left", [("new@example.com", ""), ("old@example.com", "C-old")])
def test_customer_of_whom_another_contact_has_left_the_list_has_left_it(by_customer, left):
    asks_who_left(by_customer)
    contact(by_customer, left[0], left[1], lists=[], listUnsubscribed=[by_customer.list_id])
    contact(by_customer, "own@example.com", "C-1", lists=[])
    by_customer.segment(rows("C-1 new@example.com C-old", "C-2 ion@example.com", previous=True))
    assert by_customer.run()["contacts_left_out"] == {"left_list": 1}
    assert answered(by_customer, "C-1").verdict == "left_list"


def test_customer_who_left_has_left_though_a_row_with_an_id_alike_has_the_address_too(by_customer):
    asks_who_left(by_customer)
    contact(by_customer, "own@example.com", "C-1", lists=[], listUnsubscribed=[by_customer.list_id])
    by_customer.segment(rows("C-11 a@example.com", "C-1 a@example.com"))
    assert by_customer.run()["contacts_left_out"] == {"left_list": 1}
    assert answered(by_customer, "C-1").verdict == "left_list"
