"""The ledger: for each contact that an export has put into a list, its key and the digest of what was sent.

A file of Parquet, sorted by key but for a few behind, so that a contact takes at most 24 bytes. It says in its own head
whose it is; one that is cut off, of another form, or made with another secret is not read, which counts as no ledger.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb

from shared.mapping.compared import LEAVING
from shared.mapping.engine import open_engine
from shared.mapping.rule import literal

FORM = "1"
COLUMNS = dict.fromkeys(("high", "low", "digest"), "UBIGINT")
DIGESTS_BY = f"duckdb {duckdb.__version__}"
# A digest that may be of other values now, as a column: what it says beside values stays.
FORGOTTEN = f"CASE WHEN digest <= {LEAVING} THEN digest END AS digest"


class LedgerUnreadable(Exception):
    """The file is no ledger that this release and its secret can read; the text says why."""


class OtherSecret(LedgerUnreadable):
    """Its keys were made with another APP_SECRET: nobody can be found in it."""

    def __init__(self) -> None:
        super().__init__("it was made with another APP_SECRET")


@dataclass(frozen=True, slots=True)
class About:
    """Whose ledger it is. `key_id` tells by which key its keys were made; `digests_by` by what its digests.

    `mode` is that of the run; empty where an earlier release has written it, or an undo. `account` is Brevo's id of the
    account; empty where it was not known.
    """

    identity: str
    key_id: str
    run_id: str
    digests_by: str = DIGESTS_BY
    form: str = FORM
    mode: str = ""
    account: str = ""

    @classmethod
    def of(cls, db: duckdb.DuckDBPyConnection, path: Path, columns: Mapping[str, str] = COLUMNS) -> Self:
        """What the file says of itself. Raises LedgerUnreadable where it cannot be read whole."""
        try:
            found = db.execute(f"SELECT key, value FROM parquet_kv_metadata({literal(str(path))})").fetchall()
            described = db.execute(f"DESCRIBE FROM read_parquet({literal(str(path))})").fetchall()
        except duckdb.Error:
            raise LedgerUnreadable("it is cut off or is no ledger") from None
        values = {bytes(key).decode(): bytes(value).decode() for key, value in found}
        if values.get("form") != FORM:
            raise LedgerUnreadable("it was written by another release")
        if {name: kind for name, kind, *_ in described} != columns:
            raise LedgerUnreadable("it has other columns than a ledger")
        return cls(**{name: values.get(name, "") for name in cls.__slots__})

    def check(self, wanted: Self) -> None:
        """Raises LedgerUnreadable where its keys are not those of `wanted`."""
        if self.identity != wanted.identity:
            raise LedgerUnreadable(f"it was kept by {self.identity}, and contacts are identified by {wanted.identity}")
        self.check_key(wanted.key_id)

    def check_key(self, key_id: str) -> None:
        """Raises OtherSecret where its keys were not made by this one."""
        if self.key_id != key_id:
            raise OtherSecret


def read_sql(*paths: Path) -> str:
    """The contacts of these files: `high`, `low`, `digest`."""
    if not paths:
        return f"SELECT {', '.join(f'CAST(NULL AS UBIGINT) AS {name}' for name in COLUMNS)} LIMIT 0"
    return f"SELECT {', '.join(COLUMNS)} FROM read_parquet([{', '.join(literal(str(path)) for path in paths)}])"


def kept_sql(*paths: Path) -> str:
    """Whom the exports of these ledgers keep in the list: as `read_sql`, without those who are leaving."""
    return f"SELECT * FROM ({read_sql(*paths)}) WHERE digest IS DISTINCT FROM {LEAVING}"


def write_ledger(
    db: duckdb.DuckDBPyConnection, contacts: str, path: Path, about: About, *, is_sorted: bool = False
) -> None:
    """Writes the contacts of this SELECT, which has each key once. `is_sorted`: most of them come in its order."""
    select = f"SELECT high, low, digest FROM ({contacts})"
    write_table(db, select if is_sorted else f"{select} ORDER BY high", path, about)


def write_table(db: duckdb.DuckDBPyConnection, select: str, path: Path, about: About) -> None:
    """Writes the rows of this SELECT into a file that says whose it is."""
    head = ", ".join(f"{name}: {literal(getattr(about, name))}" for name in about.__slots__)
    db.execute(
        f"COPY ({select}) TO {literal(str(path))} "
        f"(FORMAT parquet, PARQUET_VERSION V2, COMPRESSION uncompressed, KV_METADATA {{{head}}})"
    )


def without(
    path: Path, rejected: str, folder: Path, *, forget_digests: bool, ours: Sequence[Path] = (), leaving: str = ""
) -> Path:
    """The ledger without the keys in these lines, `high,low`. `forget_digests`: what was sent counts as unknown.

    Those of them that are in a file of `ours` stay, with values that nobody knows: we have put them there before.
    The keys in the lines of `leaving` are added, of who is to be taken out of the list.
    """
    gone = keys_sql(rejected, folder)
    digest = FORGOTTEN if forget_digests else "digest"
    with closing(open_engine(folder)) as db:
        about = About.of(db, path)
        file = folder / "confirmed.parquet"
        kept = f"SELECT high, low, {digest} FROM ({read_sql(path)}) ANTI JOIN ({gone}) USING (high, low)"
        readable = [each for each in ours if is_readable(db, each)]
        known = f"({read_sql(*readable)}) SEMI JOIN ({gone}) USING (high, low)"
        kept += f" UNION ALL SELECT DISTINCT high, low, NULL FROM {known}"
        if leaving:
            late = f"({keys_sql(leaving, folder, 'leaving')}) ANTI JOIN ({read_sql(path)}) USING (high, low)"
            kept += f" UNION ALL SELECT high, low, CAST({LEAVING} AS UBIGINT) FROM {late}"
        write_ledger(db, kept, file, about)
    return file


def lacks(path: Path, keys: str, folder: Path) -> bool:
    """Whether any of the keys in these lines, `high,low`, is not in the ledger."""
    if not keys:
        return False
    with closing(open_engine(folder)) as db:
        return count(db, f"({keys_sql(keys, folder)}) ANTI JOIN ({read_sql(path)}) USING (high, low)") > 0


def keys_sql(lines: str, folder: Path, name: str = "keys") -> str:
    """The keys in these lines, `high,low`, which are put into a file of this name: `high`, `low`."""
    path = folder / name
    path.write_text(lines or "0,0\n", encoding="ascii")
    return (
        f"SELECT high, low FROM read_csv({literal(str(path))}, columns={{'high': 'UBIGINT', 'low': 'UBIGINT'}}, "
        "auto_detect=false, header=false)"
    )


def check_comparable(path: Path, others: Sequence[Path], folder: Path) -> None:
    """Raises LedgerUnreadable where contacts of the ledger cannot be found in each of the others."""
    with closing(open_engine(folder)) as db:
        about = About.of(db, path)
        for each in others:
            About.of(db, each).check(about)


def is_readable(db: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether the file is a whole ledger of this release's form."""
    try:
        About.of(db, path)
    except LedgerUnreadable:
        return False
    return True


