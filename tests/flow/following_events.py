"""What happens to people and to Brevo between two runs of two exports on one list: see following_days.py."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass

from shared.sync.stored import drop_ledgers


@dataclass
class Person:
    """A customer: in which segments they are."""

    id: int
    address: str
    name: str
    segments: set[str]


class Events:
    """What happens, one by one; each is also noted in the oracle's list."""

    def _any(self):
        return self.random.choice(self.people)

    def _somewhere(self):
        return set(self.random.choice([["Gold"], ["Silver"], ["Gold", "Silver"], ["Bronze"], ["Gold", "Bronze"], []]))

    def _address(self):
        self.made += 1
        return f"p{self.made}@example.com"

    def _joins(self):
        self.people.append(Person(len(self.people), self._address(), f"Name{self.made}", self._somewhere() or {"Gold"}))

    def _moves(self):
        self._any().segments = self._somewhere()

    def _goes_out(self):
        self._any().segments = set()

    def _gets_another_address(self):
        self._any().address = self._address()

    def _gets_another_name(self):
        self._any().name = f"Name{self.random.randint(1, 10_000)}"

    def _contacts(self):
        return sorted(self.flow.sandbox.account.contacts.keys() & self._everybody())

    def _everybody(self):
        return {f"p{n}@example.com" for n in range(1, self.made + 1)}

    def _person_leaves_list(self):
        if self.list.members:
            each = self.random.choice(sorted(self.list.members))
            self.flow.sandbox.change_contact(each, leaves=[self.flow.list_id])
            self.list.members.discard(each)
            self.list.left.add(each)

    def _colleague_removes(self):
        if self.list.members:
            each = self.random.choice(sorted(self.list.members))
            self.flow.sandbox.change_contact(each, removedFrom=[self.flow.list_id])
            self.list.members.discard(each)
            self.by_hand.add(each)

    def _form_adds(self):
        """Somebody new, or whom others know: customers are among them, and people who had left the list."""
        known = [each.address for each in self.people]
        each = self.random.choice([self._address(), self.random.choice(known)])
        if each not in self.flow.sandbox.account.contacts:
            self.flow.sandbox.seed(contacts=[{"email": each, "lists": [self.flow.list_id]}])
        else:
            self.flow.sandbox.change_contact(each, joins=[self.flow.list_id])
        self.list.members.add(each)
        self.list.left.discard(each)

    def _is_blocked(self):
        if contacts := self._contacts():
            each = self.random.choice(contacts)
            self.flow.sandbox.change_contact(each, emailBlacklisted=True)
            self.list.blocked.add(each)

    def _is_unblocked(self):
        if self.list.blocked:
            each = self.random.choice(sorted(self.list.blocked))
            self.flow.sandbox.change_contact(each, emailBlacklisted=False)
            self.list.blocked.discard(each)

    def _mapping_changes(self):
        name = self.random.choice(["Main", "Other"])
        self.mapped[name] = self.random.choice(["FIRSTNAME", "LASTNAME"])
        (export,) = (each for each in self.flow.exports if each["id"] == self.ids[name])
        export["mapping"] = {"email": "EMail", "attributes": {self.mapped[name]: "FirstName"}}
        self.flow.save()

    def _ledger_is_reset(self):
        name = self.random.choice(["Main", "Other"])
        drop_ledgers(self.flow.app.storage.app_blobs, self.ids[name])
        self.sent[name].forget()

    def _secret_changes(self):
        self.secret += 1
        secret = hashlib.sha256(str(self.secret).encode()).digest()
        self.patch.setenv("APP_SECRET", b64encode(secret).decode())

    EVENTS = (
        _joins,
        _moves,
        _moves,
        _moves,
        _goes_out,
        _gets_another_address,
        _gets_another_name,
        _gets_another_name,
        _person_leaves_list,
        _colleague_removes,
        _form_adds,
        _form_adds,
        _is_blocked,
        _is_unblocked,
    )
    RARE = (_mapping_changes, _ledger_is_reset, _secret_changes)
