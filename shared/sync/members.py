"""The list as it is, as a run compares it with its segment: no addresses."""

from collections.abc import Iterable
from contextlib import closing
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np

from shared.mapping.compared import HALVES, key_sql
from shared.mapping.engine import LITTLE_MEMORY, open_engine
from shared.mapping.leavers import DigestKey, as_sent
from shared.mapping.number_file import Flags, Numbers
from shared.mapping.rule import literal
from shared.mapping.sorted_keys import SeenNumbers

_AT_ONCE = 50_000
_GIVEN = ("address", "number", "blocked")
_KEYED = f"SELECT {HALVES}, number, blocked FROM (SELECT {{key}} AS key, number, blocked FROM given)"


def write_members(path: Path, members: Iterable[tuple[str, int, bool]], key: DigestKey) -> int:
    """Writes members, given by address, number at Brevo and whether they are blocked; how many there are.

    What is written of an address is its key, 0 where there is none. Those who come with the same number are one member,
    blocked where one of them is; those without, whose number is 0, are as many as come.
    """
    keyed = _KEYED.format(key=f"CASE address WHEN '' THEN 0 ELSE {key_sql(key.text, 'address')} END")
    with TemporaryDirectory(dir=path.parent) as folder, closing(open_engine(path.parent, LITTLE_MEMORY)) as db:
        seen = SeenNumbers(Path(folder), "members")
        db.execute("CREATE TABLE members (high UBIGINT, low UBIGINT, number BIGINT, blocked BOOLEAN)")
        db.execute("CREATE TABLE blocked_later (number BIGINT)")
        for some in batched(members, _AT_ONCE, strict=False):
            addresses, numbers, blocked = zip(*some, strict=True)
            columns = [np.array(list(map(as_sent, addresses)), object), np.array(numbers, np.int64), np.array(blocked)]
            is_again = seen.repeats(columns[1]) & (columns[1] != 0)
            _insert(db, "members", keyed, columns, ~is_again)
            _insert(db, "blocked_later", "SELECT number FROM given", columns, is_again & columns[2])
        db.execute("UPDATE members SET blocked = true FROM blocked_later AS later WHERE members.number = later.number")
        (written,) = db.execute(f"COPY members TO {literal(str(path))} (FORMAT parquet)").fetchone() or (0,)
    return int(written)


def _insert(db: duckdb.DuckDBPyConnection, table: str, select: str, columns: list[Numbers], chosen: Flags) -> None:
    if chosen.any():
        db.register("given", {name: column[chosen] for name, column in zip(_GIVEN, columns, strict=True)})
        db.execute(f"INSERT INTO {table} {select}")
        db.unregister("given")


def write_others(path: Path, people: Path, but: Path) -> None:
    """Writes those people of a file who are not in another one, by their keys."""
    others = f"({members_sql(people)}) ANTI JOIN ({members_sql(but)}) USING (high, low)"
    with closing(open_engine(path.parent, LITTLE_MEMORY)) as db:
        db.execute(f"COPY (SELECT * FROM {others}) TO {literal(str(path))} (FORMAT parquet)")


def members_sql(path: Path) -> str:
    """The contacts of such a file: `high`, `low`, `number`, `blocked`."""
    return f"SELECT * FROM read_parquet({literal(str(path))})"
