"""The vendor's own Python client reads, changes and deletes single contacts, by each of their identifiers."""

import pytest
from brevo import Brevo
from brevo.errors import BadRequestError, NotFoundError

from local.brevo_sandbox import BrevoSandbox

ADA = "ada.brook@example.com"
BLOCKED = "blocked.person@example.com"
IDENTIFIERS = {
    "EXT_ID": "C-9",
    "SMS": "+40722000001",
    "WHATSAPP": "+40722000002",
    "LANDLINE_NUMBER": "+40212000003",
}
NAMES = [
    ("zoe@example.com", "email_id"),
    ("C-9", "ext_id"),
    ("40722000001", "phone_id"),
    ("0040722000002", "whatsapp_id"),
    ("40212000003", "landline_number_id"),
    ("5", "contact_id"),
]


@pytest.fixture(autouse=True)
def zoe(sandbox: BrevoSandbox) -> None:
    sandbox.seed(contacts=[{"email": "zoe@example.com", "attributes": IDENTIFIERS, "lists": [12]}])


@pytest.mark.parametrize(("named", "kind"), NAMES)
def test_contact_is_read_by_each_of_its_identifiers(brevo: Brevo, named: str, kind: str):
    contact = brevo.contacts.get_contact_info(named, identifier_type=kind)
    assert (contact.id, contact.email, contact.list_ids) == (5, "zoe@example.com", [12])
    assert contact.attributes.EXT_ID == "C-9"
    with pytest.raises(NotFoundError):
        brevo.contacts.get_contact_info("stranger@example.com", identifier_type=kind)


@pytest.mark.parametrize(("named", "kind"), NAMES)
def test_contact_is_deleted_by_each_of_its_identifiers(brevo: Brevo, sandbox: BrevoSandbox, named: str, kind: str):
    brevo.contacts.delete_contact(named, identifier_type=kind)
    assert sandbox.members(12) == {}
    for again, other in NAMES:
        with pytest.raises(NotFoundError):
            brevo.contacts.delete_contact(again, identifier_type=other)
    created = brevo.contacts.create_contact(email="zoe@example.com", attributes=IDENTIFIERS)
    assert created.id == 6


def test_unknown_type_of_identifier_is_a_bad_request(brevo: Brevo):
    with pytest.raises(BadRequestError):
        brevo.contacts.get_contact_info("zoe@example.com", identifier_type="name")


def test_contact_is_created_by_an_ext_id_or_a_number_alone(brevo: Brevo):
    by_ext_id = brevo.contacts.create_contact(ext_id="C-10").id
    by_number = brevo.contacts.create_contact(attributes={"SMS": "+40722000009"}).id
    assert brevo.contacts.get_contact_info("C-10", identifier_type="ext_id").id == by_ext_id
    assert brevo.contacts.get_contact_info("40722000009", identifier_type="phone_id").id == by_number
    with pytest.raises(BadRequestError):
        brevo.contacts.create_contact(attributes={"CITY": "Cluj"})


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"email": "zoe@example.com"}, ["email"]),
        ({"email": "new@example.com", "ext_id": "C-9"}, ["ext_id"]),
        ({"email": "new@example.com", "attributes": {"SMS": "40722000001"}}, ["SMS"]),
        ({"email": ADA, "attributes": {"WHATSAPP": "40722000002"}, "update_enabled": True}, ["WHATSAPP"]),
        ({"email": ADA, "ext_id": "C-9", "update_enabled": True}, ["email"]),
    ],
)
@pytest.mark.parametrize("code", ["invalid_parameter", "duplicate_parameter"])
def test_identifier_of_another_contact_is_named_in_the_refusal(
    brevo: Brevo, sandbox: BrevoSandbox, fields: dict, taken: list[str], code: str
):
    sandbox.change(collision_code=code)
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.create_contact(**fields)
    assert (caught.value.body["code"], caught.value.body["metadata"]) == (code, {"duplicate_identifiers": taken})
    assert len(sandbox.account.numbered) == 5


def test_contact_is_created_with_its_lists_and_blocks(brevo: Brevo, sandbox: BrevoSandbox):
    number = brevo.contacts.create_contact(
        email="ion@example.com", list_ids=[12, 13], email_blacklisted=True, sms_blacklisted=True
    ).id
    contact = brevo.contacts.get_contact_info(number)
    assert (contact.list_ids, contact.email_blacklisted, contact.sms_blacklisted) == ([12, 13], True, True)


