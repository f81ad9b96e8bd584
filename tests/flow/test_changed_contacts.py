"""The few changed contacts that a held run keeps, compared with what Brevo has: only what differs is shown."""

import pytest

from shared.access import Caller
from shared.administration.plan_examples import plan_examples
from tests.flow.customers import (
    by_customer,  # noqa: F401 - a fixture
    rows,
)
from tests.flow.holding import plan

LATER = "2026/11/25/0500"
COLUMNS = ("First", "Birthday", "Worth", "Agrees", "Tier", "Drinks", "Phone")
ATTRIBUTES = ("NAME_OF_ONE", "BIRTHDAY", "LIFETIME_VALUE", "NEWSLETTER_OPT_IN", "LOYALTY_TIER", "DRINKS", "SMS")
FIRST = ("Ana", "1990-01-31", "1.50", "yes", "Gold", "Tea;Coffee", "0722 300 400")
SECOND = ("Bea", "2001-02-01", "7.1e1", "no", "Silver", "Coffee", "0722 300 401")
MASKED = {
    "NAME_OF_ONE": ("A••", "B••"),
    "BIRTHDAY": ("1•••••••••", "2•••••••••"),
    "LIFETIME_VALUE": ("1••", "7•"),
    "NEWSLETTER_OPT_IN": ("t•••", "f••••"),
    "LOYALTY_TIER": ("G•••", "S•••••"),
    "DRINKS": ("C••••••••••", "C•••••"),
    "SMS": ("4••••••••••", "4••••••••••"),
}


def examples(flow, status):
    assert (status["status"], status["contacts_changed"] > 0) == ("held", True)
    found = plan_examples(flow.app, Caller("ana", "administrator"), status["run_id"])
    assert found.unread is None
    return found.contacts


def planned(flow, before, after):
    """The examples of a plan of the second segment behind a run of the first."""
    flow.segment(before)
    assert flow.run()["status"].startswith("succeeded")
    flow.segment(after, refresh=LATER)
    return examples(flow, flow.finish(plan(flow).run_id))


def one_customer(values):
    return f"EMail,{','.join(COLUMNS)}\nana@example.com,{','.join(values)}\n"


@pytest.fixture
def of_every_type(flow):
    """An export that fills an attribute of each type, to an account that writes dates as Americans do."""
    flow.sandbox.change(date_format="mm-dd-yyyy")
    flow.sandbox.seed(
        attributes=[
            {"name": "NAME_OF_ONE", "type": "text"},
            {"name": "DRINKS", "type": "multiple-choice", "options": ["Coffee", "Tea"]},
        ]
    )
    flow.change_connection(date_format="MM-DD-YYYY")
    mapping = {"email": "EMail", "attributes": dict(zip(ATTRIBUTES, COLUMNS, strict=True))}
    flow.change(sync_mode="changes_only", mapping=mapping, default_country="RO")
    return flow


@pytest.mark.parametrize("place", range(len(COLUMNS)), ids=ATTRIBUTES)
def test_of_every_type_only_what_differs_is_told(of_every_type, place):
    second = (*FIRST[:place], SECOND[place], *FIRST[place + 1 :])
    (found,) = planned(of_every_type, one_customer(FIRST), one_customer(second))
    shown = [(each.attribute, (each.now, each.then)) for each in found.differences]
    assert shown == [(ATTRIBUTES[place], MASKED[ATTRIBUTES[place]])]


def test_value_that_would_be_erased_is_told_as_empty(of_every_type):
    of_every_type.change(erase_empty=True)
    (found,) = planned(of_every_type, one_customer(FIRST), one_customer(("", *FIRST[1:])))
    (only,) = found.differences
    assert (only.attribute, only.now, only.then) == ("NAME_OF_ONE", "A••", "")


@pytest.mark.parametrize("place", range(len(COLUMNS)), ids=ATTRIBUTES)
def test_value_that_is_not_sent_any_more_stays_and_is_told(of_every_type, place):
    second = (*FIRST[:place], "", *FIRST[place + 1 :])
    (found,) = planned(of_every_type, one_customer(FIRST), one_customer(second))
    shown = [(each.attribute, each.now, each.then) for each in found.differences]
    assert shown == [(ATTRIBUTES[place], MASKED[ATTRIBUTES[place]][0], None)]


def test_run_that_sends_everybody_keeps_those_that_it_changes(flow):
    flow.change(sync_mode="full")
    before = "EMail,FirstName\nana@example.com,Ana\nben@example.com,Ben\n"
    (found,) = planned(flow, before, before.replace("Ben", "Benedict"))
    assert found.email == "b••@e••••••.com"


def test_five_are_kept_of_several_chunks(flow, monkeypatch):
    monkeypatch.setattr("shared.staging.reader.CHUNK_BYTES", 1_000)
    flow.change(sync_mode="changes_only")
    people = [f"p{n}@example.com,Name{{0}}" for n in range(200)]
    before = "\n".join(["EMail,FirstName", *(each.format(0) for each in people), ""])
    changed = {3, 50, 51, 120, 121, 122, 199}
    after = "\n".join(["EMail,FirstName", *(each.format(int(n in changed)) for n, each in enumerate(people)), ""])
    monkeypatch.setattr("shared.administration.plan_examples.masked_text", str)
    found = planned(flow, before, after)
    assert [each.email for each in found] == [f"p{n}@example.com" for n in (3, 50, 51, 120, 121)]


def test_customer_with_another_address_is_found_by_their_id(by_customer):  # noqa: F811
    by_customer.change(sync_mode="changes_only")
    (found,) = planned(by_customer, rows("C-1 old@example.com"), rows("C-1 new.one@example.com"))
    (only,) = found.differences
    assert (only.attribute, only.now, only.then) == ("", "o••@e••••••.com", "n••••••@e••••••.com")


def test_columns_in_another_order_change_nobody(flow):
    flow.change(
        sync_mode="changes_only", mapping={"email": "EMail", "attributes": "all"}, create_missing_attributes=True
    )
    flow.segment("CustomerId,EMail,FirstName,City\nC-1,a@example.com,Ana,Cluj\nC-2,b@example.com,Bea,Iași\n")
    assert flow.run()["contacts_new"] == 2
    again = "City,CustomerId,FirstName,EMail\nCluj,C-1,Ana,a@example.com\nSibiu,C-2,Bea,b@example.com\n"
    flow.segment(again, refresh=LATER)
    status = flow.run()
    assert (status["contacts_changed"], status["contacts_unchanged"]) == (1, 1)
