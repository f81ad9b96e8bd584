"""The list as it is, as a run compares it with its segment: no addresses."""

from collections.abc import Iterable
from contextlib import closing
from itertools import batched
from pathlib import Path

import numpy as np

from shared.mapping.compared import HALVES, key_sql
from shared.mapping.engine import LITTLE_MEMORY, open_engine
from shared.mapping.leavers import DigestKey, as_sent
from shared.mapping.rule import literal

_AT_ONCE = 10_000
# Mostly nobody comes twice: to see that takes much less time than to leave them out.
_REPEATS = "SELECT count(nullif(number, 0)) - count(DISTINCT nullif(number, 0)) FROM members"
_EACH_ONCE = (
    "SELECT DISTINCT ON (CASE number WHEN 0 THEN -1 - rowid ELSE number END) * FROM members ORDER BY blocked DESC"
)
_KEYED = f"SELECT {HALVES}, number, blocked FROM (SELECT {{key}} AS key, number, blocked FROM given)"


def write_members(path: Path, members: Iterable[tuple[str, int, bool]], key: DigestKey) -> int:
    """Writes members, given by address, number at Brevo and whether they are blocked; how many there are.

    What is written of an address is its key, 0 where there is none. Those who come with the same number are one member,
    blocked where one of them is; those without, whose number is 0, are as many as come.
    """
    keyed = _KEYED.format(key=f"CASE address WHEN '' THEN 0 ELSE {key_sql(key.text, 'address')} END")
    with closing(open_engine(path.parent, LITTLE_MEMORY)) as db:
        db.execute("CREATE TABLE members (high UBIGINT, low UBIGINT, number BIGINT, blocked BOOLEAN)")
        for some in batched(members, _AT_ONCE, strict=False):
            addresses, numbers, blocked = zip(*some, strict=True)
            columns = [np.array(list(map(as_sent, addresses)), object), np.array(numbers, np.int64), np.array(blocked)]
            db.register("given", dict(zip(("address", "number", "blocked"), columns, strict=True)))
            db.execute(f"INSERT INTO members {keyed}")
            db.unregister("given")
        (repeats,) = db.execute(_REPEATS).fetchone() or (0,)
        select = _EACH_ONCE if repeats else "SELECT * FROM members"
        (written,) = db.execute(f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet)").fetchone() or (0,)
    return int(written)


def write_others(path: Path, people: Path, but: Path) -> None:
    """Writes those people of a file who are not in another one, by their keys."""
    others = f"({members_sql(people)}) ANTI JOIN ({members_sql(but)}) USING (high, low)"
    with closing(open_engine(path.parent, LITTLE_MEMORY)) as db:
        db.execute(f"COPY (SELECT * FROM {others}) TO {literal(str(path))} (FORMAT parquet)")


def members_sql(path: Path) -> str:
    """The contacts of such a file: `high`, `low`, `number`, `blocked`."""
    return f"SELECT * FROM read_parquet({literal(str(path))})"
