"""Customers whose id has changed, since profiles were merged or split, keep their contact."""

import pytest

from tests.flow.customers import asks_who_left, contact, members, probed, rows, state_of


def test_merged_profile_changes_the_id_of_its_contact(by_customer):
    number = contact(by_customer, "ana@example.com", "C-old", emailBlacklisted=True)
    by_customer.segment(rows("C-new ana@example.com C-older;C-old", previous=True))
    assert by_customer.run()["contacts_left_out"] == {}
    assert state_of(by_customer, number) == ("C-new", "ana@example.com", True)


@pytest.mark.parametrize("former", ["C-older;\u00a0C-old", "\ufeffC-old\u200b;C-older", '"C-older;\tC-old\n;"'])
def test_what_nobody_sees_around_a_former_id_is_no_part_of_it(by_customer, former):
    number = contact(by_customer, "old@example.com", "C-old")
    by_customer.segment(f"CustomerId,EMail,FirstName,PreviousCustomerId\nC-new,new@example.com,Name,{former}\n")
    by_customer.run()
    assert state_of(by_customer, number) == ("C-old", "new@example.com", False)


@pytest.mark.parametrize("former", ["C-older;\u00a0C-old", '"C-older;\tC-old\n;"'])
def test_what_nobody_sees_around_a_former_id_excludes_all_the_same(by_customer, former):
    by_customer.segment(f"CustomerId,EMail,FirstName,PreviousCustomerId\nC-new,new@example.com,Name,{former}\n")
    by_customer.segment("CustomerId,EMail\nC-old,old@example.com\n", name="Staff")
    by_customer.change(exclude={"segments": ["Staff"], "list_ids": []})
    assert by_customer.run()["contacts_left_out"] == {"excluded": 1}


def test_merged_profile_with_a_changed_address_changes_its_contact_and_then_its_id(by_customer):
    number = contact(by_customer, "old@example.com", "C-old")
    by_customer.segment(rows("C-new new@example.com C-old", "C-2 ion@example.com", previous=True))
    by_customer.run()
    assert state_of(by_customer, number) == ("C-old", "new@example.com", False)
    by_customer.run()
    assert state_of(by_customer, number) == ("C-new", "new@example.com", False)
    assert len(by_customer.sent()) == 2


def test_merged_profile_whose_contact_is_blocked_is_no_second_contact(by_customer):
    number = contact(by_customer, "old@example.com", "C-old", emailBlacklisted=True)
    by_customer.segment(rows("C-new new@example.com C-older;C-old", previous=True))
    assert by_customer.run()["contacts_left_out"] == {"blocked_new_address": 1}
    assert state_of(by_customer, number) == ("C-old", "old@example.com", True)
    assert "new@example.com" not in by_customer.sent()


def test_merged_profile_who_left_is_not_put_back(by_customer):
    asks_who_left(by_customer)
    contact(by_customer, "old@example.com", "C-old", lists=[], listUnsubscribed=[by_customer.list_id])
    by_customer.segment(rows("C-new new@example.com C-old", previous=True))
    assert by_customer.run()["contacts_left_out"] == {"left_list": 1}
    assert by_customer.sent() == {}


def test_merged_profile_who_left_by_a_former_contact_is_left_out_though_the_present_id_has_one_too(by_customer):
    asks_who_left(by_customer)
    contact(by_customer, "old@example.com", "C-old", lists=[], listUnsubscribed=[by_customer.list_id])
    contact(by_customer, "new@example.com", "C-new", lists=[])
    by_customer.segment(rows("C-new new@example.com C-older;C-old", previous=True))
    assert by_customer.run()["contacts_left_out"] == {"left_list": 1}
    assert by_customer.sent() == {}


def test_merged_profile_whose_former_contact_is_excluded_is_so_though_the_present_id_has_one_too(by_customer):
    contact(by_customer, "old@example.com", "C-old", lists=[])
    contact(by_customer, "new@example.com", "C-new", lists=[])
    by_customer.segment(rows("C-new new@example.com C-older;C-old", previous=True))
    by_customer.segment("CustomerId,EMail\nS-1,old@example.com\n", name="Staff")
    by_customer.change(exclude={"segments": ["Staff"], "list_ids": []})
    assert by_customer.run()["contacts_left_out"] == {"excluded": 1}
    assert by_customer.sent() == {}


def test_merged_profile_keeps_its_contact_whatever_is_blocked_of_it_beside(by_customer):
    contact(by_customer, "old@example.com", "C-old", emailBlacklisted=True)
    number = contact(by_customer, "a@example.com", "C-new")
    by_customer.segment(rows("C-new new@example.com C-old", previous=True))
    assert by_customer.run()["contacts_left_out"] == {}
    assert state_of(by_customer, number) == ("C-new", "new@example.com", False)


def test_two_contacts_of_a_merged_profile_stay_two(by_customer):
    first, second = contact(by_customer, "a@example.com", "C-a"), contact(by_customer, "b@example.com", "C-b")
    by_customer.segment(rows("C-new b@example.com C-a;C-b", previous=True))
    by_customer.run()
    assert state_of(by_customer, first) == ("C-a", "a@example.com", False)
    assert state_of(by_customer, second) == ("C-new", "b@example.com", False)


