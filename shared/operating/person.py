"""A person as they are searched for, by their address alone, however it is written; and the result of the search."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.errors import ConfigurationError
from shared.runs.trial import MOST_ID_CHARACTERS
from shared.staging.rejected import address_digest
from shared.storage.overlapping import overlapping

# What cannot stand beside an address that is whole: `ana@x.ro` is not in `mariana@x.ro`, nor in `ana@x.ro.com`.
_BEFORE = rb"(?<![A-Za-z0-9._%+-])"
_BEHIND = rb"(?!\.?[A-Za-z0-9-])"
# A domain that is not all ASCII: its letters, or its full stops, may be of full width.
_DOMAIN = rb"[A-Za-z0-9.-]*[\x80-\xff][A-Za-z0-9.\x80-\xff-]*"
LONGEST_ADDRESS_CHARACTERS = 320


@dataclass(frozen=True, slots=True)
class Person:
    """`address` as we send it; `spellings` in lower case, that one included. Only a valid one can have been sent.

    `customer_id` of one that is asked for by it; then the address may not be known, and is empty.
    """

    address: str
    spellings: frozenset[str]
    is_valid: bool
    customer_id: str = ""

    @property
    def digests(self) -> set[str]:
        """What stands for the address in the reports of rejected rows."""
        return {address_digest(spelling) for spelling in self.spellings}

    @property
    def words(self) -> str:
        """What the person is looked for by."""
        return "address" if self.address else "customer id"

    @property
    def shown(self) -> str:
        """What may be shown: enough to tell two calls apart, and too little to find the person by."""
        return f"SHA-256 {address_digest(self.address)[:12]}…"

    def replaced_in(self, data: bytes, by: bytes) -> bytes:
        """The data with another word for the address."""
        return self._pattern().sub(by, data) if self._may_be_in(data) else data

    def is_in(self, data: bytes) -> bool:
        """True where the address stands in it as a whole, in any case."""
        return self._may_be_in(data) and self._pattern().search(data) is not None

    def is_in_any(self, chunks: Iterable[bytes]) -> bool:
        """The same for the data of a file, in pieces between which the address may be cut: however it is written."""
        pieces = overlapping(chunks, 4 * LONGEST_ADDRESS_CHARACTERS)
        return any(self.is_in(data) or self._is_otherwise_in(data) for data in pieces)

    def _is_otherwise_in(self, data: bytes) -> bool:
        """True where an address with signs beyond ASCII stands there that would be sent as this one."""
        from shared.mapping.email_rule import judge_email

        name = self.address.rpartition("@")[0].encode()
        if b"%s@" % name not in data.lower():
            return False
        found = re.finditer(_BEFORE + b"(?:%s)@%s" % (re.escape(name), _DOMAIN), data, re.IGNORECASE)
        return any(judge_email(each[0].decode(errors="replace")) == self.address for each in found)

    def _may_be_in(self, data: bytes) -> bool:
        lower = data.lower()
        return any(spelling.encode() in lower for spelling in self.spellings)

    def _pattern(self) -> re.Pattern[bytes]:
        either = b"|".join(re.escape(spelling.encode()) for spelling in sorted(self.spellings))
        return re.compile(_BEFORE + b"(?:" + either + b")" + _BEHIND, re.IGNORECASE)


@dataclass
class Forgotten:
    """What was erased here, what remains elsewhere, and what could not be done: then it is to be called again."""

    person: str
    erased: list[str] = field(default_factory=list)
    remains: list[str] = field(default_factory=list)
    not_done: list[str] = field(default_factory=list)


def person_of(email: str) -> Person:
    """Raises ConfigurationError for what is no address; it is not repeated there."""
    # Imported here, since no other command of the terminal needs the library of the rules.
    from shared.mapping.email_rule import judge_email

    typed = email.strip().lower()
    if "@" not in typed.strip("@") or len(typed) > LONGEST_ADDRESS_CHARACTERS or not typed.isprintable():
        raise ConfigurationError("email_invalid", "That is no e-mail address.", "Give the whole of it.")
    judged = judge_email(typed)
    address = judged or typed
    return Person(address, frozenset((address, typed)), judged is not None)


def customer_of(customer_id: str) -> Person:
    """A person of whom the customer id is known alone. Raises ConfigurationError for what can be none."""
    typed = customer_id.strip()
    if not typed or len(typed) > MOST_ID_CHARACTERS or not typed.isprintable():
        raise ConfigurationError("customer_id_invalid", "That is no customer id.", "Give the whole of it.")
    return Person("", frozenset(), is_valid=False, customer_id=typed)
