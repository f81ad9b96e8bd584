"""How a list differs from its segment: who is missing in it, who is in it beside the segment, and who is blocked."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from shared.mapping.compared import keys_files
from shared.mapping.engine import open_engine
from shared.sync.ledger import About, count, read_sql, write_ledger
from shared.sync.members import members_sql
from shared.sync.segment import load_segment, sent_rows

_FETCH_ROWS = 10_000


class Verification:
    """The list's members beside the keys of the segment, as mapping writes them: a database, to be closed.

    `members` is the list as it is, in a file as `write_members` writes it; `ours` what we have put there, if known.
    """

    def __init__(self, folder: Path, members: Path, ours: Path | None) -> None:
        self._db = open_engine(folder)
        self._folder = folder
        self._db.execute(f"CREATE TABLE members AS {members_sql(members)}")
        self._db.execute(f"CREATE VIEW ours AS {read_sql(*filter(None, [ours]))}")

    def close(self) -> None:
        """Ends the database."""
        self._db.close()

    @property
    def size(self) -> int:
        """How many members the list has."""
        return count(self._db, "FROM members")

    def missing(self, keys: Path) -> list[bool]:
        """Of each contact of a chunk that would be sent, in their order, whether it is not in the list."""
        self._db.register("sent", sent_rows(keys))
        found = self._db.execute(
            "SELECT known IS NULL FROM sent "
            "LEFT JOIN (SELECT DISTINCT high, low, true AS known FROM members) USING (high, low) ORDER BY row"
        ).fetchall()
        self._db.unregister("sent")
        return [is_missing for (is_missing,) in found]

    def members(self) -> Iterator[tuple[str, int]]:
        """Each member that is not in the segment, or is blocked: as what, and its number at Brevo.

        To be called when all chunks are mapped.
        """
        load_segment(self._db, keys_files(self._folder))
        cursor = self._db.execute(
            "SELECT CASE WHEN segment.high IS NOT NULL THEN 'blocked_in_list' WHEN ours.high IS NOT NULL "
            "THEN 'surplus_ours' ELSE 'surplus_of_others' END, number FROM members "
            "LEFT JOIN segment USING (high, low) LEFT JOIN ours USING (high, low) "
            "WHERE segment.high IS NULL OR blocked ORDER BY number"
        )
        while rows := cursor.fetchmany(_FETCH_ROWS):
            yield from rows


def still_there(ledger: Path, members: Path, folder: Path, *, is_settled: bool) -> Path:
    """The contacts of the ledger who are in the list, or whom an open import may bring yet, in a file in the folder.

    None is open where the list `is_settled`.
    """
    file = folder / "still-there.parquet"
    with closing(open_engine(folder)) as db:
        about = About.of(db, ledger)
        known, in_list = read_sql(ledger), members_sql(members)
        there = f"{known} SEMI JOIN ({in_list}) USING (high, low)"
        if not is_settled:
            there += f" UNION ALL FROM ({known} WHERE digest IS NULL) ANTI JOIN ({in_list}) USING (high, low)"
        write_ledger(db, there, file, about)
    return file
