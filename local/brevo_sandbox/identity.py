"""Whose row it is: which contact an imported row changes, and what becomes of others that have its identifiers.

Source: https://help.brevo.com/hc/en-us/articles/32331116133522 (the order of the identifiers, and that the contact
that loses is deleted). Where the vendor is silent, or users disagree, the behaviour is a setting.
"""

from typing import Any

from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import PHONES, Account, Contact

Changes = dict[int, Any]

_REPORTS = {
    "EXT_ID": "duplicate_ext_id",
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
        places = {attribute.name: place for place, attribute in enumerate(account.attributes)}
        self._ext_id = places.get("EXT_ID", -1)
        self._phones = [(places[name], account.owners[name], _REPORTS[name]) for name in PHONES if name in places]
        self._named = [(name, places[name], owners) for name, owners in account.owners.items() if name in places]
        self._seen: set[str] = set()
        self.places = frozenset(place for _, place, _ in self._named)
        self.merged = 0

    def match(self, known: Contact | None, email: str, changes: Changes) -> tuple[Contact | None, list[str]]:
        """The contact that the row changes, None for a new one, and the reports that list the row all the same.

        `known` is the contact with the row's address. Numbers that the row must not have are taken out of `changes`.
        Raises: LeftOut.
        """
        reports: list[str] = []
        if self._ext_id in changes:
            known = self._by_ext_id(known, email, changes[self._ext_id], reports)
        for place, owners, report in self._phones:
            if place not in changes or (owner := owners.get(changes[place], known)) is known or owner is None:
                continue
            if self._settings.shared_phone == "merge":
                known = self._one_of(known, owner, email, report, owner_wins=False)
            elif self._settings.shared_phone == "skip_contact":
                raise LeftOut(report)
            else:
                reports.append(report)
                del changes[place]
        return known, reports

    def taken(self, contact: Contact | None, email: str, changes: Changes) -> list[str]:
        """The identifiers of the row that another contact has; all of them, in the vendor's names."""
        found = {"email": self._account.contacts.get(email)}
        for name, place, owners in self._named:
            found["ext_id" if name == "EXT_ID" else name] = owners.get(changes.get(place, ""))
        return [name for name, owner in found.items() if owner is not None and owner is not contact]

    def _by_ext_id(self, known: Contact | None, email: str, ext_id: str | None, reports: list[str]) -> Contact | None:
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
        if known is not None and self._settings.ext_id_and_email_of_two == "report":
            raise LeftOut("duplicate_email_id")
        return self._one_of(known, owner, email, "duplicate_ext_id", owner_wins=True)

    def _one_of(self, known: Contact | None, owner: Contact, email: str, report: str, *, owner_wins: bool) -> Contact:
        if known is not None:
            winner, loser = (owner, known) if owner_wins else (known, owner)
            self._account.delete(loser)
            self.merged += 1
            return winner
        if email and owner.email and self._settings.new_address == "report":
            raise LeftOut(report)
        return owner
