"""Whose row it is: EXT_ID, address and numbers, in every mood of an account."""

from collections.abc import Callable

import pytest
import requests
from brevo import Brevo
from brevo.errors import NotFoundError

from local.brevo_sandbox import BrevoSandbox

RunImport = Callable[..., dict]
ADA, BEN = "ada.brook@example.com", "ben.frost@example.com"
BLOCKED = "blocked.person@example.com"
NEW = "new@example.com"


@pytest.fixture(autouse=True)
def customers(sandbox: BrevoSandbox) -> None:
    """Ada and the blocked person are known by a customer number; Ada and Ben have numbers of their own."""
    sandbox.seed(
        contacts=[
            {"email": ADA, "attributes": {"EXT_ID": "C-1", "WHATSAPP": "447700900201"}},
            {"email": BEN, "attributes": {"SMS": "447700900102", "LANDLINE_NUMBER": "441134960102"}},
            {"email": BLOCKED, "attributes": {"EXT_ID": "C-4"}},
        ]
    )


def _row(email: str | None = None, **attributes: str) -> dict:
    return ({} if email is None else {"email": email}) | {"attributes": attributes}


def _reported(process: dict) -> dict[str, list[str]]:
    """The addresses in each report that lists anybody."""
    links = {name: link for name, link in process["info"]["import"].items() if link}
    return {
        name: [line.split(";")[0] for line in requests.get(link, timeout=10).text.splitlines()[1:]]
        for name, link in links.items()
    }


def test_ext_id_with_a_new_address_changes_the_address_of_its_contact(
    run_import: RunImport, brevo: Brevo, sandbox: BrevoSandbox
):
    number = brevo.contacts.get_contact_info(ADA).id
    process = run_import(_row(NEW, EXT_ID="C-1", CITY="Hull"))
    contact = brevo.contacts.get_contact_info("C-1", identifier_type="ext_id")
    assert (contact.id, contact.email, contact.attributes.CITY) == (number, NEW, "Hull")
    assert contact.list_ids == [12, 13]
    assert _reported(process) == {}
    assert sandbox.imports.records()[0].document()["re_addressed"] == 1
    with pytest.raises(NotFoundError):
        brevo.contacts.get_contact_info(ADA)


