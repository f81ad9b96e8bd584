"""How a segment differs from what Brevo is known to have, and from its list as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from shared.mapping.compared import CHANGED, LEAVING, NEW, STAYING, UNCHANGED, compared_file, key_ranges
from shared.mapping.engine import LITTLE_MEMORY, open_engine
from shared.mapping.rule import literal
from shared.sync.ledger import About, count, kept_sql, read_sql, write_ledger
from shared.sync.members import members_sql
from shared.sync.removals import removals_sql
from shared.sync.segment import load_known, load_segment
from shared.sync.undo import write_record

SyncMode = Literal["full", "changes_only", "mirror", "mirror_exact"]
MIRRORS: tuple[SyncMode, ...] = ("mirror", "mirror_exact")
# So many members at once are joined with the segment, the ledger and others' in the memory that there is.
_RANGE_MEMBERS = 200_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known before a run.

    `before` is what we have put into the list, None where nothing is known; `others` are ledgers of other exports of
    the same list; `members` is the list as it is, in a file as `write_members` writes it, None where it was not read.
    Of a run that was approved, `shown` and `shown_removals` are what a person has seen of it. `is_settled`: no import
    that was not confirmed could bring anybody any more when the list was read.
    """

    before: Path | None = None
    others: tuple[Path, ...] = ()
    members: Path | None = None
    shown: Path | None = None
    shown_removals: Path | None = None
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What a run is to do. `members_*` are None where the list was not read.

    `ours` is how many members we have put into the list, `ours_to_remove` how many of them are to be removed.
    `removals` is a file of those to be removed (removals.py); None where there are none.
    `not_shown` counts contacts that would be sent though nobody has seen them in what was approved.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    to_remove: int = 0
    ours: int = 0
    members_before: int | None = None
    members_after: int | None = None
    removals: Path | None = None
    not_shown: int = 0
    ours_to_remove: int = 0


