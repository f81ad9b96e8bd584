"""The first row of an address wins, and the first contact with a phone number keeps it, over all chunks.

Kept on disk for the rows seen so far: 12 bytes for each address (the beginning of its MD5; that two of thirty million
addresses share so much is less likely than one in 10^14), and 8 for each phone number.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb
import numpy as np
from numpy.typing import NDArray

from shared.mapping.compared import HALVES, key_sql
from shared.mapping.engine import fetch_columns
from shared.mapping.fate import FATE
from shared.mapping.number_file import Flags, Numbers
from shared.mapping.sorted_keys import SeenNumbers, SortedKeys, repeated

type RowNumbers = NDArray[np.int64]

_CONTACT = f"fate = {FATE['contact']}"
_HALF = np.uint64(32)  # bits


@dataclass(frozen=True, slots=True)
class RowKeys:
    """The keys of some of a chunk's rows, in the order of the keys."""

    row: RowNumbers
    high: Numbers
    low: Numbers

    @classmethod
    def fetched(cls, db: duckdb.DuckDBPyConnection, key: str, rows: str) -> Self:
        """The keys of these rows, FROM and WHERE, by the expression for a key."""
        found = fetch_columns(db, f"SELECT row, {HALVES} FROM (SELECT rowid AS row, {key} AS key {rows})")
        order = np.argsort(found["high"])
        return cls(*(found[name][order] for name in ("row", "high", "low")))

    def those(self, chosen: Flags) -> Self:
        """The chosen ones of these keys."""
        return type(self)(self.row[chosen], self.high[chosen], self.low[chosen])

    @property
    def kept(self) -> list[Numbers]:
        """What is kept of the keys, by columns."""
        return [self.high, (self.low >> _HALF).astype(np.uint32)]


class SeenKeys:
    """The keys of rows so far: those of the segment that is read, and those that only earlier ones have."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._segment = 0
        self._here, self._before = self._table("here-0"), self._table("before")

    def begin(self, segment: int) -> None:
        """Says which segment the next rows are of."""
        if segment != self._segment:
            self._before.take(self._here)
            self._segment, self._here = segment, self._table(f"here-{segment}")

    def find(self, keys: RowKeys) -> tuple[Flags, Flags]:
        """Which of these keys the segment has, and which the earlier ones have."""
        return self._here.find(keys.kept), self._before.find(keys.kept)

    def add(self, keys: RowKeys) -> None:
        """Takes in keys of the segment."""
        self._here.add(keys.kept)

    def _table(self, name: str) -> SortedKeys:
        return SortedKeys(self._folder, f"{self._name}-{name}", "uint64", "uint32")


class FirstAddresses:
    """The addresses so far, by the MD5 of `secret` and the address behind it. `db` has the chunk."""

    def __init__(self, db: duckdb.DuckDBPyConnection, folder: Path, secret: str) -> None:
        self._db = db
        self._key = key_sql(secret, "email")
        self._seen = SeenKeys(folder, "addresses")

    def settle(self, segment: int) -> RowKeys:
        """Settles the fate of the chunk's contacts, remembers their addresses, and gives the keys of all of them.

        The same address again is `duplicate_email` within its segment, and `merged` where only an earlier segment has
        it.
        """
        self._seen.begin(segment)
        keys = RowKeys.fetched(self._db, self._key, f"FROM chunk WHERE {_CONTACT}")
        is_here, is_before = self._seen.find(keys)
        is_duplicate = repeated(keys.kept, keys.row) | is_here
        is_merged = is_before & ~is_duplicate
        self._seen.add(keys.those(~is_duplicate))
        update_rows(self._db, f"fate = {FATE['duplicate_email']}", keys.row[is_duplicate])
        update_rows(self._db, f"fate = {FATE['merged']}", keys.row[is_merged])
        return keys


class FirstPhones:
    """The numbers so far of the plan's phone field `number`. Each has its own owners."""

    def __init__(self, db: duckdb.DuckDBPyConnection, folder: Path, number: int) -> None:
        self._db = db
        self._number = number
        self._seen = SeenNumbers(folder, f"phones{number}")

    def settle(self) -> None:
        """Takes a number from all of the chunk's contacts but its first one, and remembers the chunk's numbers."""
        phone, is_lost = f"phone{self._number}", f"phone_lost{self._number}"
        found = fetch_columns(
            self._db,
            f"SELECT rowid AS row, {phone} AS phone FROM chunk "
            f"WHERE {_CONTACT} AND {phone} IS NOT NULL AND NOT {is_lost}",
        )
        update_rows(self._db, f"{is_lost} = true", found["row"][self._seen.repeats(found["phone"])])


def update_rows(db: duckdb.DuckDBPyConnection, change: str, rows: RowNumbers) -> None:
    """Changes these rows of the chunk, mostly a few."""
    if len(rows):
        db.register("changed_rows", {"row": rows})
        db.execute(f"UPDATE chunk SET {change} FROM changed_rows WHERE chunk.rowid = changed_rows.row")
        db.unregister("changed_rows")
