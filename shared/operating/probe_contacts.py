"""The contacts of a probe: which addresses it uses, how it knows its own again, and how it removes them.

Each is made with a mark in one of the account's text attributes, in the same request that makes it. So a contact with
the mark is a probe's, also after a probe that was killed, and one without it was there before and is never touched.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.brevo.attributes import AccountAttribute
from shared.brevo.session import BrevoSession
from shared.brevo.single_contacts import SingleContact, delete_single, find_single, members
from shared.errors import ConfigurationError, ExportError

MARK = "segment-export probe"
# The mark of a contact that a later import has changed.
MARK_AGAIN = "segment-export probe, again"
# How many addresses the questions need.
ADDRESSES = 6
_MARKABLE = ("FIRSTNAME", "PRENOM", "LASTNAME", "NOM")
_DOMAIN = re.compile(r"(?=.{1,200}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_ADDRESS = re.compile(r"(?=.{3,254}$)[^\s@;,\"<>]{1,64}@([^\s@;,\"<>]+)")
_TOLD_EVERY = 100

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The six addresses of the questions, and the domain at which there may be any number; empty where there is none.

    `repr` shows none of them.
    """

    six: tuple[str, ...]
    domain: str = ""

    def __repr__(self) -> str:
        return "Addresses(…)"

    @classmethod
    def of(cls, given: Iterable[str], domain: str) -> "Addresses":
        """The given ones first, the others at the domain. Raises ConfigurationError for too few, and for odd ones."""
        six = [each.strip().lower() for each in given]
        domain = domain.strip().lower().removeprefix("@")
        if domain and not _DOMAIN.fullmatch(domain):
            raise _refused("--domain is no domain")
        for number, each in enumerate(six, start=1):
            match = _ADDRESS.fullmatch(each)
            if match is None or not _DOMAIN.fullmatch(match[1]):
                raise _refused(f"--address number {number} is no e-mail address")
        if domain:
            six += [f"probe-{number}.segment-export@{domain}" for number in range(len(six) + 1, ADDRESSES + 1)]
        if len(six) < ADDRESSES:
            raise _refused(f"{ADDRESSES} are needed, and there are {len(six)}")
        if len(set(six)) < len(six):
            raise _refused("one --address is given twice")
        return cls(tuple(six[:ADDRESSES]), domain)

    def many(self, count: int) -> Iterator[str]:
        """As many at the domain as nobody can have had before."""
        token = secrets.token_hex(6)
        return (f"probe-{token}-{number}.segment-export@{self.domain}" for number in range(count))


def _refused(reason: str) -> ConfigurationError:
    return ConfigurationError(
        "probe_addresses",
        f"The addresses of the probe cannot be used: {reason}.",
        "Name a domain of your own with --domain example.org, or six addresses of your own with --address, which may "
        "be repeated.",
    )


def mark_attribute(attributes: Mapping[str, AccountAttribute]) -> str:
    """The text attribute that takes the mark. Raises ConfigurationError where the account has none."""
    texts = sorted(name for name, each in attributes.items() if each.kind == "text" and name != "EXT_ID")
    found = [name for name in (*_MARKABLE, *texts) if name in texts]
    if not found:
        raise ConfigurationError(
            "probe_no_attribute",
            "The Brevo account has no text attribute, by which a probe would know its contacts again.",
            "Make one in Brevo, such as FIRSTNAME.",
        )
    return found[0]


def is_own(contact: SingleContact) -> bool:
    """Whether a probe has made it."""
    return MARK in contact.attributes.values() or MARK_AGAIN in contact.attributes.values()


def find_own(session: BrevoSession, addresses: Addresses) -> list[SingleContact]:
    """The contacts of a probe with one of the six addresses. Raises ConfigurationError where somebody else has one."""
    found = []
    for number, email in enumerate(addresses.six, start=1):
        contact = find_single(session, email)
        if contact is None:
            continue
        if not is_own(contact):
            raise ConfigurationError(
                "probe_address_taken",
                f"Address {number} of the probe belongs to a contact that was there before. It was not changed.",
                "Name other addresses with --address, or another domain of your own with --domain.",
            )
        found.append(contact)
    return found


def check_members(session: BrevoSession, list_id: int) -> list[SingleContact]:
    """The list's members, all of them a probe's. Raises ConfigurationError where somebody else is among them."""
    found = []
    for contact in members(session, list_id):
        if not is_own(contact):
            raise ConfigurationError(
                "probe_list_not_empty",
                f"List {list_id} has members that no probe has made.",
                "Make an empty list in Brevo for probes, and name it with --list.",
            )
        found.append(contact)
    return found


def delete_all(session: BrevoSession, contacts: Iterable[SingleContact], tell: Tell) -> None:
    """Deletes contacts of a probe. Raises as `BrevoSession.call` does."""
    wanted = {each.id: each for each in contacts if is_own(each)}
    for count, contact_id in enumerate(wanted, start=1):
        delete_single(session, contact_id)
        if count % _TOLD_EVERY == 0:
            tell(f"{count:,} of {len(wanted):,} contacts are removed.")


def left_over(session: BrevoSession, addresses: Addresses, list_id: int) -> list[SingleContact]:
    """What of a probe is there now. Contacts of others are passed over. Raises as `BrevoSession.call` does."""
    six = [contact for email in addresses.six if (contact := find_single(session, email))]
    return [each for each in [*six, *members(session, list_id)] if is_own(each)]


def remove_all(session: BrevoSession, addresses: Addresses, list_id: int, tell: Tell) -> str:
    """Removes all that probes have made with these addresses and in this list; why something may be left, or nothing.

    Raises nothing of Brevo's: whatever failed before is what its caller raises.
    """
    try:
        delete_all(session, left_over(session, addresses, list_id), tell)
        left = len({each.id for each in left_over(session, addresses, list_id)})
    except ExportError as error:
        return f"Contacts of the probe may be left: {error.message}"
    return f"Contacts of the probe are left: {left:,}." if left else ""
