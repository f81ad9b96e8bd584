"""The account: attributes, folders, lists and contacts. It knows nothing of HTTP or of imports.

A million contacts fit: a contact's values are one tuple in the order of the account's attributes.
"""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

EMAIL = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]"
)
EMAIL_LENGTH = 254


def is_email(text: str) -> bool:
    """Whether the sandbox takes the text for an e-mail address."""
    return len(text) <= EMAIL_LENGTH and EMAIL.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Attribute:
    """A contact attribute. Source: https://developers.brevo.com/reference/get-attributes

    `enumeration` has the value, as a text, and the label of each option of a category; `formula` is a calculated one's.
    """

    name: str
    type: str = "text"
    category: str = "normal"
    enumeration: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    formula: str = ""


PHONES = ("SMS", "WHATSAPP", "LANDLINE_NUMBER")
IDENTIFIERS = ("EXT_ID", *PHONES)
"""Attributes whose value only one contact has. Before them the contact's number, after EXT_ID its address.

Source: https://help.brevo.com/hc/en-us/articles/32331116133522
"""


class Contact:
    """A contact. `values` follows `Account.attributes`; it is replaced, never changed in place.

    `email` is in lower case, and empty where the contact has none.
    """

    __slots__ = ("created_at", "email", "email_blocked", "id", "modified_at", "sms_blocked", "values")

    def __init__(self, number: int, email: str, now: float) -> None:
        self.id = number
        self.email = email
        self.values: tuple[Any, ...] = ()
        self.email_blocked = False
        self.sms_blocked = False
        self.created_at = now
        self.modified_at = now


@dataclass(slots=True)
class ContactList:
    """A list: its members by contact number, in the order in which they joined, and who unsubscribed from it."""

    id: int
    name: str
    folder_id: int
    created_at: float = field(default_factory=time.time)
    members: dict[int, Contact] = field(default_factory=dict)
    leavers: dict[int, Contact] = field(default_factory=dict)

    def leave(self, contact: Contact) -> None:
        """The contact unsubscribes from this list."""
        self.members.pop(contact.id, None)
        self.leavers[contact.id] = contact

    def join(self, contact: Contact) -> None:
        """The contact is in the list, whatever it did before."""
        self.leavers.pop(contact.id, None)
        self.members.setdefault(contact.id, contact)


