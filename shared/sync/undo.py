"""How a run is undone: whom it has added to a list and whom it has removed, against the list as it is now.

A clear is the same for all that the export has put there, in whatever run.

The record of a run holds keys and Brevo's numbers, no addresses. It is written before the run sends anything.
"""

from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np

from shared.mapping.compared import LEAVING
from shared.mapping.engine import open_engine
from shared.mapping.rule import literal
from shared.sync.ledger import About, LedgerUnreadable, count, kept_sql, keys_sql, read_sql, write_ledger, write_table
from shared.sync.members import members_sql
from shared.sync.removals import removals_sql

# `number` is null of those that the run adds. `ours`: the run's export had put them there.
_COLUMNS = {"high": "UBIGINT", "low": "UBIGINT", "number": "BIGINT", "ours": "BOOLEAN"}
Change = Literal["added", "removed", "none"]


@dataclass(frozen=True, slots=True)
class Before:
    """What is known before an undo, in files.

    `record` is that of the run, None for all that its export has put into the list; that is in `ledger`, without whom
    Brevo has rejected, who are in the record all the same. `others` is what other exports have put there.
    `puts_back`: the run may have removed somebody, and it was asked who left the list since.
    `members` and `left` are who is in the list and who left it, `excluded` who is excluded from it by now, in files as
    `write_members` writes them. Of an undo that was approved, `shown_*` are what a person has seen of it, None where it
    was nobody.
    """

    record: Path | None
    ledger: Path | None
    others: tuple[Path, ...]
    members: Path
    left: Path | None
    excluded: tuple[Path, ...] = ()
    puts_back: bool = True
    is_approved: bool = False
    shown_removals: Path | None = None
    shown_additions: Path | None = None


@dataclass(frozen=True, slots=True)
class Reversal:
    """What an undo is to do. `removals` and `additions` are files as `removals.py` has them.

    `ours` is how many members the export has put into the list. Of those that the run has removed, `left` have left
    the list themselves since, and `excluded` are excluded by now: they are not put back.
    """

    to_remove: int
    to_add: int
    left: int
    excluded: int
    ours: int
    members: int
    removals: Path
    additions: Path


def write_record(db: duckdb.DuckDBPyConnection, contacts: str, path: Path, about: About) -> None:
    """Writes the record of a run: `contacts` selects high, low, number and ours."""
    columns = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in _COLUMNS.items())
    named = ", ".join(_COLUMNS)
    write_table(db, f"WITH contacts({named}) AS ({contacts}) SELECT {columns} FROM contacts", path, about)


def record_without(path: Path, keys: str, key_id: str, folder: Path) -> Path | None:
    """The record without the keys in these lines, `high,low`; None where none of them is in it.

    Raises LedgerUnreadable, and OtherSecret where its keys were not made by the one that `key_id` tells.
    """
    gone = keys_sql(keys, folder)
    record = f"SELECT * FROM read_parquet({literal(str(path))})"
    with closing(open_engine(folder)) as db:
        about = About.of(db, path, _COLUMNS)
        about.check_key(key_id)
        if not count(db, f"{record} SEMI JOIN ({gone}) USING (high, low)"):
            return None
        file = folder / "record.without.parquet"
        write_record(db, f"{record} ANTI JOIN ({gone}) USING (high, low)", file, about)
    return file


def record_without_numbers(path: Path, numbers: Collection[int], folder: Path) -> Path | None:
    """The record without the contacts with these numbers; None where it cannot be read."""
    file = folder / "record.without.parquet"
    with closing(open_engine(folder)) as db, suppress(LedgerUnreadable):
        about = About.of(db, path, _COLUMNS)
        db.register("numbers", {"number": np.fromiter(numbers, np.int64)})
        kept = f"SELECT * FROM read_parquet({literal(str(path))}) ANTI JOIN numbers USING (number)"
        write_record(db, kept, file, about)
        return file
    return None


def change_of(path: Path, key: tuple[int, int], number: int | None, folder: Path) -> Change:
    """What the run of this record has done to the contact with this key, or with Brevo's number.

    A key that was made with another secret is not found. Raises LedgerUnreadable.
    """
    found = (
        f"SELECT number FROM read_parquet({literal(str(path))}) WHERE (high = $high AND low = $low) OR number = $number"
    )
    with closing(open_engine(folder)) as db:
        About.of(db, path, _COLUMNS)
        numbers = db.execute(found, {"high": key[0], "low": key[1], "number": number}).fetchall()
    if not numbers:
        return "none"
    return "removed" if any(each is not None for (each,) in numbers) else "added"


