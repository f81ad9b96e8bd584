"""Contacts that the tests of the vendor's client send."""

from brevo.contacts import (
    ImportContactsRequestJsonBodyItem,
)

PEOPLE = [
    {"email": "Ana.Pop@Example.com", "attributes": {"FIRSTNAME": "Ana", "SMS": "+40722000001"}},
    {"email": "ion@example.com", "attributes": {"FIRSTNAME": "Ion", "LIFETIME_VALUE": 12}},
]


def items_of(people: list[dict]) -> list[ImportContactsRequestJsonBodyItem]:
    return [ImportContactsRequestJsonBodyItem(**person) for person in people]
