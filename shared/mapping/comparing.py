"""The comparison of contacts with what Brevo has confirmed before, chunk by chunk, as `compared` describes it."""

import hashlib
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from shared.mapping.compared import (
    CHANGED,
    GONE,
    KNOWN_KINDS,
    LEAVING,
    NEW,
    SEGMENT_KINDS,
    SENT,
    STAYS,
    STILL_IN,
    UNCHANGED,
    UNKNOWN,
    Compared,
    compared_file,
    key_ranges,
    key_sql,
)
from shared.mapping.dedupe import RowKeys, RowNumbers
from shared.mapping.engine import fetch_columns
from shared.mapping.fate import FATE, Fate
from shared.mapping.leavers import DigestKey
from shared.mapping.number_file import NumberFile, Numbers
from shared.mapping.plan import Field, Plan
from shared.mapping.rule import literal

# The chunk's rows that are to be sent, in their order: any other join may give them in that of a hash table.
_FRESH_ROWS = "(SELECT chunk.rowid, chunk.* FROM chunk POSITIONAL JOIN fresh WHERE is_fresh)"
# They are in the segment, and so they stay in the list, though this run sends nothing for them. Who has left it may be
# back in it by the time when Brevo is asked who is there; else they are no members, and what was known of them is gone.
_STAYS: tuple[Fate, ...] = ("contact", "blocked_new_address", "address_of_another", "left_list")
# What is known is read in ranges of about so many contacts, since it may be larger than the memory.
_RANGE_CONTACTS = 500_000
MOST_EXAMPLES = 5
"""Of how many changed contacts a run keeps the values."""


class Comparing:
    """The comparison on its way through the chunks. `db` has the chunk.

    `changed` are a few rows of the last chunk whose contacts are sent with other values than before.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, plan: Plan, compared: Compared) -> None:
        self._db = db
        self._plan = plan
        self._compared = compared
        self._chunks = 0
        self.changed: list[int] = []
        self._known = self._load(compared.before)

    @property
    def rows(self) -> str:
        """The chunk's rows that may be sent, in their order."""
        return _FRESH_ROWS if self._sends_part else "chunk"

    def compare(self, addresses: RowKeys | None) -> None:
        """Notes the keys of the chunk's contacts, and finds those that are to be sent.

        `addresses` are the keys of the chunk's addresses, where they identify contacts.
        """
        stays = [FATE[fate] for fate in _STAYS]
        rows = f"FROM chunk WHERE fate IN ({', '.join(map(str, stays))})"
        keys = addresses or RowKeys.fetched(self._db, self._identity, rows)
        # Of all rows, in their order, so that a row's number is its place.
        chunk = fetch_columns(self._db, f"SELECT fate, {_digest(self._plan, self._compared.key)} AS digest FROM chunk")
        keys = keys.those(np.isin(chunk["fate"][keys.row], stays))
        fates, digests = chunk["fate"][keys.row], chunk["digest"][keys.row]
        was = self._was(keys, digests, fates)
        self.changed = np.sort(keys.row[was == CHANGED])[:MOST_EXAMPLES].tolist()
        columns = [keys.high, keys.low, digests, keys.row, was]
        NumberFile.write(self._compared.keys_file(self._chunks), SEGMENT_KINDS, columns)
        if self._sends_part:
            self._note_fresh(keys.row[was < UNCHANGED], len(chunk["fate"]))
        self._chunks += 1

    def _note_fresh(self, rows: RowNumbers, count: int) -> None:
        """Makes the table `fresh`, which says of each row of the chunk, of `count`, whether it is one of these."""
        is_fresh = np.zeros(count, bool)
        is_fresh[rows] = True
        self._db.register("compared", {"is_fresh": is_fresh})
        self._db.execute("CREATE OR REPLACE TEMP TABLE fresh AS FROM compared")
        self._db.unregister("compared")

    @property
    def _sends_part(self) -> bool:
        return self._compared.before is not None and not self._compared.sends_all

    @property
    def _identity(self) -> str:
        """The key of a contact that an id identifies. One that Brevo has under a former name keeps it."""
        return key_sql(self._compared.key.text, "coalesce(known_as, customer_id)")

    def _was(self, keys: RowKeys, digests: Numbers, fates: Numbers) -> NDArray[np.uint8]:
        """What the keys are beside what was known, where it is noted that they are still there."""
        places, is_known = self._known.find([keys.high, keys.low])
        is_sent, has_left = fates == FATE["contact"], fates == FATE["left_list"]
        is_same, was_sent = is_known.copy(), is_known.copy()
        if is_known.any():
            before = self._known.column(2)[places]
            is_same &= before == digests
            was_sent &= (before == UNKNOWN) | (before > LEAVING)
            still, noted = self._known.column(3, can_write=True), np.where(is_sent, SENT, STILL_IN)
            noted[has_left] = GONE
            known = places[is_known]
            still[known] = np.maximum(still[known], noted[is_known])
        was = np.where(was_sent, np.where(is_same, UNCHANGED, CHANGED), NEW)
        return np.where(is_sent, was, STAYS).astype(np.uint8)

    def _load(self, before: Path | None) -> NumberFile:
        """Reads what is known, range by range."""
        path = compared_file(self._compared.folder)
        if before is None:
            return NumberFile.empty(path, KNOWN_KINDS, 0)
        rows = f"FROM read_parquet({literal(str(before))})"
        (count,) = self._db.execute(f"SELECT count(*) {rows}").fetchone() or (0,)
        known = NumberFile.empty(path, KNOWN_KINDS, count)
        done = 0
        for some in key_ranges(count, _RANGE_CONTACTS):
            found = fetch_columns(
                self._db, f"SELECT high, low, coalesce(digest, {UNKNOWN}) AS digest {rows} WHERE {some}"
            )
            order = np.argsort(found["high"], kind="stable")
            known.put(done, [found[name][order] for name in ("high", "low", "digest")])
            done += len(order)
        return known


def _digest(plan: Plan, key: DigestKey) -> str:
    """Of all values as they are sent. Text that is refused differs from none at all, which does no harm.

    A number that is refused differs only where none at all erases what Brevo has. Attributes stand in the order of
    their names: that of the columns may be another one with each refresh.
    """
    values = ["email", *(["known_as"] if plan.ext_id else [])]
    for k, _ in sorted(plan.phones, key=_attribute):
        refused = f"WHEN phone_lost{k} OR phone_cell{k} IS NOT NULL THEN 0::UBIGINT" if plan.erase_empty else ""
        values.append(f"CASE WHEN phone{k} IS NOT NULL AND NOT phone_lost{k} THEN phone{k} {refused} END")
    values += [f"f{i}" for i, _ in sorted(plan.values, key=_attribute)]
    return f"hash({', '.join([literal(key.text + _manner(plan)), *values])})"


def _attribute(numbered: tuple[int, Field]) -> str:
    return numbered[1].attribute


def _manner(plan: Plan) -> str:
    """What else of a plan decides what is sent for the values, in a few letters."""
    manner = (sorted((field.attribute, field.type) for field in plan.fields), plan.erase_empty, plan.boolean_words)
    return hashlib.sha256(repr(manner).encode()).hexdigest()[:32]
