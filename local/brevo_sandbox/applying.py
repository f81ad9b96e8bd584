"""What an import does to the contacts. Source: https://developers.brevo.com/reference/import-contacts

Where the vendor is silent, or users disagree, the behaviour is a setting.
"""

import time
from collections import Counter, defaultdict
from typing import Any

from local.brevo_sandbox.attribute_values import UNUSABLE, Convert, converter
from local.brevo_sandbox.import_request import ImportOrder, Rows
from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import Account, Contact, is_email

REPORTS = (
    "invalid_emails",
    "duplicate_contact_id",
    "duplicate_ext_id",
    "duplicate_email_id",
    "duplicate_phone_id",
    "duplicate_whatsapp_id",
    "duplicate_landline_number_id",
)
_ROWS_A_TURN = 1_000


class Applied:
    """One import's work on the account, and what came of it."""

    def __init__(self, account: Account, order: ImportOrder, settings: SandboxSettings) -> None:
        self._account = account
        self._order = order
        self._settings = settings
        self._seen: set[str] = set()
        self._now = time.time()
        self.created = 0
        self.updated = 0
        self.ignored_attributes: Counter[str] = Counter()
        self.unusable_values: Counter[str] = Counter()
        self.rejected: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        with account.lock:
            self._places: dict[str, tuple[int, Convert]] = {
                attribute.name: (place, converter(attribute, settings))
                for place, attribute in enumerate(account.attributes)
                if attribute.category in ("normal", "category")
            }
            self._width = len(account.attributes)
            self._phone = account.phone_position()
            self._lists = [account.lists[number] for number in order.list_ids]

    def apply(self, rows: Rows) -> None:
        """Work through the rows in turns, so that other requests are answered in between."""
        for start in range(0, len(rows), _ROWS_A_TURN):
            with self._account.lock:
                for row in rows[start : start + _ROWS_A_TURN]:
                    self._apply_row(row)

    def _apply_row(self, row: dict[str, Any]) -> None:
        written = row.get("email")
        email = written.strip().lower() if isinstance(written, str) else ""
        attributes: dict[str, Any] = row.get("attributes") or {}
        if not is_email(email):
            self._reject("invalid_emails", "" if written is None else str(written), attributes)
            return
        if email in self._seen:
            self._reject("duplicate_email_id", email, attributes)
            if self._settings.repeated_email_keeps == "first":
                return
        self._seen.add(email)
        known = self._account.contacts.get(email)
        changes = self._changes(attributes) if known is None or self._order.update_existing else {}
        if not self._phone_is_free(known, changes):
            self._reject("duplicate_phone_id", email, attributes)
            if self._settings.shared_phone == "skip_contact":
                return
            changes.pop(self._phone)
        self._write(known, email, changes)

    def _changes(self, attributes: dict[str, Any]) -> dict[int | None, Any]:
        changes: dict[int | None, Any] = {}
        for name, value in attributes.items():
            place = self._places.get(name)
            if place is None:
                self.ignored_attributes[name] += 1
            elif value is None or value == "":
                if self._order.erase_empty:
                    changes[place[0]] = None
            else:
                stored = place[1](value)
                if stored is UNUSABLE:
                    self.unusable_values[name] += 1
                else:
                    changes[place[0]] = stored
        return changes

    def _phone_is_free(self, known: Contact | None, changes: dict[int | None, Any]) -> bool:
        # Two contacts cannot share a number; https://help.brevo.com/hc/en-us/articles/360018727839
        number = changes.get(self._phone) if self._phone is not None else None
        owner = self._account.phone_owners.get(number) if number is not None else None
        return owner is None or owner is known

    def _write(self, known: Contact | None, email: str, changes: dict[int | None, Any]) -> None:
        contact = known or self._account.contact_for(email)
        self.created += known is None
        self.updated += known is not None
        if changes:
            values = list(contact.values)
            values.extend([None] * (self._width - len(values)))
            for place, value in changes.items():
                if place is not None:
                    values[place] = value
            self._account.store(contact, values, self._phone)
        contact.modified_at = self._now
        for each in self._lists:
            if not each.leavers:
                each.members.setdefault(contact.id, contact)
            elif self._settings.reimport_puts_back_leavers or contact.id not in each.leavers:
                each.join(contact)
        if self._order.email_blacklist is not None or self._order.sms_blacklist is not None:
            self._account.block(contact, email=self._order.email_blacklist, sms=self._order.sms_blacklist)

    def _reject(self, report: str, email: str, attributes: dict[str, Any]) -> None:
        self.rejected[report].append((email, str(attributes.get("SMS") or "")))
