"""The vendor's own Python client reads and makes lists and attributes, and who is in a list."""

import pytest
from brevo import Brevo
from brevo.errors import BadRequestError, NotFoundError

from local.brevo_sandbox import BrevoSandbox


def test_official_client_reads_lists_with_their_counters(brevo: Brevo):
    page = brevo.contacts.get_lists(limit=50, sort="asc")
    assert page.count == 2
    assert [(each.id, each.name, each.folder_id) for each in page.lists] == [
        (12, "High-value customers", 1),
        (13, "Newsletter", 1),
    ]
    newsletter = brevo.contacts.get_list(13)
    assert newsletter.name == "Newsletter"
    assert (newsletter.unique_subscribers, newsletter.total_subscribers, newsletter.total_blacklisted) == (4, 3, 1)


def test_official_client_gets_not_found_for_an_unknown_list(brevo: Brevo):
    with pytest.raises(NotFoundError) as caught:
        brevo.contacts.get_list(999)
    assert caught.value.body["code"] == "document_not_found"


def test_official_client_creates_a_list(brevo: Brevo):
    created = brevo.contacts.create_list(folder_id=1, name="Autumn")
    assert brevo.contacts.get_list(created.id).name == "Autumn"
    with pytest.raises(BadRequestError):
        brevo.contacts.create_list(folder_id=77, name="Nowhere")


def test_official_client_reads_attributes_of_every_kind(brevo: Brevo):
    found = {each.name: each for each in brevo.contacts.get_attributes().attributes}
    assert (found["FIRSTNAME"].category, found["FIRSTNAME"].type) == ("normal", "text")
    assert found["BIRTHDAY"].type == "date"
    assert [each.label for each in found["LOYALTY_TIER"].enumeration] == ["Bronze", "Silver", "Gold"]
    assert found["INTERESTS"].multi_category_options == ["Coffee", "Tea", "Chocolate"]


def test_official_client_creates_an_attribute_once(brevo: Brevo):
    brevo.contacts.create_attribute("normal", "SHOE_SIZE", type="float")
    assert {each.name: each.type for each in brevo.contacts.get_attributes().attributes}["SHOE_SIZE"] == "float"
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.create_attribute("normal", "shoe_size", type="float")
    assert caught.value.body["code"] == "duplicate_parameter"


@pytest.mark.parametrize(
    "wrong",
    [
        {"attribute_category": "normal", "attribute_name": "NO TYPE", "type": "text"},
        {"attribute_category": "normal", "attribute_name": "NO_TYPE"},
        {"attribute_category": "odd", "attribute_name": "AGE", "type": "float"},
        {"attribute_category": "normal", "attribute_name": "AGE", "type": "number"},
        {
            "attribute_category": "normal",
            "attribute_name": "LONG",
            "type": "multiple-choice",
            "multi_category_options": ["x" * 201],
        },
    ],
)
def test_official_client_gets_a_bad_request_for_a_wrong_attribute(brevo: Brevo, wrong: dict):
    with pytest.raises(BadRequestError):
        brevo.contacts.create_attribute(**wrong)


def test_official_client_adds_and_removes_known_contacts(brevo: Brevo):
    added = brevo.contacts.add_contact_to_list(
        12, request={"emails": ["ada.brook@example.com", "stranger@example.com"]}
    )
    assert (added.contacts.success, added.contacts.failure) == (
        ["ada.brook@example.com"],
        ["stranger@example.com"],
    )
    removed = brevo.contacts.remove_contact_from_list(
        12, request={"emails": ["ada.brook@example.com", "ben.frost@example.com"]}
    )
    assert (removed.contacts.success, removed.contacts.failure) == (
        ["ada.brook@example.com"],
        ["ben.frost@example.com"],
    )


def test_official_client_gets_a_bad_request_when_nobody_could_be_added_or_removed(brevo: Brevo):
    nobody = {"emails": ["stranger@example.com"]}
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.add_contact_to_list(12, request=nobody)
    assert "already in list and/or does not exist" in caught.value.body["message"]
    with pytest.raises(BadRequestError) as caught:
        brevo.contacts.remove_contact_from_list(12, request=nobody)
    assert caught.value.body["code"] == "invalid_parameter"


def test_official_client_may_not_remove_more_than_150_at_once(brevo: Brevo):
    many = [f"someone{number}@example.com" for number in range(151)]
    with pytest.raises(BadRequestError):
        brevo.contacts.remove_contact_from_list(13, request={"emails": many})
    with pytest.raises(NotFoundError):
        brevo.contacts.remove_contact_from_list(999, request={"emails": many[:1]})


def test_official_client_reads_folders(brevo: Brevo):
    folders = brevo.contacts.get_folders(limit=10, offset=0)
    assert folders.count == 1
    assert folders.folders[0].id == 1


def test_official_client_creates_a_folder_and_a_list_in_it(brevo: Brevo):
    made = brevo.contacts.create_folder(name="Segment Export")
    found = brevo.contacts.get_folders(limit=50, offset=0).folders
    assert {each.id: each.name for each in found} == {1: "Your first folder", made.id: "Segment Export"}
    created = brevo.contacts.create_list(folder_id=made.id, name="Autumn")
    assert brevo.contacts.get_list(created.id).folder_id == made.id
    again = brevo.contacts.create_list(folder_id=made.id, name="Autumn")
    assert again.id != created.id, "two lists may have one name"
    with pytest.raises(BadRequestError):
        brevo.contacts.create_folder(name=" ")


def test_removing_everybody_empties_the_list_and_is_counted(brevo: Brevo, sandbox: BrevoSandbox):
    removed = brevo.contacts.remove_contact_from_list(13, request={"all": True})
    assert removed.contacts.total == 4
    assert sandbox.members(13) == {}
    assert sandbox.summary()["remove_all_calls"] == 1


def test_contacts_can_be_named_by_their_numbers(brevo: Brevo):
    added = brevo.contacts.add_contact_to_list(12, request={"ids": [1, 2, 4711]})
    assert (added.contacts.success, added.contacts.failure) == ([1, 2], [4711])


@pytest.mark.parametrize("request_body", [{}, {"emails": []}, {"emails": ["wrong"]}, {"ids": ["1"]}])
def test_membership_call_without_proper_names_is_a_bad_request(brevo: Brevo, request_body: dict):
    with pytest.raises(BadRequestError):
        brevo.contacts.add_contact_to_list(12, request=request_body)


def test_counters_other_than_unique_subscribers_can_be_wrong_as_users_report(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change(exact_list_totals=False)
    newsletter = brevo.contacts.get_list(13)
    assert (newsletter.unique_subscribers, newsletter.total_subscribers, newsletter.total_blacklisted) == (4, 0, 0)


def test_french_account_names_the_standard_attributes_in_french(brevo: Brevo, sandbox: BrevoSandbox):
    sandbox.change(language="fr")
    sandbox.reset()
    names = {each.name for each in brevo.contacts.get_attributes().attributes}
    assert {"PRENOM", "NOM"} < names
    assert "FIRSTNAME" not in names