def run_of(path: Path, folder: Path) -> str:
    """The run that has written the ledger; empty where it cannot be read."""
    with closing(open_engine(folder)) as db, suppress(LedgerUnreadable):
        return About.of(db, path).run_id
    return ""


def count(db: duckdb.DuckDBPyConnection, contacts: str) -> int:
    """How many contacts the SELECT has."""
    (found,) = db.execute(f"SELECT count(*) FROM ({contacts})").fetchone() or (0,)
    return int(found)


def size(path: Path | None, others: Sequence[Path], folder: Path) -> int:
    """How many contacts the ledger has, 0 without one; of who is leaving those alone whom `others` do not keep."""
    ours = list(filter(None, [path]))
    leaving = f"(SELECT * FROM ({read_sql(*ours)}) WHERE digest = {LEAVING})"
    with closing(open_engine(folder)) as db:
        kept = count(db, kept_sql(*ours))
        return kept + count(db, f"{leaving} ANTI JOIN ({kept_sql(*others)}) USING (high, low)")


def merged_sql(ledger: str, intentions: Sequence[str]) -> str:
    """The ledger, and what runs that were not confirmed may have delivered: ours, but with unknown values.

    Unknown is also who is in the ledger and not in each intention: that run may have taken them out of the list.
    """
    if not intentions:
        return ledger
    parts = " UNION ALL ".join(f"SELECT * FROM ({each})" for each in (ledger, *intentions))
    return (
        f"SELECT high, low, CASE WHEN count(digest) = {1 + len(intentions)} AND min(digest) = max(digest) "
        f"THEN min(digest) END AS digest FROM ({parts}) GROUP BY high, low"
    )
