"""Who left the list is left out: contacts are compared with keyed digests, since no address is kept.

A digest is the first half of SHA-256 of the key and the address behind it. The key has 16 bytes, written in 22
characters, so most addresses take one block. `digest` and the SQL give the same.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.mapping.fate import FATE
from shared.mapping.rule import literal

DIGEST_CHARACTERS = 32
_ID_CHARACTERS = 12
LINE_BYTES = DIGEST_CHARACTERS + 1


@dataclass(frozen=True, slots=True)
class DigestKey:
    """The key of the digests, as text."""

    text: str = field(repr=False)

    @classmethod
    def of(cls, key: bytes) -> Self:
        """The key that these bytes are."""
        return cls(base64.urlsafe_b64encode(key).decode().rstrip("="))

    @property
    def id(self) -> str:
        """Tells this key from others; the key cannot be computed from it."""
        return hashlib.sha256(f"id of {self.text}".encode()).hexdigest()[:_ID_CHARACTERS]

    def digest(self, address: str) -> str:
        """The digest of an address as Brevo has it: what we would send for it is the same address."""
        return hashlib.sha256(f"{self.text}{as_sent(address)}".encode()).hexdigest()[:DIGEST_CHARACTERS]


def as_sent(address: str) -> str:
    """An address as Brevo has it, in the form in which we would send it."""
    sent = address.strip().lower()
    if not sent.isascii():
        # Imported here, since few addresses need the library of the rules.
        from shared.mapping.email_rule import judge_email

        sent = judge_email(sent) or sent
    return sent


@dataclass(frozen=True, slots=True)
class Leavers:
    """Who left the list: files with a line for each, which is a digest by the key."""

    paths: tuple[Path, ...]
    key: DigestKey


def write_digests(path: Path, addresses: Iterable[str], key: DigestKey) -> int:
    """Writes a line for each address, its digest; how many there are. Empty ones are left out."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{key.digest(address)}\n" for address in addresses if address)
        return file.tell() // LINE_BYTES


def load_leavers_sql(leavers: Leavers) -> str:
    """Reads the digests, once for all chunks."""
    paths = ", ".join(literal(str(path)) for path in leavers.paths)
    return (
        f"CREATE TABLE leavers AS SELECT digest FROM read_csv([{paths}], "
        "columns={'digest': 'VARCHAR'}, auto_detect=false, header=false)"
    )


def leave_out_sql(leavers: Leavers) -> str:
    """Settles the fate of the chunk's contacts that are among them."""
    return (
        f"UPDATE chunk SET fate = {FATE['left_list']} WHERE fate = {FATE['contact']} AND "
        f"substr(sha256({literal(leavers.key.text)} || email), 1, {DIGEST_CHARACTERS}) IN (FROM leavers)"
    )