@pytest.mark.parametrize("order", [1, -1])
def test_split_profile_leaves_the_contact_to_the_row_with_its_address(by_customer, order):
    number = contact(by_customer, "a@example.com", "C-old")
    people = ["C-1 new@example.com C-old", "C-2 a@example.com C-old"][::order]
    for _ in range(2):
        by_customer.segment(rows(*people, previous=True))
        by_customer.run()
        assert state_of(by_customer, number) == ("C-2", "a@example.com", False)
        assert members(by_customer) == {("C-1", "new@example.com"), ("C-2", "a@example.com")}


@pytest.mark.parametrize("order", [1, -1])
def test_split_profile_that_lives_on_keeps_its_contact(by_customer, order):
    number = contact(by_customer, "a@example.com", "C-old")
    people = ["C-old b@example.com", "C-1 new@example.com C-old"][::order]
    by_customer.segment(rows(*people, previous=True))
    by_customer.run()
    assert state_of(by_customer, number) == ("C-old", "b@example.com", False)
    assert members(by_customer) == {("C-1", "new@example.com"), ("C-old", "b@example.com")}


def test_split_profile_with_two_new_addresses_changes_one_contact_only(by_customer):
    number = contact(by_customer, "a@example.com", "C-old")
    by_customer.segment(rows("C-1 one@example.com C-old", "C-2 two@example.com C-old", previous=True))
    for name in ("C-old", "C-1"):
        by_customer.run()
        assert state_of(by_customer, number) == (name, "one@example.com", False)
    assert members(by_customer) == {("C-1", "one@example.com"), ("C-2", "two@example.com")}


def test_rows_that_waited_are_told_with_their_own_file_and_line(by_customer):
    by_customer.change(mapping={"email": "EMail", "phone": "Phone"})
    contact(by_customer, "a@example.com", "C-9")
    contact(by_customer, "b@example.com", "C-old")
    head = "CustomerId,EMail,Phone\n"
    by_customer.segment(head + "C-1,a@example.com,0722123456\nC-2,b@example.com,oops\nC-3,c@example.com,\n")
    by_customer.segment(head + "C-4,d@example.com,\nC-9,e@example.com,\n", partition=2)
    status = by_customer.run()
    assert status["contacts_left_out"] == {"address_of_another": 1}
    assert status["warnings"] == {"invalid_phone": 1}
    assert by_customer.places(status["run_id"]) == [
        ("Gold_1.csv", 2, "address_of_another"),
        ("Gold_1.csv", 3, "invalid_phone"),
    ]


@pytest.mark.parametrize("mood", ["merge", "skip_contact", "drop_phone"])
def test_number_of_another_contact_is_left_to_it(by_customer, mood):
    by_customer.sandbox.change(shared_phone=mood)
    by_customer.change(mapping={"email": "EMail", "phone": "Phone"})
    number = contact(by_customer, "a@example.com", "C-1", attributes={"EXT_ID": "C-1", "SMS": "+40722000001"})
    by_customer.segment("CustomerId,EMail,Phone\nC-2,b@example.com,0722000001\nC-1,a@example.com,0722000001\n")
    status = by_customer.run()
    assert status["warnings"] == {"duplicate_phone": 1}
    assert by_customer.places(status["run_id"]) == [("Gold_1.csv", 2, "duplicate_phone")]
    assert members(by_customer) == {("C-1", "a@example.com"), ("C-2", "b@example.com")}
    assert state_of(by_customer, number) == ("C-1", "a@example.com", False)
    assert by_customer.sent()["a@example.com"]["SMS"] == "40722000001"


def test_number_of_another_contact_is_not_sent_to_an_account_that_would_merge_the_two(flow):
    flow.sandbox.change(shared_phone="merge")
    probed(flow, shared_number="contacts_merged")
    flow.change(mapping={"email": "EMail", "phone": "Phone"})
    number = contact(flow, "a@example.com", attributes={"SMS": "+40722000001"}, emailBlacklisted=True)
    flow.segment("CustomerId,EMail,Phone\nC-2,b@example.com,0722000001\n,a@example.com,0722000001\n")
    status = flow.run()
    assert status["warnings"] == {"duplicate_phone": 1}
    assert state_of(flow, number) == (None, "a@example.com", True)
    assert set(flow.sent()) == {"a@example.com", "b@example.com"}
    assert flow.sandbox.log.count("GET /contacts") == 1


def test_rows_that_waited_in_several_segments_are_decided_together_and_told_where_they_stood(by_customer):
    by_customer.change(segments=["Gold", "Silver"])
    one, two = contact(by_customer, "a@example.com", "C-old"), contact(by_customer, "b@example.com", "C-9")
    by_customer.segment(rows("C-1 one@example.com C-old", "C-2 b@example.com", previous=True))
    people = ("C-3 ion@example.com", "C-4 four@example.com C-old", "C-9 nine@example.com")
    by_customer.segment(rows(*people, previous=True), name="Silver")
    status = by_customer.run()
    assert status["contacts_left_out"] == {"address_of_another": 1}
    assert by_customer.places(status["run_id"]) == [("Gold_1.csv", 3, "address_of_another")]
    assert state_of(by_customer, one) == ("C-old", "one@example.com", False)
    assert state_of(by_customer, two) == ("C-9", "nine@example.com", False)
    assert status["contacts_delivered"] == 4
    assert ("C-4", "four@example.com") in members(by_customer)
    by_customer.sandbox.change(new_address="report", ext_id_and_email_of_two="report")
    by_customer.segment(rows("C-5 five@example.com C-4", previous=True), name="Silver")
    status = by_customer.run()
    assert by_customer.places(status["run_id"]) == [("Silver_1.csv", 2, "brevo_duplicate_customer")]
