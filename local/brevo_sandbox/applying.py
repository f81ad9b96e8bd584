"""What an import does to the contacts. Source: https://developers.brevo.com/reference/import-contacts

Where the vendor is silent, or users disagree, the behaviour is a setting.
"""

import time
from collections import Counter, defaultdict
from typing import Any

from local.brevo_sandbox.attribute_values import UNUSABLE, Convert, converter
from local.brevo_sandbox.identity import Changes, Identity, LeftOut
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
        self.re_addressed = 0
        self.ignored_attributes: Counter[str] = Counter()
        self.unusable_values: Counter[str] = Counter()
        self.rejected: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        with account.lock:
            names = [attribute.name for attribute in account.attributes]
            takes_top_level = settings.ext_id in ("top_level", "both") and "EXT_ID" in names
            self._top_level_ext_id = names.index("EXT_ID") if takes_top_level else None
            self._places: dict[str, tuple[int, Convert]] = {
                attribute.name: (place, converter(attribute, settings))
                for place, attribute in enumerate(account.attributes)
                if attribute.category in ("normal", "category")
                and (attribute.name != "EXT_ID" or settings.ext_id in ("attributes", "both"))
            }
            self._identity = Identity(account, settings)
            lists = [account.lists[number] for number in order.list_ids]
            self._lists = [(each.members, each.leavers, each.join) for each in lists]

    def apply(self, rows: Rows) -> None:
        """Work through the rows in turns, so that other requests are answered in between."""
        for start in range(0, len(rows), _ROWS_A_TURN):
            with self._account.lock:
                for row in rows[start : start + _ROWS_A_TURN]:
                    self._apply_row(row)

    def write_one(self, contact: Contact | None, email: str, row: dict[str, Any]) -> Contact | list[str]:
        """Write a single contact, None for a new one, and return it; or the identifiers that another contact has.

        An empty address leaves the contact's as it is. Hold the lock.
        """
        changes = self._changes(row)
        return self._identity.taken(contact, email, changes) or self._write(contact, email, changes)

    @property
    def merged(self) -> int:
        """How many contacts were deleted because another one has their identifiers now."""
        return self._identity.merged

    def _apply_row(self, row: dict[str, Any]) -> None:
        written = row.get("email")
        email = written.strip().lower() if isinstance(written, str) else ""
        if written and not is_email(email):
            self._reject("invalid_emails", str(written), row)
            return
        try:
            self._take(email, row)
        except LeftOut as left_out:
            self._reject(left_out.report, email, row)

    def _take(self, email: str, row: dict[str, Any]) -> None:
        if email in self._seen:
            self._reject("duplicate_email_id", email, row)
            if self._settings.repeated_email_keeps == "first":
                return
        known = self._account.contacts.get(email)
        updates = self._order.update_existing
        changes = self._changes(row) if known is None or updates else {}
        if email:
            self._seen.add(email)
        elif self._identity.names_nobody(changes):
            raise LeftOut("invalid_emails")
        matched, reports = self._identity.match(known, email, changes)
        for report in reports:
            self._reject(report, email, row)
        if matched is not known:
            known = matched
            if not updates:
                email, changes = "", {}
        self._write(known, email, changes)

    def _changes(self, row: dict[str, Any]) -> Changes:
        changes: Changes = {}
        for name, value in (row.get("attributes") or {}).items():
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
        if self._top_level_ext_id is not None and row.get("ext_id"):
            changes[self._top_level_ext_id] = str(row["ext_id"])
        return changes

    def _write(self, known: Contact | None, email: str, changes: Changes) -> Contact:
        contact = known or self._account.contact_for(email, self._now)
        self.created += known is None
        self.updated += known is not None
        if changes:
            self._account.store(contact, changes)
        contact.modified_at = self._now
        if email and email != contact.email:
            self._change_address(contact, email)
        for members, leavers, join in self._lists:
            if not leavers:
                members.setdefault(contact.id, contact)
            elif self._settings.reimport_puts_back_leavers or contact.id not in leavers:
                join(contact)
        if self._order.email_blacklist is not None or self._order.sms_blacklist is not None:
            self._account.block(contact, email=self._order.email_blacklist, sms=self._order.sms_blacklist)
        return contact

    def _change_address(self, contact: Contact, email: str) -> None:
        if contact.email and self._settings.new_address == "ignored":
            return
        lifts = bool(contact.email) and self._settings.new_address_lifts_block
        self._account.change_address(contact, email, lifts_block=lifts)
        self.re_addressed += 1

    def _reject(self, report: str, email: str, row: dict[str, Any]) -> None:
        attributes: dict[str, Any] = row.get("attributes") or {}
        self.rejected[report].append((email, str(attributes.get("SMS") or "")))
