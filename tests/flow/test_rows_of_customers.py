"""Which row is sent where contacts are identified by their customer's id: of rows of one id, and of one address."""

import pytest

from shared.mapping.chunk import Chunk
from tests.flow.customers import asks_who_left, contact, members, rows


def places(flow, status):
    return [(line, reason) for _, line, reason in flow.places(status["run_id"])]


def test_row_that_is_not_sent_keeps_its_address_from_nobody(by_customer):
    by_customer.segment(rows("C-1 a@example.com", "C-1 b@example.com", "C-2 b@example.com", "C-2 c@example.com"))
    status = by_customer.run()
    assert members(by_customer) == {("C-1", "a@example.com"), ("C-2", "b@example.com")}
    assert places(by_customer, status) == [(3, "duplicate_customer_id"), (5, "duplicate_customer_id")]


def test_row_that_is_not_sent_keeps_its_customer_from_no_later_row(by_customer):
    by_customer.segment(rows("C-1 a@example.com", "C-2 a@example.com", "C-2 b@example.com", "C-3 b@example.com"))
    status = by_customer.run()
    assert members(by_customer) == {("C-1", "a@example.com"), ("C-2", "b@example.com")}
    assert places(by_customer, status) == [(3, "duplicate_email"), (5, "duplicate_email")]


def test_second_row_of_a_customer_is_at_fault_in_the_column_of_the_id(by_customer):
    by_customer.segment(rows("C-1 a@example.com", "C-1 b@example.com", "C-2 a@example.com"))
    rejected = by_customer.rejects(by_customer.run()["run_id"])
    assert [(row["reason"], row["field"]) for row in rejected] == [
        ("duplicate_customer_id", "CustomerId"),
        ("duplicate_email", "EMail"),
    ]


def test_rows_of_other_chunks_count_as_those_of_one(by_customer, monkeypatch):
    flush = Chunk.flush
    sizes = []
    monkeypatch.setattr("shared.staging.reader.CHUNK_BYTES", 60)
    monkeypatch.setattr(Chunk, "flush", lambda chunk: (sizes.append(chunk.rows), flush(chunk)))
    people = ["C-1 a@example.com", "C-1 b@example.com", "C-2 b@example.com", "C-3 b@example.com", "C-3 c@example.com"]
    for n, person in enumerate(people):
        by_customer.segment(rows(person, f"F-{n} f{n}@example.com"), partition=n + 1)
    status = by_customer.run()
    assert len(sizes) > 1
    assert status["rows_rejected"] == {"duplicate_customer_id": 1, "duplicate_email": 1}
    assert {each for each in members(by_customer) if each[0][0] == "C"} == {
        ("C-1", "a@example.com"),
        ("C-2", "b@example.com"),
        ("C-3", "c@example.com"),
    }


def test_customer_of_two_segments_is_merged_and_another_one_with_the_address_is_not(by_customer):
    by_customer.change(segments=["Gold", "Silver"])
    by_customer.segment(rows("C-1 a@example.com", "C-2 b@example.com"))
    people = ("C-2 b@example.com", "C-1 changed@example.com", "C-3 a@example.com", "C-2 b@example.com")
    by_customer.segment(rows(*people), name="Silver")
    status = by_customer.run()
    assert status["rows_merged"] == 1
    assert status["rows_rejected"] == {"duplicate_email": 1, "duplicate_customer_id": 2}
    assert by_customer.places(status["run_id"]) == [
        ("Silver_1.csv", 3, "duplicate_customer_id"),
        ("Silver_1.csv", 4, "duplicate_email"),
        ("Silver_1.csv", 5, "duplicate_customer_id"),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_address_of_a_row_that_is_left_out_goes_to_the_customer_whose_it_is(by_customer, order):
    contact(by_customer, "old@example.com", "C-1")
    contact(by_customer, "b@example.com", "C-2", lists=[])
    by_customer.segment(rows(*["C-1 b@example.com", "C-2 b@example.com"][::order]))
    status = by_customer.run()
    assert members(by_customer) == {("C-1", "old@example.com"), ("C-2", "b@example.com")}
    assert status["contacts_left_out"] == {"address_of_another": 1}


def test_address_of_somebody_who_left_by_their_old_one_goes_to_another_customer(by_customer):
    asks_who_left(by_customer)
    contact(by_customer, "old@example.com", "C-1", lists=[], listUnsubscribed=[by_customer.list_id])
    by_customer.segment(rows("C-1 new@example.com", "C-1 other@example.com", "C-2 new@example.com"))
    status = by_customer.run()
    assert members(by_customer) == {("C-2", "new@example.com")}
    assert status["contacts_left_out"] == {"left_list": 1}
    assert status["rows_rejected"] == {"duplicate_customer_id": 1}


def test_who_is_left_out_of_two_segments_is_merged(by_customer):
    by_customer.change(segments=["Gold", "Silver"], exclude={"segments": ["Staff"]})
    for name in ("Gold", "Silver", "Staff"):
        by_customer.segment(rows("C-1 a@example.com"), name=name)
    status = by_customer.run()
    assert status["error"] is None
    assert (status["contacts_left_out"], status["rows_merged"]) == ({"excluded": 1}, 1)
    assert by_customer.nothing_was_sent()
