"""What an account starts with, and how tests add to it."""

import time
from typing import Any

from local.brevo_sandbox.attribute_values import UNUSABLE, converter
from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import Account, Attribute

_STANDARD = {"en": ("FIRSTNAME", "LASTNAME"), "fr": ("PRENOM", "NOM")}
"""French accounts name the standard attributes differently; https://developers.brevo.com/reference/get-attributes"""

_OTHERS = (
    Attribute("SMS"),
    Attribute("CITY"),
    Attribute("COUNTRY"),
    Attribute("BIRTHDAY", "date"),
    Attribute("CUSTOMER_SINCE", "date"),
    Attribute("LIFETIME_VALUE", "float"),
    Attribute("NEWSLETTER_OPT_IN", "boolean"),
    Attribute("LOYALTY_TIER", "text", "category", enumeration=(("1", "Bronze"), ("2", "Silver"), ("3", "Gold"))),
    Attribute("INTERESTS", "multiple-choice", options=("Coffee", "Tea", "Chocolate")),
    Attribute("BLACKLIST", "float", "global", formula="COUNT[BLACKLISTED,BLACKLISTED,<,NOW()]"),
    Attribute("EXT_ID"),
    Attribute("WHATSAPP"),
    Attribute("LANDLINE_NUMBER"),
)

DEFAULT_CONTACTS: tuple[dict[str, Any], ...] = (
    {
        "email": "ada.brook@example.com",
        "attributes": {"CITY": "Leeds", "SMS": "+447700900101"},
        "lists": [13],
    },
    {"email": "ben.frost@example.com", "attributes": {"CITY": "Bath"}, "lists": [13]},
    {"email": "cara.stone@example.com", "attributes": {"BIRTHDAY": "1988-02-29"}, "lists": [13]},
    {
        "email": "blocked.person@example.com",
        "attributes": {"CITY": "York"},
        "lists": [13],
        "emailBlacklisted": True,
    },
)
"""Contacts of list 13 that an export to list 12 must leave alone; the last one has unsubscribed."""


def fresh_account(settings: SandboxSettings) -> Account:
    """An account with lists 12 and 13, the usual attributes and a few contacts."""
    account = Account()
    account.add_folder("Your first folder", 1)
    account.add_list("High-value customers", number=12)
    account.add_list("Newsletter", number=13)
    if settings.test_list is not None:
        account.add_list("For trials", number=settings.test_list)
        account.add_list("For probes", number=settings.test_list - 1)
    for name in _STANDARD[settings.language]:
        account.add_attribute(Attribute(name))
    for attribute in _OTHERS:
        account.add_attribute(attribute)
    seed(account, {"contacts": list(DEFAULT_CONTACTS)}, SandboxSettings())
    return account


def seed(account: Account, document: dict[str, Any], settings: SandboxSettings) -> None:
    """Put lists, attributes and contacts into the account, past all limits and processes.

    Shape: `{"folders": [{"id", "name"}], "lists": [{"id", "name", "folderId"}],
    "attributes": [{"name", "type", "category", "enumeration": [{"value", "label"}], "options", "value"}],
    "contacts": [{"email", "attributes", "lists", "listUnsubscribed", "emailBlacklisted", "smsBlacklisted"}]}`;
    all optional.
    Raises: KeyError or ValueError when a part is missing or wrong.
    """
    for folder in document.get("folders", []):
        account.add_folder(folder["name"], folder.get("id"))
    for wanted in document.get("lists", []):
        account.add_list(wanted["name"], wanted.get("folderId", 1), wanted.get("id"))
    for attribute in document.get("attributes", []):
        account.add_attribute(attribute_of(attribute["name"], attribute))
    with account.lock:
        for contact in document.get("contacts", []):
            _seed_contact(account, contact, settings)


def attribute_of(name: str, document: dict[str, Any]) -> Attribute:
    """An attribute as `POST /contacts/attributes/{attributeCategory}/{attributeName}` describes it."""
    enumeration = tuple((str(each["value"]), each["label"]) for each in document.get("enumeration") or [])
    options = tuple(document.get("multiCategoryOptions") or document.get("options") or [])
    kind = document.get("type") or "text"
    category, formula = document.get("category", "normal"), document.get("value") or ""
    return Attribute(name.upper(), kind, category, enumeration, options, formula)


def _seed_contact(account: Account, wanted: dict[str, Any], settings: SandboxSettings) -> None:
    contact = account.contact_for(wanted.get("email", "").strip().lower(), time.time())
    places = {attribute.name: place for place, attribute in enumerate(account.attributes)}
    values: dict[int, Any] = {}
    for name, value in wanted.get("attributes", {}).items():
        stored = converter(account.attributes[places[name]], settings)(value)
        if stored is UNUSABLE:
            raise ValueError(f"{name} cannot hold this value")
        values[places[name]] = stored
    account.store(contact, values)
    for number in wanted.get("lists", []):
        account.lists[number].join(contact)
    for number in wanted.get("listUnsubscribed", []):
        account.lists[number].leave(contact)
    account.block(contact, email=wanted.get("emailBlacklisted"), sms=wanted.get("smsBlacklisted"))
