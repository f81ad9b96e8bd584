"""What our calls for single contacts do is what the vendor's own client sees, and the other way round."""

import pytest
from brevo import Brevo
from brevo.errors import NotFoundError

from local.brevo_sandbox import BrevoSandbox
from shared.brevo.session import BrevoSession
from shared.brevo.single_contacts import (
    block_single,
    create_single,
    delete_single,
    find_single,
    members,
    put_into_list,
    take_out_of_list,
)
from shared.errors import PermanentError, TransientError

ZOE = "zoe+probe@example.com"


def test_vendors_client_sees_each_of_our_changes(session: BrevoSession, brevo: Brevo):
    create_single(session, ZOE, {"CITY": "Brașov", "SMS": "+12025550160"})
    contact = brevo.contacts.get_contact_info(ZOE, identifier_type="email_id")
    assert (contact.attributes.CITY, contact.email_blacklisted, contact.list_ids) == ("Brașov", False, [])
    put_into_list(session, 12, ZOE)
    block_single(session, contact.id)
    contact = brevo.contacts.get_contact_info(ZOE, identifier_type="email_id")
    assert (contact.email_blacklisted, contact.list_ids) == (True, [12])
    take_out_of_list(session, 12, ZOE)
    assert brevo.contacts.get_contact_info(ZOE, identifier_type="email_id").list_ids == []
    delete_single(session, contact.id)
    with pytest.raises(NotFoundError):
        brevo.contacts.get_contact_info(ZOE, identifier_type="email_id")
    delete_single(session, contact.id)


def test_we_see_what_the_vendors_client_has_made(session: BrevoSession, brevo: Brevo, sandbox: BrevoSandbox):
    attributes = {"CITY": "Iasi", "SMS": "+12025550161"}
    made = brevo.contacts.create_contact(email=ZOE, ext_id="C-9", attributes=attributes, list_ids=[12])
    sandbox.change_contact(ZOE, leaves=[12], emailBlacklisted=True)
    for value, by in ((ZOE, "email_id"), ("C-9", "ext_id"), ("12025550161", "phone_id"), (str(made.id), "contact_id")):
        found = find_single(session, value, by)
        assert found is not None
        assert (found.id, found.email, found.lists, found.left, found.is_blocked) == (made.id, ZOE, (), (12,), True)
        assert found.attributes["CITY"] == "Iasi"
        assert ZOE not in repr(found)
        assert "Iasi" not in repr(found)
    assert find_single(session, "stranger@example.com") is None


def test_contact_that_is_there_is_not_made_again(session: BrevoSession, brevo: Brevo):
    brevo.contacts.create_contact(email=ZOE, attributes={"CITY": "Iasi"})
    with pytest.raises(PermanentError):
        create_single(session, ZOE, {"CITY": "Cluj"})
    assert brevo.contacts.get_contact_info(ZOE).attributes.CITY == "Iasi"


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1_001])
def test_all_members_of_a_list_are_read_with_500_a_request(session: BrevoSession, sandbox: BrevoSandbox, count: int):
    sandbox.seed(contacts=[{"email": f"a{number}@example.net", "lists": [12]} for number in range(count)])
    assert len({each.id for each in members(session, 12)}) == count
    assert sandbox.log.count("GET /contacts/lists/{listId}/contacts") == count // 500 + 1


@pytest.mark.parametrize("answer", [{}, {"id": "x"}, [], None, {"id": 1, "listIds": "12"}])
def test_contact_that_is_none_is_garbled(session: BrevoSession, monkeypatch: pytest.MonkeyPatch, answer: object):
    monkeypatch.setattr(BrevoSession, "call", lambda *_, **__: answer)
    with pytest.raises(TransientError) as caught:
        find_single(session, ZOE)
    assert caught.value.code == "brevo_garbled"