def test_contact_is_changed(brevo: Brevo):
    change = {"CITY": "Hull", "EMAIL": "Zoe.New@example.com", "SMS": ""}
    brevo.contacts.update_contact(
        "C-9", identifier_type="ext_id", attributes=change, ext_id="C-11", list_ids=[13], unlink_list_ids=[12]
    )
    contact = brevo.contacts.get_contact_info("C-11", identifier_type="ext_id")
    assert (contact.id, contact.email, contact.list_ids) == (5, "zoe.new@example.com", [13])
    assert (contact.attributes.CITY, hasattr(contact.attributes, "SMS")) == ("Hull", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attributes": {"EMAIL": "no address"}},
        {"attributes": {"EMAIL": ADA}},
        {"attributes": {"SMS": "447700900101"}},
        {"list_ids": [999]},
        {"unlink_list_ids": [999]},
    ],
)
def test_wrong_change_of_a_contact_changes_nothing(brevo: Brevo, sandbox: BrevoSandbox, wrong: dict):
    with pytest.raises(BadRequestError):
        brevo.contacts.update_contact("zoe@example.com", **wrong)
    assert sandbox.members(12)["zoe@example.com"] == {name: value.lstrip("+") for name, value in IDENTIFIERS.items()}


@pytest.mark.parametrize("lifts", [True, False])
def test_change_of_the_address_lifts_the_block_or_not(brevo: Brevo, sandbox: BrevoSandbox, lifts: bool):
    sandbox.change(new_address_lifts_block=lifts)
    brevo.contacts.update_contact(BLOCKED, attributes={"EMAIL": "free@example.com"})
    assert brevo.contacts.get_contact_info("free@example.com").email_blacklisted is not lifts


def test_change_of_another_attribute_lifts_no_block(brevo: Brevo):
    brevo.contacts.update_contact(BLOCKED, attributes={"EMAIL": BLOCKED, "CITY": "Hull"})
    assert brevo.contacts.get_contact_info(BLOCKED).email_blacklisted is True


def test_contacts_are_read_in_pages_of_all_or_of_some_lists(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change_contact(ADA, leaves=[13])
    brevo.contacts.delete_contact("ben.frost@example.com")
    everybody = brevo.contacts.get_contacts(limit=2, offset=1, sort="asc")
    assert (everybody.count, [each.id for each in everybody.contacts]) == (4, [3, 4])
    assert [each.email_blacklisted for each in everybody.contacts] == [False, True]
    assert [each.id for each in brevo.contacts.get_contacts(limit=2).contacts] == [5, 4]
    some = brevo.contacts.get_contacts(list_ids=[12, 13], sort="asc")
    assert (some.count, [each.list_ids for each in some.contacts]) == (3, [[13], [13], [12]])
    assert brevo.contacts.get_contacts(list_ids=[12]).contacts[0].attributes.EXT_ID == "C-9"
    assert brevo.contacts.get_contacts(limit=1, sort="asc").contacts[0].list_unsubscribed == [13]
    with pytest.raises(BadRequestError):
        brevo.contacts.get_contacts(list_ids=[999])
    with pytest.raises(BadRequestError):
        brevo.contacts.get_contacts(limit=1001)


@pytest.mark.parametrize(
    ("key", "known", "unknown"),
    [("emails", "zoe@example.com", "stranger@example.com"), ("ids", 5, 99), ("extIds", "C-9", "C-99")],
)
def test_contacts_are_added_and_removed_by_each_kind_of_name(
    brevo: Brevo, sandbox: BrevoSandbox, key: str, known: str | int, unknown: str | int
):
    named = {key: [known, unknown]}
    added = brevo.contacts.add_contact_to_list(13, request=named).contacts
    assert (added.success, added.failure) == ([known], [unknown])
    removed = brevo.contacts.remove_contact_from_list(12, request=named).contacts
    assert (removed.success, removed.failure) == ([known], [unknown])
    assert brevo.contacts.get_contact_info(5).list_ids == [13]
    for call in (brevo.contacts.add_contact_to_list, brevo.contacts.remove_contact_from_list):
        with pytest.raises(BadRequestError) as caught:
            call(13, request={key: [known] * 151})
        assert caught.value.body["code"] == "out_of_range"
