"""Contacts are compared with what Brevo has confirmed before, without any address: by keys and digests.

A key is the MD5 of a secret and of what identifies the contact: its address, or its customer's id. It is kept as two
numbers, since Parquet has none of 128 bits. A digest is 64 bits of all values that are sent, and of how they are sent,
so that another mapping gives other digests. The engine's own hash is many times faster than MD5; another version of the
engine may have another one, so each ledger says which version has made it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from shared.mapping.leavers import DigestKey
from shared.mapping.rule import literal

# What a contact is beside what was known: its column `was`. Of one that stays as it is, nothing is sent.
NEW, CHANGED, UNCHANGED, STAYS = range(4)
# The columns of a chunk's keys, in the order of `high`: the key, the digest of what is sent, the row, `was`.
SEGMENT_KINDS = ("uint64", "uint64", "uint64", "uint32", "uint8")
# Digests that say something else of a contact than its values: nobody's values have these. Who has one of them is sent
# again with the next run that has them to send.
# UNKNOWN is null in ledgers: they may have been sent, with values that nobody knows.
# STAYING: they are not in the segment, and stay in the list, since the export's mode takes nobody out.
# LEAVING: they have left the segment of a mirror, which takes them out as soon as it may. Another export may keep them
# there yet; this one keeps them for nobody.
UNKNOWN, STAYING, LEAVING = range(3)
# Those of what was known: the key, its digest, and what the segment says of it.
KNOWN_KINDS = ("uint64", "uint64", "uint64", "uint8")
GONE, STILL_IN, SENT = range(3)
_LOWER = 2**64 - 1
# The two halves of a column `key`: as one number of 128 bits, the engine would hand it over as a float.
HALVES = f"CAST(key >> 64 AS UBIGINT) AS high, CAST(key & {_LOWER} AS UBIGINT) AS low"


@dataclass(frozen=True, slots=True)
class Compared:
    """How a run's contacts are compared. The keys of all of them are written into the folder, a file for each chunk;
    and what was known, with what became of it.

    `before` is a file of what Brevo is known to have. Contacts that are in it with the same digest are sent only where
    the run `sends_all`.
    """

    key: DigestKey = field(repr=False)
    folder: Path
    before: Path | None = None
    sends_all: bool = False

    def keys_file(self, number: int) -> Path:
        """The file of a chunk's keys, of SEGMENT_KINDS."""
        return self.folder / f"keys-{number:05}"


def keys_files(folder: Path) -> list[Path]:
    """The files of all chunks' keys."""
    return sorted(folder.glob("keys-*"))


def compared_file(folder: Path) -> Path:
    """The file of what was known, of KNOWN_KINDS. Its last column is GONE, STILL_IN or SENT."""
    return folder / "compared"


def key_borders(count: int, at_once: int) -> list[int]:
    """Where ranges of `high` begin and end that part `count` contacts into about so many `at_once`."""
    ranges = 1 + count // at_once
    return [place * 2**64 // ranges for place in range(ranges + 1)]


def key_ranges(count: int, at_once: int) -> Iterator[str]:
    """These ranges as SQL conditions."""
    for first, end in pairwise(key_borders(count, at_once)):
        yield f"high BETWEEN {first} AND {end - 1}"


def key_sql(secret: str, text: str) -> str:
    """A key of 128 bits as SQL: the MD5 of the secret, where there is one, and a text behind it."""
    return f"md5_number({literal(secret)} || {text})" if secret else f"md5_number({text})"


def key_number(secret: str, text: str) -> int:
    """The same number as `key_sql`."""
    return int.from_bytes(hashlib.md5(f"{secret}{text}".encode(), usedforsecurity=False).digest(), "little")


def key_numbers(key: DigestKey, identity: str) -> tuple[int, int]:
    """The halves of a contact's key. `identity` is in the form in which it is sent."""
    number = key_number(key.text, identity)
    return number >> 64, number & _LOWER
