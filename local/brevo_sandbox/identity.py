"""Whose row it is: which contact an imported row changes, and what becomes of others that have its identifiers.

Source: https://help.brevo.com/hc/en-us/articles/32331116133522 (the order of the identifiers, and that the contact
that loses is deleted). Where the vendor is silent, or users disagree, the behaviour is a setting.
"""

from typing import Any

from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import PHONES, Account, Contact

Changes = dict[int, Any]

_REPORTS = {
    "SMS": "duplicate_phone_id",
    "WHATSAPP": "duplicate_whatsapp_id",
    "LANDLINE_NUMBER": "duplicate_landline_number_id",
}


class LeftOut(Exception):
    """The row is not imported; `report` names the report that lists it."""

    def __init__(self, report: str) -> None:
        super().__init__(report)
        self.report = report


class Identity:
    """Judges one import's rows by the identifiers in their attributes."""

    def __init__(self, account: Account, settings: SandboxSettings) -> None:
        self._account = account
        self._settings = settings
        positions = {attribute.name: position for position, attribute in enumerate(account.attributes)}
        self._ext_id = positions.get("EXT_ID", -1)
        self._named = [(name, positions[name], owners) for name, owners in account.owners.items() if name in positions]
        self._phones = [(position, owners, _REPORTS[name]) for name, position, owners in self._named if name in PHONES]
        self._seen: set[str] = set()
        self.merged = 0

    def match(self, known: Contact | None, email: str, changes: Changes) -> tuple[Contact | None, list[str]]:
        """The contact that the row changes, None for a new one, and the reports that list the row all the same.

        `known` is the contact with the row's address. Numbers that the row must not have are taken out of `changes`,
        and contacts that lose to the returned one are deleted. Raises: LeftOut, and then nobody is deleted.
        """
        reports: list[str] = []
        losers: list[Contact] = []
        if self._ext_id in changes:
            known = self._by_ext_id(known, email, changes[self._ext_id], reports, losers)
        for position, owners, report in self._phones:
            if position not in changes or (owner := owners.get(changes[position], known)) is known or owner is None:
                continue
            if owner in losers:
                continue
            if self._settings.shared_phone == "merge" or not (known or email):
                known = self._one_of(known, owner, email, report, losers)
            elif self._settings.shared_phone == "skip_contact":
                raise LeftOut(report)
            else:
                reports.append(report)
                del changes[position]
        if losers:
            self._delete(losers)
        return known, reports

    def _delete(self, losers: list[Contact]) -> None:
        for loser in losers:
            self._account.delete(loser)
            self.merged += 1

    def names_nobody(self, changes: Changes) -> bool:
        """Whether the row has no identifier beside its address."""
        return not any(changes.get(position) for _, position, _ in self._named)

    def taken(self, contact: Contact | None, email: str, changes: Changes) -> list[str]:
        """The identifiers of the row that another contact has; all of them, in the vendor's names."""
        owner_of = {"email": self._account.contacts.get(email)}
        for name, position, owners in self._named:
            owner_of["ext_id" if name == "EXT_ID" else name] = owners.get(changes.get(position, ""))
        return [name for name, owner in owner_of.items() if owner is not None and owner is not contact]

    def _by_ext_id(
        self, known: Contact | None, email: str, ext_id: str | None, reports: list[str], losers: list[Contact]
    ) -> Contact | None:
        if ext_id is None:
            return known
        if ext_id in self._seen:
            if self._settings.repeated_email_keeps == "first":
                raise LeftOut("duplicate_ext_id")
            reports.append("duplicate_ext_id")
        self._seen.add(ext_id)
        owner = self._account.owners["EXT_ID"].get(ext_id)
        if owner is None or owner is known:
            return known
        if known is None:
            return self._one_of(None, owner, email, "duplicate_ext_id", losers)
        if self._settings.ext_id_and_email_of_two == "report":
            raise LeftOut("duplicate_email_id")
        losers.append(known)
        return owner

    def _one_of(self, known: Contact | None, owner: Contact, email: str, report: str, losers: list[Contact]) -> Contact:
        """The contact that stays, where `owner` has a lesser identifier than those by which the row is known."""
        if known is not None:
            losers.append(owner)
            return known
        if email and owner.email and self._settings.new_address == "report":
            raise LeftOut(report)
        return owner
