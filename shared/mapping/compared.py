"""Contacts are compared with what Brevo has confirmed before, without any address: by keys and digests.

A key is the MD5 of a secret and of what identifies the contact: its address, or its customer's id. It is kept as two
numbers, since Parquet has none of 128 bits. A digest is 64 bits of all values that are sent, and of how they are sent,
so that another mapping gives other digests. The engine's own hash is many times faster than MD5; another version of the
engine may have another one, so each ledger says which version has made it.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from shared.mapping.fate import FATE, Fate
from shared.mapping.leavers import DigestKey
from shared.mapping.plan import Plan
from shared.mapping.rule import literal

# The chunk's rows that are to be sent.
FRESH_ROWS = "chunk SEMI JOIN fresh ON chunk.rowid = fresh.row"
_LOWER = 2**64 - 1
# They are in the segment, and so they stay in the list, though this run sends nothing for them.
_STAYS: tuple[Fate, ...] = ("contact", "blocked_new_address", "address_of_another")


@dataclass(frozen=True, slots=True)
class Compared:
    """How a run's contacts are compared. The keys of all of them are written into the folder, a file for each chunk.

    `before` is a file of what Brevo is known to have; where there is one, contacts that are in it with the same digest
    are not sent.
    """

    key: DigestKey = field(repr=False)
    folder: Path
    before: Path | None = None

    def keys_file(self, number: int) -> Path:
        """The file of a chunk's keys: `high` and `low`, the key; `digest`, null where nothing is sent."""
        return self.folder / f"keys-{number:05}.parquet"


def key_numbers(key: DigestKey, identity: str) -> tuple[int, int]:
    """The key of a contact as the statements here compute it. `identity` is in the form in which it is sent."""
    digest = hashlib.md5(f"{key.text}{identity}".encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest, "little")
    return number >> 64, number & _LOWER


def keys_sql(plan: Plan, key: DigestKey) -> str:
    """Makes the table `compared` of the chunk's contacts that are in the segment: `row`, `high`, `low`, `digest`."""
    # An id that Brevo has under a former name keeps it.
    identity = "coalesce(known_as, customer_id)" if plan.ext_id else "email"
    stays = ", ".join(str(FATE[fate]) for fate in _STAYS)
    return (
        f"CREATE OR REPLACE TEMP TABLE compared AS SELECT row, CAST(key >> 64 AS UBIGINT) AS high, "
        f"CAST(key & {_LOWER} AS UBIGINT) AS low, digest FROM (SELECT rowid AS row, "
        f"md5_number({literal(key.text)} || {identity}) AS key, "
        f"CASE WHEN fate = {FATE['contact']} THEN {_digest(plan, key)} END AS digest "
        f"FROM chunk WHERE fate IN ({stays}))"
    )


def fresh_sql(before: Path) -> list[str]:
    """Statements that make the table `fresh` of the chunk's contacts that Brevo does not have as they are: `row`.

    128 bits are compared, half of them of the key. The chunk is the smaller side: a table of all that is known is never
    hashed.
    """
    return [
        "CREATE OR REPLACE TEMP TABLE met AS SELECT high, digest "
        f"FROM read_parquet({literal(str(before))}) SEMI JOIN compared USING (high, digest)",
        "CREATE OR REPLACE TEMP TABLE fresh AS SELECT row FROM compared ANTI JOIN met USING (high, digest)",
    ]


def write_keys_sql(path: Path) -> str:
    """Writes the chunk's keys to a file."""
    select = "SELECT high, low, digest FROM compared"
    return f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION uncompressed)"


def _digest(plan: Plan, key: DigestKey) -> str:
    """Of all values as they are sent. Text that is refused and none at all are told apart, which does no harm."""
    values = ["email", *(["known_as"] if plan.ext_id else [])]
    values += [f"CASE WHEN NOT phone_lost{k} THEN phone{k} END" for k, _ in plan.phones]
    values += [f"f{i}" for i, _ in plan.values]
    return f"hash({', '.join([literal(key.text + _manner(plan)), *values])})"


def _manner(plan: Plan) -> str:
    """What else of a plan decides what is sent for the values, in a few letters."""
    manner = ([(field.attribute, field.type) for field in plan.fields], plan.erase_empty, plan.boolean_words)
    return hashlib.sha256(repr(manner).encode()).hexdigest()[:32]
