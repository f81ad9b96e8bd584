"""A list's members: put in and taken out by hand, counted at once, exported in each form, removed by half."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from brevo import Brevo
from brevo.contacts import RequestContactExportRequestCustomContactFilter as Filter
from brevo.core.api_error import ApiError
from brevo.errors import BadRequestError, NotFoundError

from local.brevo_sandbox import BrevoSandbox
from shared.brevo.contact_export import ExportedContact, look_up_export, read_export
from shared.brevo.removal import Removed, removal_bodies, remove_contacts
from shared.brevo.session import BrevoSession

ADA, BEN, BLOCKED = "ada.brook@example.com", "ben.frost@example.com", "blocked.person@example.com"
EXPORT, REMOVE = "POST /contacts/export", "POST /contacts/lists/{listId}/contacts/remove"

ReadExport = Callable[..., list[ExportedContact]]


@pytest.fixture
def read(brevo: Brevo, session: BrevoSession, sandbox: BrevoSandbox) -> ReadExport:
    """What our reader finds in an export that the vendor's client has requested."""

    def contacts(action: Any = "allContacts", **fields: Any) -> list[ExportedContact]:
        wanted = Filter(action_for_contacts=action, list_id=13)
        number = brevo.contacts.request_contact_export(custom_contact_filter=wanted, **fields).process_id
        sandbox.wait_until_idle()
        return list(read_export(look_up_export(session, number).url, session.base_url))

    return contacts


def emails(brevo: Brevo, list_id: int) -> list[str | None]:
    return [each.email for each in brevo.contacts.get_contacts_from_list(list_id, sort="asc").contacts]


def test_people_join_a_list_and_are_taken_out_of_it_by_hand(brevo: Brevo, sandbox: BrevoSandbox):
    changes = [{"email": BEN, "joins": [12]}, {"email": ADA, "joins": [12]}, {"email": BEN, "removedFrom": [13]}]
    answer = requests.post(f"{sandbox.origin}/sandbox/contacts", json={"contacts": changes}, timeout=10)
    assert {number: each["members"] for number, each in answer.json()["lists"].items()} == {"12": 2, "13": 3}
    assert emails(brevo, 12) == [ADA, BEN], "the order is that in which the contacts were made"
    contact = brevo.contacts.get_contact_info(BEN)
    assert (contact.list_ids, contact.list_unsubscribed) == ([12], [])
    sandbox.change_contact(BEN, leaves=[12])
    sandbox.change_contact(BEN, joins=[12])
    assert brevo.contacts.get_contact_info(BEN).list_unsubscribed == []


@pytest.mark.parametrize("change", [{"joins": [999]}, {"removedFrom": [999]}])
def test_unknown_list_is_a_bad_request(sandbox: BrevoSandbox, change: dict):
    body = {"contacts": [{"email": BEN} | change]}
    assert requests.post(f"{sandbox.origin}/sandbox/contacts", json=body, timeout=10).status_code == 400


def test_counters_of_a_list_are_right_at_once_after_a_removal(brevo: Brevo):
    brevo.contacts.remove_contact_from_list(13, request={"ids": [1, 4]})
    found = brevo.contacts.get_list(13)
    assert (found.unique_subscribers, found.total_subscribers, found.total_blacklisted) == (2, 2, 0)
    assert brevo.contacts.get_contacts_from_list(13).count == 2


