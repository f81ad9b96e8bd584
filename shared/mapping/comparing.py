"""The comparison of contacts with what Brevo has confirmed before, chunk by chunk, as `compared` describes it."""

import hashlib
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from shared.mapping.compared import CHANGED, HALVES, NEW, UNCHANGED, Compared, key_ranges, key_sql
from shared.mapping.dedupe import RowKeys
from shared.mapping.engine import fetch_columns
from shared.mapping.fate import FATE, Fate
from shared.mapping.leavers import DigestKey
from shared.mapping.plan import Plan
from shared.mapping.rule import literal
from shared.mapping.sorted_keys import Numbers, SortedKeys

# The chunk's rows that are to be sent.
_FRESH_ROWS = "chunk SEMI JOIN fresh ON chunk.rowid = fresh.row"
# They are in the segment, and so they stay in the list, though this run sends nothing for them.
_STAYS: tuple[Fate, ...] = ("contact", "blocked_new_address", "address_of_another")
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
        self._known = SortedKeys(compared.folder, "known", 3)
        if compared.before:
            self._load(compared.before)

    @property
    def rows(self) -> str:
        """The chunk's rows that may be sent."""
        return _FRESH_ROWS if self._sends_part else "chunk"

    def compare(self, addresses: RowKeys | None) -> None:
        """Notes the keys of the chunk's contacts, and finds those that are to be sent.

        `addresses` are the keys of the chunk's addresses, where they identify contacts.
        """
        identity = "" if addresses else f", {self._identity} AS key"
        stays = ", ".join(str(FATE[fate]) for fate in _STAYS)
        digest = _digest(self._plan, self._compared.key)
        rows = (
            f"SELECT rowid AS row, fate = {FATE['contact']} AS is_sent, {digest} AS digest{identity} "
            f"FROM chunk WHERE fate IN ({stays})"
        )
        found = fetch_columns(self._db, rows if addresses else f"SELECT * EXCLUDE (key), {HALVES} FROM ({rows})")
        if addresses:
            found["high"], found["low"] = addresses.of(found["row"])
        found["was"] = self._was(found["high"], found["low"], found["digest"])
        places = np.flatnonzero((found["was"] == CHANGED) & found["is_sent"])[:MOST_EXAMPLES]
        self.changed = found["row"][places].tolist()
        self._db.register("compared", found)
        self._db.execute(
            "COPY (SELECT high, low, CASE WHEN is_sent THEN digest END AS digest, was FROM compared) TO "
            f"{literal(str(self._compared.keys_file(self._chunks)))} (FORMAT parquet, COMPRESSION uncompressed)"
        )
        if self._sends_part:
            self._db.execute(
                f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT row FROM compared WHERE is_sent AND was < {UNCHANGED}"
            )
        self._db.unregister("compared")
        self._chunks += 1

    @property
    def _sends_part(self) -> bool:
        return self._compared.before is not None and not self._compared.sends_all

    @property
    def _identity(self) -> str:
        """The key of a contact that an id identifies. One that Brevo has under a former name keeps it."""
        return key_sql(self._compared.key.text, "coalesce(known_as, customer_id)")

    def _was(self, high: Numbers, low: Numbers, digest: Numbers) -> NDArray[np.uint8]:
        order = np.argsort(high)
        is_known, before = self._known.find([high[order], low[order]])
        was = np.empty(len(high), np.uint8)
        was[order] = np.where(is_known, np.where(before == digest[order], UNCHANGED, CHANGED), NEW)
        return was

    def _load(self, before: Path) -> None:
        """Reads what is known, range by range. A digest that is not known is 0: nobody has this one."""
        rows = f"FROM read_parquet({literal(str(before))})"
        (count,) = self._db.execute(f"SELECT count(*) {rows}").fetchone() or (0,)
        for some in key_ranges(count, _RANGE_CONTACTS):
            found = fetch_columns(self._db, f"SELECT high, low, coalesce(digest, 0) AS digest {rows} WHERE {some}")
            order = np.argsort(found["high"], kind="stable")
            self._known.add([found[name][order] for name in ("high", "low", "digest")])


def _digest(plan: Plan, key: DigestKey) -> str:
    """Of all values as they are sent. Text that is refused differs from none at all, which does no harm."""
    values = ["email", *(["known_as"] if plan.ext_id else [])]
    values += [f"CASE WHEN NOT phone_lost{k} THEN phone{k} END" for k, _ in plan.phones]
    values += [f"f{i}" for i, _ in plan.values]
    return f"hash({', '.join([literal(key.text + _manner(plan)), *values])})"


def _manner(plan: Plan) -> str:
    """What else of a plan decides what is sent for the values, in a few letters."""
    manner = ([(field.attribute, field.type) for field in plan.fields], plan.erase_empty, plan.boolean_words)
    return hashlib.sha256(repr(manner).encode()).hexdigest()[:32]
