"""What mapping has written down of a segment's contacts, as tables: their keys, and what was known of others before."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from shared.mapping.compared import (
    GONE,
    KNOWN_KINDS,
    LEAVING,
    SEGMENT_KINDS,
    STAYING,
    STAYS,
    STILL_IN,
    UNKNOWN,
    key_borders,
)
from shared.mapping.number_file import NumberFile, Numbers

# So many contacts are sorted at once.
_RANGE_CONTACTS = 250_000
_HIGH, _LOW, _DIGEST, _ROW, _WAS = range(len(SEGMENT_KINDS))
_NOTED = len(KNOWN_KINDS) - 1


def load_segment(db: duckdb.DuckDBPyConnection, keys: Sequence[Path]) -> None:
    """Makes the table `segment` of the chunks' keys, in their order: `high`, `low`; `digest`, NULL where nothing is
    sent; `was`.
    """
    db.execute("CREATE TEMP TABLE segment (high UBIGINT, low UBIGINT, digest UBIGINT, was UTINYINT)")
    files = [NumberFile.open(path, SEGMENT_KINDS) for path in keys]
    for parts in _in_ranges(files):
        high, low, digest, was = (
            np.concatenate([file.column(number)[part] for file, part in zip(files, parts, strict=True)])
            for number in (_HIGH, _LOW, _DIGEST, _WAS)
        )
        order = np.argsort(high, kind="stable")
        rows = {"high": high[order], "low": low[order], "digest": digest[order], "was": was[order]}
        _insert(db, "segment", f"SELECT high, low, CASE WHEN was < {STAYS} THEN digest END, was", rows)


def load_known(db: duckdb.DuckDBPyConnection, known: Path) -> None:
    """Makes two tables of who was known before and is not sent, with `high`, `low`, `digest`: `kept` of who is in the
    segment still, `gone` of who has left it.
    """
    file = NumberFile.open(known, KNOWN_KINDS)
    for table, noted in (("kept", STILL_IN), ("gone", GONE)):
        db.execute(f"CREATE TEMP TABLE {table} (high UBIGINT, low UBIGINT, digest UBIGINT)")
        for start in range(0, file.count, _RANGE_CONTACTS):
            part = slice(start, start + _RANGE_CONTACTS)
            chosen = file.column(_NOTED)[part] == noted
            if chosen.any():
                names = ("high", "low", "digest")
                rows = {name: file.column(number)[part][chosen] for number, name in enumerate(names)}
                digest = f"CASE digest WHEN {UNKNOWN} THEN NULL WHEN {LEAVING} THEN {STAYING} ELSE digest END"
                _insert(db, table, f"SELECT high, low, {digest}", rows)


def sent_rows(keys: Path) -> dict[str, Numbers]:
    """Of a chunk's contacts that would be sent: `row`, `high` and `low`."""
    file = NumberFile.open(keys, SEGMENT_KINDS)
    is_sent = file.column(_WAS) < STAYS
    return {name: file.column(number)[is_sent] for name, number in (("row", _ROW), ("high", _HIGH), ("low", _LOW))}


def _in_ranges(files: Sequence[NumberFile]) -> Iterable[tuple[slice, ...]]:
    """The parts of the files that belong to each range of keys; none where there are no files."""
    borders = np.array(key_borders(sum(file.count for file in files), _RANGE_CONTACTS)[1:-1], np.uint64)
    ends = [[0, *np.searchsorted(file.column(_HIGH), borders).tolist(), file.count] for file in files]
    return zip(*([slice(*each) for each in pairwise(of_file)] for of_file in ends), strict=True)


def _insert(db: duckdb.DuckDBPyConnection, table: str, select: str, rows: dict[str, Numbers]) -> None:
    db.register("rows_to_insert", rows)
    db.execute(f"INSERT INTO {table} {select} FROM rows_to_insert")
    db.unregister("rows_to_insert")
