"""What people do between two exports: they leave a list, are blocked, or change their address."""

from collections.abc import Callable

import pytest
import requests
from brevo import Brevo

from local.brevo_sandbox import BrevoSandbox

BEN = "ben.frost@example.com"
BLOCKED = "blocked.person@example.com"


def test_contact_that_leaves_a_list_is_shown_with_it(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change_contact(BEN, leaves=[13, 12])
    contact = brevo.contacts.get_contact_info(BEN)
    assert (contact.list_ids, contact.list_unsubscribed) == ([], [12, 13])
    assert BEN not in sandbox.members(13)


def test_contact_can_be_seeded_as_one_that_has_left(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.seed(contacts=[{"email": "zoe@example.com", "lists": [13], "listUnsubscribed": [12]}])
    contact = brevo.contacts.get_contact_info("zoe@example.com")
    assert (contact.list_ids, contact.list_unsubscribed) == ([13], [12])


@pytest.mark.parametrize(("puts_back", "left"), [(True, []), (False, [13])])
def test_import_puts_back_who_left_the_list_or_not(
    brevo: Brevo, sandbox: BrevoSandbox, run_import: Callable[..., dict], puts_back: bool, left: list[int]
):
    sandbox.change(reimport_puts_back_leavers=puts_back)
    sandbox.change_contact(BEN, leaves=[13])
    run_import({"email": BEN, "attributes": {"CITY": "Hull"}}, {"email": "zoe@example.com"}, listIds=[13])
    contact = brevo.contacts.get_contact_info(BEN)
    assert (contact.list_unsubscribed, contact.attributes.CITY) == (left, "Hull")
    assert (BEN in sandbox.members(13), "zoe@example.com" in sandbox.members(13)) == (puts_back, True)


@pytest.mark.parametrize(
    "add",
    [
        lambda client: client.contacts.add_contact_to_list(13, request={"emails": [BEN]}),
        lambda client: client.contacts.update_contact(BEN, list_ids=[13]),
        lambda client: client.contacts.create_contact(email=BEN, list_ids=[13], update_enabled=True),
    ],
)
def test_contact_that_is_added_to_a_list_by_name_has_not_left_it_any_more(
    brevo: Brevo, sandbox: BrevoSandbox, add: Callable[[Brevo], object]
):
    sandbox.change(reimport_puts_back_leavers=False)
    sandbox.change_contact(BEN, leaves=[13])
    add(brevo)
    assert brevo.contacts.get_contact_info(BEN).list_unsubscribed == []
    assert BEN in sandbox.members(13)


@pytest.mark.parametrize("lifts", [True, False])
def test_new_address_lifts_the_block_or_not(brevo: Brevo, sandbox: BrevoSandbox, lifts: bool):
    sandbox.change(new_address_lifts_block=lifts)
    number = brevo.contacts.get_contact_info(BLOCKED).id
    sandbox.change_contact(BLOCKED, newEmail="Free.Person@example.com")
    contact = brevo.contacts.get_contact_info(number)
    assert (contact.email, contact.email_blacklisted) == ("free.person@example.com", not lifts)
    assert contact.list_ids == [13]
    assert set(sandbox.account.blocked) == (set() if lifts else {"free.person@example.com"})


def test_people_can_be_changed_from_another_process(sandbox: BrevoSandbox):
    changes = [{"email": BEN, "leaves": [13], "emailBlacklisted": True, "newEmail": "ben@example.com"}]
    answer = requests.post(f"{sandbox.origin}/sandbox/contacts", json={"contacts": changes}, timeout=10)
    assert (answer.status_code, answer.json()["lists"]["13"]["members"]) == (200, 3)
    state = requests.get(f"{sandbox.origin}/sandbox/state", timeout=10).json()
    assert state["lists"]["13"]["leavers"] == ["ben@example.com"]


@pytest.mark.parametrize(
    "change",
    [
        {"email": "stranger@example.com", "leaves": [13]},
        {"email": BEN, "leaves": [999]},
        {"email": BEN, "newEmail": "no address"},
        {"email": BEN, "newEmail": BLOCKED},
    ],
)
def test_wrong_change_of_a_contact_is_a_bad_request(sandbox: BrevoSandbox, change: dict):
    answer = requests.post(f"{sandbox.origin}/sandbox/contacts", json={"contacts": [change]}, timeout=10)
    assert answer.status_code == 400
    assert BEN in sandbox.members(13)