def reversal(before: Before, folder: Path, intention: Path, about: About) -> Reversal:
    """What the undo is to do. What the ledger is once it is done is written as `intention`.

    Raises LedgerUnreadable where the record cannot be read with this secret, or has contacts without a number.
    """
    with closing(open_engine(folder)) as db:
        if before.record:
            About.of(db, before.record, _COLUMNS).check(about)
        for name, select in _views(before).items():
            db.execute(f"CREATE VIEW {name} AS {select}")
        if count(db, "FROM removed WHERE number = 0"):
            raise LedgerUnreadable("Brevo's export of the list had no contact numbers")
        removals, additions = folder / "removals", folder / "additions"
        found = Reversal(
            to_remove=_write_numbers(db, "to_remove", removals),
            to_add=_write_numbers(db, "to_add", additions),
            left=count(db, "FROM removed ANTI JOIN willing USING (number) ANTI JOIN members USING (number)"),
            excluded=count(db, "FROM willing ANTI JOIN wanted USING (number) ANTI JOIN members USING (number)"),
            ours=count(db, "FROM members SEMI JOIN ledger USING (high, low)"),
            members=count(db, "FROM members"),
            removals=removals,
            additions=additions,
        )
        write_ledger(db, "SELECT * FROM stays ANTI JOIN back USING (high, low) UNION ALL FROM back", intention, about)
    return found


def _views(before: Before) -> dict[str, str]:
    """Statements for who is what, each by the views before it."""
    nobody = "SELECT high, low, CAST(NULL AS BIGINT) AS number FROM ledger LIMIT 0"
    return {
        "ledger": read_sql(*filter(None, [before.ledger])),
        "record": _record(before.record),
        "added": "SELECT high, low FROM record WHERE number IS NULL",
        "removed": f"SELECT * FROM record WHERE number IS NOT NULL AND {before.puts_back}",
        "others": kept_sql(*before.others),
        "members": members_sql(before.members),
        "leavers": members_sql(before.left) if before.left else nobody,
        "excluded": " UNION ALL ".join(map(members_sql, before.excluded)) or nobody,
        # Whom the run has sent, and Brevo has rejected, was not added by it: they are not in the ledger.
        "to_remove": "SELECT members.* FROM members SEMI JOIN added USING (high, low) "
        "SEMI JOIN ledger USING (high, low) ANTI JOIN others USING (high, low) "
        f"{_shown(before, before.shown_removals)}",
        "willing": f"SELECT * FROM removed {_not_among('leavers')}",
        "wanted": f"SELECT * FROM willing {_not_among('excluded')}",
        "to_add": "SELECT wanted.* FROM wanted ANTI JOIN members USING (number) "
        f"{_shown(before, before.shown_additions)}",
        # Whom another export keeps, or nobody was shown: once neither is so, they are taken out.
        "left_there": f"SELECT DISTINCT high, low, CAST({LEAVING} AS UBIGINT) AS digest FROM members "
        "SEMI JOIN added USING (high, low) SEMI JOIN ledger USING (high, low) ANTI JOIN to_remove USING (high, low)",
        "stays": "SELECT * FROM ledger ANTI JOIN added USING (high, low) UNION ALL FROM left_there",
        # With what values Brevo has them now is not known: their digest is null.
        "back": "SELECT DISTINCT high, low, CAST(NULL AS UBIGINT) AS digest FROM (FROM to_add UNION ALL "
        "FROM willing SEMI JOIN members USING (number)) WHERE ours AND high <> 0",
    }


def _not_among(view: str) -> str:
    """Leaves out who is in the view, by the number or by the key: whose address is not known has the key 0."""
    return f"ANTI JOIN {view} USING (number) ANTI JOIN (FROM {view} WHERE high <> 0) AS known USING (high, low)"


def _record(record: Path | None) -> str:
    if record is None:
        return "SELECT high, low, CAST(NULL AS BIGINT) AS number, true AS ours FROM ledger"
    return f"SELECT high, low, number, ours FROM read_parquet({literal(str(record))})"


def _shown(before: Before, shown: Path | None) -> str:
    """Leaves out whom a person has not seen in what was approved."""
    if not before.is_approved:
        return ""
    numbers = f"SELECT number FROM ({removals_sql(shown)})" if shown else "SELECT number FROM members LIMIT 0"
    return f"SEMI JOIN ({numbers}) AS shown USING (number)"


def _write_numbers(db: duckdb.DuckDBPyConnection, view: str, path: Path) -> int:
    db.execute(
        f"COPY (SELECT number, any_value(high), any_value(low) FROM {view} GROUP BY number ORDER BY number) "
        f"TO {literal(str(path))} (FORMAT csv, HEADER false)"
    )
    with path.open("rb") as file:
        return sum(1 for _ in file)