def test_new_address_can_be_reported_instead(run_import: RunImport, brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change(new_address="report")
    assert _reported(run_import(_row(NEW, EXT_ID="C-1"))) == {"duplicate_ext_id": [NEW]}
    assert sandbox.members(12) == {}
    assert brevo.contacts.get_contact_info("C-1", identifier_type="ext_id").email == ADA


def test_new_address_can_be_ignored_instead(run_import: RunImport, sandbox: BrevoSandbox):
    sandbox.change(new_address="ignored")
    run_import(_row(NEW, EXT_ID="C-1", CITY="Hull"))
    assert sandbox.members(12)[ADA]["CITY"] == "Hull"
    assert NEW not in sandbox.account.contacts


@pytest.mark.parametrize("lifts", [True, False])
def test_import_with_a_new_address_lifts_the_block_or_not(run_import: RunImport, sandbox: BrevoSandbox, lifts: bool):
    sandbox.change(new_address_lifts_block=lifts)
    run_import(_row(NEW, EXT_ID="C-4"))
    assert sandbox.account.blocked == (set() if lifts else {NEW})


def test_import_with_the_known_address_lifts_no_block(run_import: RunImport, sandbox: BrevoSandbox):
    run_import(_row(BLOCKED, EXT_ID="C-4", CITY="Hull"))
    assert sandbox.account.blocked == {BLOCKED}


@pytest.mark.parametrize(
    ("setting", "row", "email"),
    [
        ("attributes", _row(NEW, EXT_ID="C-1"), NEW),
        ("attributes", _row(NEW) | {"ext_id": "C-1"}, ADA),
        ("top_level", _row(NEW) | {"ext_id": "C-1"}, NEW),
        ("top_level", _row(NEW, EXT_ID="C-1"), ADA),
        ("both", _row(NEW, EXT_ID="C-1"), NEW),
        ("both", _row(NEW) | {"ext_id": "C-1"}, NEW),
        ("ignored", _row(NEW, EXT_ID="C-1") | {"ext_id": "C-1"}, ADA),
    ],
)
def test_import_takes_ext_id_where_the_account_does(
    run_import: RunImport, brevo: Brevo, sandbox: BrevoSandbox, setting: str, row: dict, email: str
):
    sandbox.change(ext_id=setting)
    run_import(row)
    assert brevo.contacts.get_contact_info("C-1", identifier_type="ext_id").email == email
    assert len(sandbox.members(12)) == 1
    assert ("EXT_ID" in sandbox.members(12)[NEW]) == (email == NEW)


def test_ext_id_and_address_of_two_contacts_merge_them_and_the_address_loses(
    run_import: RunImport, brevo: Brevo, sandbox: BrevoSandbox
):
    ada, ben = (brevo.contacts.get_contact_info(each).id for each in (ADA, BEN))
    sandbox.change_contact(BEN, leaves=[12])
    run_import(_row(BEN, EXT_ID="C-1"))
    contact = brevo.contacts.get_contact_info(BEN)
    assert (contact.id, contact.attributes.CITY, contact.list_unsubscribed) == (ada, "Leeds", [])
    with pytest.raises(NotFoundError):
        brevo.contacts.get_contact_info(ben)
    assert sandbox.imports.records()[0].document()["merged"] == 1
    assert len(sandbox.members(13)) == 3
    # The number of the contact that is gone is free again.
    assert _reported(run_import(_row(NEW, SMS="447700900102"))) == {}


def test_ext_id_and_address_of_two_contacts_can_be_reported_instead(
    run_import: RunImport, brevo: Brevo, sandbox: BrevoSandbox
):
    sandbox.change(ext_id_and_email_of_two="report")
    assert _reported(run_import(_row(BEN, EXT_ID="C-1"))) == {"duplicate_email_id": [BEN]}
    assert brevo.contacts.get_contact_info("C-1", identifier_type="ext_id").email == ADA
    assert brevo.contacts.get_contact_info(BEN).attributes.CITY == "Bath"


@pytest.mark.parametrize(
    ("name", "number", "report"),
    [
        ("SMS", "+447700900102", "duplicate_phone_id"),
        ("LANDLINE_NUMBER", "00441134960102", "duplicate_landline_number_id"),
        ("WHATSAPP", "447700900201", "duplicate_whatsapp_id"),
    ],
)
def test_number_of_another_contact_is_reported_dropped_or_merges_the_two(
    run_import: RunImport, sandbox: BrevoSandbox, name: str, number: str, report: str
):
    row = _row("cara.stone@example.com", **{name: number, "CITY": "Hull"})
    assert _reported(run_import(row)) == {report: ["cara.stone@example.com"]}
    assert sandbox.members(12) == {}
    sandbox.change(shared_phone="drop_phone")
    assert _reported(run_import(row)) == {report: ["cara.stone@example.com"]}
    assert name not in sandbox.members(12)["cara.stone@example.com"]
    sandbox.change(shared_phone="merge")
    assert _reported(run_import(row)) == {}
    assert sandbox.members(12)["cara.stone@example.com"][name] == number.lstrip("+0")
    assert (ADA if name == "WHATSAPP" else BEN) not in sandbox.account.contacts


def test_merging_follows_the_order_of_the_identifiers(run_import: RunImport, sandbox: BrevoSandbox):
    sandbox.change(shared_phone="merge")
    run_import(_row("cara.stone@example.com", EXT_ID="C-1", LANDLINE_NUMBER="441134960102"))
    assert set(sandbox.account.contacts) == {"cara.stone@example.com", BLOCKED}
    assert sandbox.members(12)["cara.stone@example.com"] == {
        "CITY": "Leeds",
        "SMS": "447700900101",
        "EXT_ID": "C-1",
        "WHATSAPP": "447700900201",
        "LANDLINE_NUMBER": "441134960102",
    }


def test_number_with_a_new_address_changes_the_address_where_numbers_merge(
    run_import: RunImport, sandbox: BrevoSandbox
):
    sandbox.change(shared_phone="merge")
    run_import(_row(NEW, SMS="447700900102"))
    assert list(sandbox.members(12)) == [NEW]
    assert BEN not in sandbox.account.contacts


def test_row_without_an_address_is_a_contact_by_any_other_identifier(
    run_import: RunImport, brevo: Brevo, sandbox: BrevoSandbox
):
    process = run_import(_row(EXT_ID="C-9"), _row(SMS="+447700900999"), _row(EXT_ID="C-1", CITY="Hull"))
    assert _reported(process) == {}
    nameless = brevo.contacts.get_contact_info("C-9", identifier_type="ext_id")
    assert (nameless.email, nameless.list_ids) == (None, [12])
    by_number = brevo.contacts.get_contact_info("447700900999", identifier_type="phone_id")
    assert by_number.id == nameless.id + 1
    assert brevo.contacts.get_contact_info(ADA).attributes.CITY == "Hull"
    run_import(_row(NEW, EXT_ID="C-9"))
    assert brevo.contacts.get_contact_info(nameless.id).email == NEW


@pytest.mark.parametrize("shared_phone", ["skip_contact", "drop_phone", "merge"])
def test_row_with_nothing_but_a_number_belongs_to_the_contact_that_has_it(
    run_import: RunImport, sandbox: BrevoSandbox, shared_phone: str
):
    sandbox.change(shared_phone=shared_phone)
    assert _reported(run_import(_row(SMS="447700900102", CITY="Hull"))) == {}
    assert sandbox.members(12)[BEN]["CITY"] == "Hull"


def test_row_that_is_left_out_deletes_nobody(run_import: RunImport, sandbox: BrevoSandbox):
    row = _row(BEN, EXT_ID="C-1", LANDLINE_NUMBER="441134960199")
    sandbox.seed(contacts=[{"email": BLOCKED, "attributes": {"LANDLINE_NUMBER": "441134960199"}}])
    assert _reported(run_import(row)) == {"duplicate_landline_number_id": [BEN]}
    assert {ADA, BEN, BLOCKED} <= set(sandbox.account.contacts)


def test_number_of_the_contact_that_loses_goes_to_the_one_that_stays(run_import: RunImport, sandbox: BrevoSandbox):
    assert _reported(run_import(_row(BEN, EXT_ID="C-1", SMS="447700900102"))) == {}
    assert sandbox.members(12)[BEN]["SMS"] == "447700900102"
    assert ADA not in sandbox.account.contacts


@pytest.mark.parametrize("row", [_row(), _row(""), _row(CITY="Hull"), _row(SMS="call me"), _row(EXT_ID="")])
def test_row_without_any_identifier_is_reported(run_import: RunImport, sandbox: BrevoSandbox, row: dict):
    assert _reported(run_import(row, emptyContactsAttributes=True)) == {"invalid_emails": [""]}
    assert sandbox.members(12) == {}


def test_row_with_a_broken_address_is_reported_whatever_else_it_has(run_import: RunImport):
    assert _reported(run_import(_row("broken", EXT_ID="C-1"))) == {"invalid_emails": ["broken"]}


@pytest.mark.parametrize(("keeps", "city"), [("first", "Hull"), ("last", "York")])
def test_repeated_ext_id_within_an_import_is_reported_or_the_last_one_counts(
    run_import: RunImport, sandbox: BrevoSandbox, keeps: str, city: str
):
    sandbox.change(repeated_email_keeps=keeps)
    process = run_import(_row(ADA, EXT_ID="C-1", CITY="Hull"), _row(NEW, EXT_ID="C-1", CITY="York"))
    (address,) = sandbox.members(12)
    assert (address, sandbox.members(12)[address]["CITY"]) == (ADA if keeps == "first" else NEW, city)
    assert _reported(process) == {"duplicate_ext_id": [NEW]}


def test_import_that_updates_nobody_leaves_the_owner_of_an_ext_id_as_it_is(
    run_import: RunImport, sandbox: BrevoSandbox
):
    run_import(_row(NEW, EXT_ID="C-1", CITY="Hull"), updateExistingContacts=False)
    assert sandbox.members(12)[ADA]["CITY"] == "Leeds"


def test_erased_identifier_is_free_for_another_contact(run_import: RunImport, sandbox: BrevoSandbox):
    run_import(_row(ADA, EXT_ID=""), emptyContactsAttributes=True)
    run_import(_row(NEW, EXT_ID="C-1"))
    assert set(sandbox.members(12)) == {ADA, NEW}