class Comparison:
    """The segment of a run beside what was known before: a database, to be closed.

    `keys` are the files that mapping has written: a row for each contact of the segment, its digest null where nothing
    is to be sent for it.
    """

    def __init__(self, folder: Path, keys: Sequence[Path], known: Known, mode: SyncMode) -> None:
        self._db = open_engine(folder, LITTLE_MEMORY)
        self._folder = folder
        self._known = known
        self._mode = mode
        load_segment(self._db, keys)
        if not known.before:  # they may have been compared with what is of another account
            self._db.execute(f"UPDATE segment SET was = {NEW} WHERE was IN ({CHANGED}, {UNCHANGED})")
        views = {
            "before": read_sql(*([known.before] if known.before else [])),
            "others": kept_sql(*known.others),
            "members": self._members(),
        }
        for name, select in views.items():
            self._db.execute(f"CREATE VIEW {name} AS {select}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def difference(self) -> Difference:
        """What the run is to do; who is to be removed is in a file in the folder."""
        counts = ", ".join(f"count(*) FILTER (was = {was})" for was in (NEW, CHANGED, UNCHANGED))
        new, changed, unchanged = self._row(f"SELECT {counts} FROM segment WHERE digest IS NOT NULL")
        sent = self._sent()
        not_shown = 0
        if self._known.shown:
            seen = f"ANTI JOIN ({read_sql(self._known.shown)}) USING (high, low, digest)"
            not_shown = count(self._db, f"SELECT high FROM ({sent}) {seen}")
        if self._known.members is None:
            return Difference(new, changed, unchanged, not_shown=not_shown)
        members = count(self._db, "FROM members")
        self._find_surplus(members)
        removals = self._removals
        self._db.execute(f"COPY ({self._surplus()}) TO {literal(str(removals))} (FORMAT csv, HEADER false)")
        with removals.open("rb") as file:
            to_remove = sum(1 for _ in file)
        added = count(self._db, f"SELECT high FROM ({sent}) ANTI JOIN members USING (high, low)")
        ours = count(self._db, "SELECT high FROM members SEMI JOIN before USING (high, low)")
        after = members - to_remove + added
        path = removals if to_remove else None
        is_of_others = bool(to_remove) and self._mode == "mirror_exact"
        ours_gone = "SELECT high FROM surplus SEMI JOIN before USING (high, low)"
        of_ours = count(self._db, ours_gone) if is_of_others else to_remove
        return Difference(new, changed, unchanged, to_remove, ours, members, after, path, not_shown, of_ours)

    def write_next(self, path: Path, about: About) -> None:
        """Writes what the ledger will be once Brevo has confirmed all of the run.

        Who has left the segment is forgotten where the run takes them out of the list. Where the list was not read, it
        takes out nobody: they stay ours, and a later run removes them. What values they had is forgotten in each mode.
        """
        contacts = "SELECT high, low, digest FROM segment WHERE digest IS NOT NULL"
        if self._known.before and (known := compared_file(self._folder)).exists():
            load_known(self._db, known)
            contacts += " UNION ALL FROM kept"
        else:  # no row was mapped, or nothing is known
            self._db.execute("CREATE TEMP TABLE gone AS FROM before")
        removes = self._mode in MIRRORS and self._known.members is not None
        contacts += f" UNION ALL {self._still_ours() if removes else self._gone()}"
        write_ledger(self._db, contacts, path, about, is_sorted=True)

    def write_undo(self, path: Path, about: About) -> None:
        """Writes whom the run adds to the list and whom it removes, so that an undo can put the list back.

        To be called after `difference`, where the list was read.
        """
        added = f"SELECT high, low, NULL, NULL FROM ({self._sent()}) ANTI JOIN members USING (high, low)"
        removed = (
            "SELECT members.high, members.low, number, before.high IS NOT NULL "
            f"FROM members SEMI JOIN ({removals_sql(self._removals)}) AS gone USING (number) "
            "LEFT JOIN before USING (high, low)"
        )
        write_record(self._db, f"{added} UNION ALL {removed}", path, about)

    @property
    def _removals(self) -> Path:
        return self._folder / "removals"

    def _sent(self) -> str:
        """The contacts that the run sends."""
        sent = "SELECT high, low, digest FROM segment WHERE digest IS NOT NULL"
        return sent if self._mode == "full" else f"{sent} AND was < {UNCHANGED}"

    def _still_ours(self) -> str:
        """Who has left the segment and stays ours, though the run takes people out.

        Members whom another export keeps, or whom nobody was shown in a run that was approved, and whom an import that
        was not confirmed may bring yet. Who is neither is forgotten: who comes back by a form is not ours.
        """
        may_come = "" if self._known.is_settled else " OR digest IS NULL"
        there = "SELECT DISTINCT high, low, true AS is_there FROM members SEMI JOIN gone USING (high, low)"
        return (
            f"SELECT high, low, CASE WHEN is_there THEN CAST({LEAVING} AS UBIGINT) END AS digest "
            "FROM gone ANTI JOIN surplus USING (high, low) "
            f"LEFT JOIN ({there}) USING (high, low) WHERE is_there{may_come}"
        )

    def _gone(self) -> str:
        """All who have left the segment, where nobody is taken out of the list."""
        digest = LEAVING if self._mode in MIRRORS else STAYING
        return f"SELECT high, low, CASE WHEN digest IS NOT NULL THEN CAST({digest} AS UBIGINT) END AS digest FROM gone"

    def _surplus(self) -> str:
        """The members that are to be removed, as `shared/sync/removals.py` has them."""
        key = "NULL, NULL" if self._mode == "mirror_exact" else "any_value(high), any_value(low)"
        return f"SELECT number, {key} FROM surplus GROUP BY number ORDER BY number"

    def _find_surplus(self, members: int) -> None:
        """Puts the members that are to be removed into a table, in ranges of keys: the joins of all are too large."""
        self._db.execute("CREATE TEMP TABLE surplus AS SELECT number, high, low FROM members LIMIT 0")
        if self._mode not in MIRRORS:
            return
        for some in key_ranges(members, _RANGE_MEMBERS):
            self._db.execute(f"INSERT INTO surplus {self._surplus_members(some)}")

    def _surplus_members(self, some: str) -> str:
        def part(view: str) -> str:
            return f"(FROM {view} WHERE {some}) AS {view}"

        surplus = (
            f"SELECT members.number, high, low FROM {part('members')} ANTI JOIN {part('segment')} USING (high, low)"
        )
        if self._mode == "mirror":
            surplus += f" SEMI JOIN {part('before')} USING (high, low) ANTI JOIN {part('others')} USING (high, low)"
        if self._known.shown:
            surplus += f" SEMI JOIN ({self._shown_removals()}) USING (number)"
        return surplus

    def _shown_removals(self) -> str:
        if self._known.shown_removals is None:
            return "SELECT number FROM members LIMIT 0"
        return f"SELECT number FROM ({removals_sql(self._known.shown_removals)})"

    def _members(self) -> str:
        if self._known.members is None:
            return "SELECT high, low, CAST(NULL AS BIGINT) AS number FROM others LIMIT 0"
        return members_sql(self._known.members)

    def _row(self, sql: str) -> tuple[int, ...]:
        return tuple(map(int, self._db.execute(sql).fetchone() or ()))