class Account:
    """Everything that an account stores. Public methods take the lock; `lock` is re-entrant.

    `owners` gives, for each identifier, the contact that has a value; `identifying` the same by position in `values`.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.attributes: list[Attribute] = []
        self.folders: dict[int, str] = {}
        self.lists: dict[int, ContactList] = {}
        self.contacts: dict[str, Contact] = {}
        self.numbered: dict[int, Contact] = {}
        self.owners: dict[str, dict[str, Contact]] = {name: {} for name in IDENTIFIERS}
        self.identifying: dict[int, dict[str, Contact]] = {}
        self._blocked: dict[int, Contact] = {}
        self._numbers = count(1)
        self.remove_all_calls = 0

    # Attributes, folders and lists

    def add_attribute(self, attribute: Attribute) -> bool:
        """Create an attribute; False when the name is taken."""
        with self.lock:
            if any(known.name == attribute.name for known in self.attributes):
                return False
            if attribute.name in self.owners:
                self.identifying[len(self.attributes)] = self.owners[attribute.name]
            self.attributes.append(attribute)
            return True

    def add_folder(self, name: str, number: int | None = None) -> int:
        """Create a folder and return its number."""
        with self.lock:
            number = number or max(self.folders, default=0) + 1
            self.folders[number] = name
            return number

    def add_list(self, name: str, folder_id: int = 1, number: int | None = None) -> ContactList:
        """Create a list, or rename the one with that number."""
        with self.lock:
            number = number or max(self.lists, default=0) + 1
            known = self.lists.get(number)
            if known is not None:
                known.name = name
                return known
            created = ContactList(number, name, folder_id)
            self.lists[number] = created
            return created

    # Contacts

    def contact_for(self, email: str, now: float) -> Contact:
        """The contact with this lower-case address, created when there is none or it is empty. Hold the lock.

        Units: `now` in seconds since 1970.
        """
        contact = self.contacts.get(email)
        if contact is None:
            contact = Contact(next(self._numbers), email, now)
            if email:
                self.contacts[email] = contact
            self.numbered[contact.id] = contact
        return contact

    def number_from(self, number: int) -> None:
        """Give the next contact that is created this number; it must be free."""
        self._numbers = count(number)

    def store(self, contact: Contact, changes: dict[int, Any]) -> None:
        """Change a contact's values by their positions, and keep the owners of identifiers true. Hold the lock."""
        before, identifying = contact.values, self.identifying
        values: list[Any] = [None] * len(self.attributes)
        if before:
            values[: len(before)] = before
        for position, value in changes.items():
            if position in identifying and values[position] != value:
                _change_owner(identifying[position], contact, values[position], value)
            values[position] = value
        contact.values = tuple(values)

    def delete(self, contact: Contact) -> None:
        """Remove a contact with all that is known of it. Hold the lock."""
        self.block(contact, email=False)
        self.contacts.pop(contact.email, None)
        del self.numbered[contact.id]
        for each in self.lists.values():
            each.members.pop(contact.id, None)
            each.leavers.pop(contact.id, None)
        self.store(contact, dict.fromkeys(self.identifying))

    def block(self, contact: Contact, *, email: bool | None = None, sms: bool | None = None) -> None:
        """Set what a contact is blocked for; None leaves it as it is."""
        with self.lock:
            if email is not None:
                contact.email_blocked = email
                if email:
                    self._blocked[contact.id] = contact
                else:
                    self._blocked.pop(contact.id, None)
            if sms is not None:
                contact.sms_blocked = sms

    @property
    def blocked(self) -> set[str]:
        """The addresses of the contacts that are blocked for e-mail."""
        with self.lock:
            return {each.email for each in self._blocked.values()}

    def change_address(self, contact: Contact, email: str, *, lifts_block: bool) -> None:
        """Give a contact another lower-case address. Raises: ValueError when another contact has it."""
        with self.lock:
            if self.contacts.get(email, contact) is not contact:
                raise ValueError("another contact has this address")
            self.contacts.pop(contact.email, None)
            contact.email = email
            self.contacts[email] = contact
            if lifts_block:
                self.block(contact, email=False)

    def attributes_of(self, contact: Contact) -> dict[str, Any]:
        """A contact's values by the names of the attributes; without the ones it has no value for."""
        return {
            attribute.name: list(value) if isinstance(value, tuple) else value
            for attribute, value in zip(self.attributes, contact.values, strict=False)
            if value is not None
        }

    def lists_of(self, contact: Contact) -> list[int]:
        """The numbers of the lists that a contact is in."""
        return [each.id for each in list(self.lists.values()) if contact.id in each.members]

    def left_by(self, contact: Contact) -> list[int]:
        """The numbers of the lists that a contact has unsubscribed from."""
        return [each.id for each in list(self.lists.values()) if contact.id in each.leavers]

    # Reading many

    def totals(self, contact_list: ContactList) -> tuple[int, int]:
        """Members in all, and how many of them are blocked."""
        with self.lock:
            blocked = sum(each.id in contact_list.members for each in self._blocked.values())
            return len(contact_list.members), blocked

    def members_page(self, contact_list: ContactList, limit: int, offset: int, newest: bool) -> list[Contact]:
        """One page of a list's members, in the order in which the contacts were made, whenever they joined.

        Source: https://developers.brevo.com/reference/get-contacts-from-list (`sort`)
        """
        with self.lock:
            numbers = sorted(contact_list.members, reverse=newest)[offset : offset + limit]
            return [contact_list.members[number] for number in numbers]

    def contacts_page(self, limit: int, offset: int, newest: bool) -> list[Contact]:
        """One page of all contacts."""
        with self.lock:
            return _page(self.numbered, limit, offset, newest)

    def snapshot(self, list_id: int | None = None) -> list[Contact]:
        """All contacts, or those of one list, as they are now. Raises: KeyError for an unknown list."""
        with self.lock:
            if list_id is None:
                return list(self.numbered.values())
            return list(self.lists[list_id].members.values())


def _page(contacts: dict[int, Contact], limit: int, offset: int, newest: bool) -> list[Contact]:
    walk: Iterator[Contact] = reversed(contacts.values()) if newest else iter(contacts.values())
    return list(islice(walk, offset, offset + limit))


def _change_owner(owners: dict[str, Contact], contact: Contact, before: str | None, after: str | None) -> None:
    if before is not None and owners.get(before) is contact:
        del owners[before]
    if after is not None:
        owners[after] = contact
