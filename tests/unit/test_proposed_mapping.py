"""The mapping that is proposed by the names of columns."""

import pytest

from shared.config.mapping import Mapping
from shared.mapping.proposal import ProposedMapping, propose_mapping


@pytest.mark.parametrize(
    ("columns", "email", "first", "last", "phone", "attributes"),
    [
        ("CustomerId EMail FirstName LastName Telephone City", "EMail", "FirstName", "LastName", "Telephone", ["City"]),
        ("adresa_email prenume nume telefon_mobil Oraș", "adresa_email", "prenume", "nume", "telefon_mobil", ["Oraș"]),
        ("E-Mail-Adresse Vorname Nachname Handy-Nr Ort", "E-Mail-Adresse", "Vorname", "Nachname", None, ["Ort"]),
        ("Courriel Prénom Nom Téléphone Ville", "Courriel", "Prénom", "Nom", "Téléphone", ["Ville"]),
        ("emailaddress1 firstname lastname telephone1 mobilephone", "emailaddress1", "firstname", "lastname",
         "mobilephone", []),
        ("Customer_Email Contact.FirstName", "Customer_Email", "Contact.FirstName", None, None, []),
        ("CustomerId Amount", None, None, None, None, []),
    ],
    ids=["English", "Romanian", "German", "French", "Dynamics 365", "with a prefix", "nothing likely"],
)  # fmt: skip
def test_likely_columns_are_proposed(columns, email, first, last, phone, attributes):
    found = propose_mapping(tuple(columns.split()))
    assert (found.email, found.first_name, found.last_name, found.phone) == (email, first, last, phone)
    assert list(found.attributes.values()) == attributes


@pytest.mark.parametrize(
    ("column", "attribute"),
    [
        ("Birth Date", "BIRTHDAY"),
        ("Data nașterii", "BIRTHDAY"),
        ("Geburtsdatum", "BIRTHDAY"),
        ("Date de naissance", "BIRTHDAY"),
        ("Țara", "COUNTRY"),
        ("Postleitzahl", "POSTAL_CODE"),
    ],
)
def test_other_likely_columns_are_attributes(column, attribute):
    assert propose_mapping(("EMail", column)).attributes == {attribute: column}


def test_column_that_no_export_could_name_is_not_proposed():
    assert propose_mapping(("EMail", "email", "FirstName")).email == "EMail"
    assert propose_mapping(("EMAIL", "eMail", "eMail")) == ProposedMapping(email="EMAIL")
    assert propose_mapping(("eMail", "eMail")) == ProposedMapping()


def test_what_is_proposed_is_a_mapping_that_the_configuration_takes():
    proposed = propose_mapping(("EMail", "Vorname", "Nachname", "Telefon", "Stadt", "Geburtstag"))
    values = {name: getattr(proposed, name) for name in ProposedMapping.__slots__}
    mapping = Mapping.model_validate(values)
    assert {name: field.field for name, field in mapping.named_fields().items()} == {
        "FIRSTNAME": "Vorname",
        "LASTNAME": "Nachname",
        "SMS": "Telefon",
        "CITY": "Stadt",
        "BIRTHDAY": "Geburtstag",
    }