def test_pages_of_members_follow_each_other_in_either_order(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change_contact(ADA, removedFrom=[13])
    sandbox.change_contact(ADA, joins=[13])
    for sort, numbers in (("asc", [1, 2, 3, 4]), ("desc", [4, 3, 2, 1])):
        pages = [
            brevo.contacts.get_contacts_from_list(13, limit=2, offset=offset, sort=sort).contacts for offset in (0, 2)
        ]
        assert [each.id for page in pages for each in page] == numbers
    with pytest.raises(BadRequestError):
        brevo.contacts.get_contacts_from_list(13, limit=501)
    with pytest.raises(NotFoundError):
        brevo.contacts.get_contacts_from_list(999)


@pytest.mark.parametrize(
    ("form", "columns", "knows"),
    [
        ("status", ["EMAIL_MARKETING", "SMS_MARKETING"], True),
        ("channels", ["_SUBSCRIBED", "_BLOCKLISTED"], True),
        ("flags", ["EMAIL_BLACKLISTED", "SMS_BLACKLISTED"], True),
        ("none", [], False),
    ],
)
def test_export_says_who_is_blocked_in_each_form(
    read: ReadExport, sandbox: BrevoSandbox, http, form: Any, columns: list[str], knows: bool
):
    sandbox.change(export_blocked=form)
    sandbox.change_contact(ADA, smsBlacklisted=True)
    found = read(export_subscription_status=["email_marketing", "sms_marketing"])
    wanted = {ADA: False, BEN: False, "cara.stone@example.com": False, BLOCKED: True}
    assert {each.email: each.blocked for each in found} == (wanted if knows else dict.fromkeys(wanted))
    link = http.get(f"{sandbox.base_url}/processes/78", timeout=10).json()["export_url"]
    assert requests.get(link, timeout=10).text.splitlines()[0].split(";")[4:] == columns
    assert {each.blocked for each in read()} == {None}, "nobody asked for it"


@pytest.mark.parametrize(("kind", "numbers"), [("export-empty", []), ("export-tenfold", [1, 2, 3, 4])])
def test_export_can_name_nobody_or_ten_times_as_many(
    read: ReadExport, sandbox: BrevoSandbox, kind: str, numbers: list[int]
):
    sandbox.fail_next(EXPORT, kind)
    found = read()
    known = [each.number for each in found if each.number in sandbox.account.numbered]
    assert (known, len(found)) == (numbers, 10 * len(numbers))
    assert len(read()) == 4
    assert len(sandbox.members(13)) == 4


@pytest.mark.parametrize(("kind", "status"), [("400", 400), ("404", 404), ("429", 429), ("524-after", 524)])
def test_removal_can_be_refused_or_its_answer_lost(brevo: Brevo, sandbox: BrevoSandbox, kind: str, status: int):
    sandbox.fail_next(REMOVE, kind)
    with pytest.raises(ApiError) as caught:
        brevo.contacts.remove_contact_from_list(13, request={"ids": [1, 2]})
    assert caught.value.status_code == status
    assert len(sandbox.members(13)) == (2 if kind.endswith("after") else 4)


def test_removal_can_be_done_by_half(brevo: Brevo, session: BrevoSession, sandbox: BrevoSandbox):
    sandbox.fail_next(REMOVE, "remove-half")
    removed = brevo.contacts.remove_contact_from_list(13, request={"ids": [1, 2, 3]}).contacts
    assert (removed.success, removed.failure) == ([1, 2], [3])
    sandbox.change_contact(ADA, joins=[13])
    sandbox.fail_next(REMOVE, "remove-half")
    (body,) = removal_bodies("ids", [1, 3])
    assert remove_contacts(session, 13, body) == Removed(2, 0)
    assert set(sandbox.members(13)) == {BLOCKED}
    with pytest.raises(ValueError, match="does not apply"):
        sandbox.fail_next(EXPORT, "remove-half")


def press(sandbox: BrevoSandbox, **fields: str) -> str:
    headers = {"Origin": sandbox.origin}
    return requests.post(f"{sandbox.origin}/buttons", data=fields, headers=headers, timeout=10).text


def test_exports_are_refused_until_all_is_well(read: ReadExport, sandbox: BrevoSandbox):
    assert "Exports of contacts are refused." in press(sandbox, mood="exports-refused")
    with pytest.raises(ApiError) as caught:
        read()
    assert caught.value.status_code == 403
    assert "All is well." in press(sandbox, mood="calm")
    assert len(read()) == 4


@pytest.mark.parametrize("mood", ["export-empty", "export-tenfold", "export-stuck", "remove-half"])
def test_buttons_are_about_the_next_request(sandbox: BrevoSandbox, mood: str):
    route = REMOVE if mood == "remove-half" else EXPORT
    assert f"The next call of {route} fails." in press(sandbox, mood=mood).replace("&#x27;", "'")
    assert sandbox.world.faults.draw(route) == mood


def test_buttons_put_a_contact_into_a_list_and_take_it_out(brevo: Brevo, sandbox: BrevoSandbox):
    assert "A colleague or a form" in press(sandbox, change="join", email=BEN, list="12")
    assert emails(brevo, 12) == [BEN]
    press(sandbox, change="remove", email=BEN, list="12")
    assert emails(brevo, 12) == []
    assert brevo.contacts.get_contact_info(BEN).list_unsubscribed == []
