"""Who is in an excluded segment or list is left out: contacts are compared with keyed digests, as leavers are.

Where contacts are identified by their customer's id, so is who has an id of an excluded segment.

Of a digest the first 64 bits are compared, so that a million excluded people take 8 MB: among 30 million contacts, the
chance that anybody is taken for one of them is 2 in a million.
"""

from dataclasses import dataclass
from pathlib import Path

from shared.mapping.cells import without_invisible
from shared.mapping.fate import FATE
from shared.mapping.leavers import DigestKey
from shared.mapping.rule import literal

_DIGITS = 16  # hexadecimal
_BUFFER_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Excluded:
    """Who is excluded: files with a line for each, which is a digest by the key."""

    paths: tuple[Path, ...]
    key: DigestKey


def of_customer(customer_id: str) -> str:
    """What stands for a customer's id among addresses: the digests are of this. No address is like it."""
    return f"#{customer_id.encode().hex()}"


def load_excluded_sql(excluded: Excluded) -> str:
    """Reads the digests, once for all chunks."""
    paths = ", ".join(literal(str(path)) for path in excluded.paths)
    return (
        f"CREATE TABLE excluded AS SELECT {digest_number('digest')} AS key FROM read_csv([{paths}], "
        "columns={'digest': 'VARCHAR'}, auto_detect=false, header=false, parallel=false, "
        f"buffer_size={_BUFFER_BYTES})"
    )


def exclude_sql(excluded: Excluded, *, by_customer: bool) -> list[str]:
    """Statements that settle the fate of the chunk's contacts that are excluded; `by_customer` by their ids as well.

    Former ones count too: the excluded segment may have been refreshed before the profiles were merged.

    The chunk is the smaller side: a table of all who are excluded is never hashed.
    """
    contacts = f"FROM chunk WHERE fate = {FATE['contact']}"
    former = without_invisible("unnest(string_split(previous_ids, ';'))")
    texts = [f"SELECT rowid AS row, email AS text {contacts}"]
    if by_customer:
        ids = f"SELECT rowid AS row, customer_id AS id {contacts}"
        ids += f" UNION ALL SELECT rowid, {former} {contacts} AND previous_ids IS NOT NULL"
        texts.append(f"SELECT row, '#' || lower(hex(id)) FROM ({ids})")
    key = digest_number(f"sha256({literal(excluded.key.text)} || text)")
    return [
        f"CREATE OR REPLACE TEMP TABLE keyed AS SELECT row, {key} AS key FROM ({' UNION ALL '.join(texts)})",
        "CREATE OR REPLACE TEMP TABLE met AS SELECT key FROM excluded WHERE key IN (SELECT key FROM keyed)",
        f"UPDATE chunk SET fate = {FATE['excluded']} FROM keyed WHERE chunk.rowid = keyed.row AND key IN (FROM met)",
    ]


def digest_number(digest: str) -> str:
    """What is compared of a digest, as SQL."""
    return f"CAST('0x' || substr({digest}, 1, {_DIGITS}) AS UBIGINT)"
