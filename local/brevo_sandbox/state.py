"""The account: attributes, folders, lists and contacts. It knows nothing of HTTP or of imports.

A million contacts fit: a contact's values are one tuple in the order of the account's attributes.
"""

import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
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
    """A contact attribute. Source: https://developers.brevo.com/reference/get-attributes"""

    name: str
    type: str = "text"
    category: str = "normal"
    enumeration: tuple[tuple[int, str], ...] = ()
    options: tuple[str, ...] = ()


class Contact:
    """A contact. `values` follows `Account.attributes`; it is replaced, never changed in place."""

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
    """Everything that an account stores. Public methods take the lock; `lock` is re-entrant."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.attributes: list[Attribute] = []
        self.folders: dict[int, str] = {}
        self.lists: dict[int, ContactList] = {}
        self.contacts: dict[str, Contact] = {}
        self.numbered: list[Contact] = []
        self.phone_owners: dict[str, Contact] = {}
        self.blocked: dict[str, Contact] = {}
        self.remove_all_calls = 0

    # Attributes, folders and lists

    def add_attribute(self, attribute: Attribute) -> bool:
        """Create an attribute; False when the name is taken."""
        with self.lock:
            if any(known.name == attribute.name for known in self.attributes):
                return False
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

    def contact_for(self, email: str) -> Contact:
        """The contact with this lower-case address, created when there is none. Hold the lock."""
        contact = self.contacts.get(email)
        if contact is None:
            contact = Contact(len(self.numbered) + 1, email, time.time())
            self.contacts[email] = contact
            self.numbered.append(contact)
        return contact

    def store(self, contact: Contact, values: Iterable[Any], phone_position: int | None) -> None:
        """Replace a contact's values and keep the owners of phone numbers true. Hold the lock."""
        fresh = tuple(values)
        if phone_position is not None:
            before = contact.values[phone_position] if phone_position < len(contact.values) else None
            after = fresh[phone_position] if phone_position < len(fresh) else None
            if before != after:
                self._change_phone(contact, before, after)
        contact.values = fresh

    def _change_phone(self, contact: Contact, before: str | None, after: str | None) -> None:
        if before is not None and self.phone_owners.get(before) is contact:
            del self.phone_owners[before]
        if after is not None:
            self.phone_owners[after] = contact

    def block(self, contact: Contact, *, email: bool | None = None, sms: bool | None = None) -> None:
        """Set what a contact is blocked for; None leaves it as it is."""
        with self.lock:
            if email is not None:
                contact.email_blocked = email
                if email:
                    self.blocked[contact.email] = contact
                else:
                    self.blocked.pop(contact.email, None)
            if sms is not None:
                contact.sms_blocked = sms

    def change_address(self, contact: Contact, email: str, *, lifts_block: bool) -> None:
        """Give a contact another lower-case address. Raises: ValueError when another contact has it."""
        with self.lock:
            if self.contacts.get(email, contact) is not contact:
                raise ValueError("another contact has this address")
            blocked = contact.email_blocked
            self.block(contact, email=False)
            del self.contacts[contact.email]
            contact.email = email
            self.contacts[email] = contact
            self.block(contact, email=blocked and not lifts_block)

    def attributes_of(self, contact: Contact) -> dict[str, Any]:
        """A contact's values by the names of the attributes; without the ones it has no value for."""
        return {
            attribute.name: list(value) if isinstance(value, tuple) else value
            for attribute, value in zip(self.attributes, contact.values, strict=False)
            if value is not None
        }

    def phone_position(self) -> int | None:
        """Where in `values` the phone number stands."""
        names = [attribute.name for attribute in self.attributes]
        return names.index("SMS") if "SMS" in names else None

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
            blocked = sum(each.id in contact_list.members for each in self.blocked.values())
            return len(contact_list.members), blocked

    def members_page(self, contact_list: ContactList, limit: int, offset: int, newest: bool) -> list[Contact]:
        """One page of a list's members."""
        with self.lock:
            members = contact_list.members
            walk: Iterator[Contact] = reversed(members.values()) if newest else iter(members.values())
            return list(islice(walk, offset, offset + limit))

    def contacts_page(self, limit: int, offset: int, newest: bool) -> list[Contact]:
        """One page of all contacts."""
        with self.lock:
            total = len(self.numbered)
            if newest:
                return self.numbered[max(0, total - offset - limit) : max(0, total - offset)][::-1]
            return self.numbered[offset : offset + limit]

    def snapshot(self, list_id: int | None = None) -> list[Contact]:
        """All contacts, or those of one list, as they are now. Raises: KeyError for an unknown list."""
        with self.lock:
            if list_id is None:
                return list(self.numbered)
            return list(self.lists[list_id].members.values())
