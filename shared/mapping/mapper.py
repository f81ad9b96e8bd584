"""Maps a snapshot's rows chunk by chunk: well-formed rows in, contacts out, and each row that is not sent explained.

Memory and disk stay small whatever the snapshot's size: a chunk's rows live in DuckDB only until its contacts are
written, and of all rows before it no more than `dedupe` keeps. DuckDB works with one thread, so rows keep their order.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb

from shared.errors import PermanentError
from shared.mapping.chunk import Chunk
from shared.mapping.dedupe import CREATE, address_sql, phone_sql
from shared.mapping.email_rule import email_rule
from shared.mapping.origins import Origins
from shared.mapping.phone_rule import phone_rule
from shared.mapping.plan import Plan
from shared.mapping.results import MappedChunk, RejectedRow
from shared.mapping.rule import Rule
from shared.mapping.select import (
    FATE,
    NO_FAULTS,
    FileSource,
    contacts_sql,
    copy_sql,
    filled_sql,
    load_sql,
    places_sql,
    rejected_sql,
)

MEMORY_LIMIT = "100MB"
_FETCH_ROWS = 12_288
_FATES = {number: name for name, number in FATE.items()}
# Planning the SQL for a kind of value takes as long as asking the library about so many.
_WORTH_PLANNING = 1_000


class Mapper:
    """Maps one snapshot. Call `map_chunk` for each chunk in order; `reasons` then counts contacts, merged,
    filtered and rejected rows, and warnings, and `empty` has the attributes that no contact has anything for.

    `files` are the names of the snapshot's files.
    """

    def __init__(self, plan: Plan, folder: Path, files: list[str], on_rejected: Callable[[RejectedRow], None]) -> None:
        self.plan = plan
        self._folder = folder
        self._files = files
        self._on_rejected = on_rejected
        self._email = email_rule()
        self._phone = phone_rule(plan.default_country) if plan.phone else None
        self._db = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(folder / "spill"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        # Without this it draws on standard output once a statement takes two seconds.
        self._db.execute("SET enable_progress_bar = false")
        self._db.execute(CREATE)
        self.reasons: Counter[str] = Counter()
        self.empty = {field.attribute for field in plan.fields}

    def close(self) -> None:
        """Ends the database."""
        self._db.close()

    def map_chunk(self, chunk: Chunk, source: FileSource, segment: int, segment_name: str) -> MappedChunk:
        """The chunk's contacts in the order of their rows.

        Raises PermanentError where the engine reads other rows than were put into the chunk.
        """
        chunk.flush()
        self._execute(load_sql(self.plan, source, self._email, self._phone))
        self._check_count(chunk)
        self._judge()
        for statement in [*address_sql(segment), *(phone_sql() if self.plan.phone else [])]:
            self._execute(statement)
        origins = chunk.origins
        self._count(segment_name, origins)
        self._note_filled()
        return self._written(origins)

    def _check_count(self, chunk: Chunk) -> None:
        """The framing has counted these rows; whatever the engine makes of them, none may be lost or invented."""
        count = self._value("SELECT count(*) FROM chunk")
        if count != chunk.rows:
            origins = chunk.origins
            first, last = (f"{self._files[origins.file(row)]}, line {origins.line(row)}" for row in (0, chunk.rows - 1))
            raise PermanentError(
                "rows_miscounted",
                f"{chunk.rows:,} rows were counted from {first} to {last}, and {count:,} were read.",
                "This is a fault of Segment Export; please report it. Nothing was sent.",
            )

    def _judge(self) -> None:
        """Decides what is not plain."""
        if self._tell(self._email, "email_cell"):
            self._execute(
                f"UPDATE chunk SET fate = CASE WHEN value IS NULL THEN {FATE['invalid_email']} "
                f"ELSE {FATE['contact']} END, email = value FROM told "
                f"WHERE chunk.rowid = told.row AND fate = {FATE['undecided']}"
            )
        if self._phone and self._tell(self._phone, "phone_cell"):
            self._execute(
                "UPDATE chunk SET phone = CAST(substr(value, 2) AS UBIGINT) FROM told "
                "WHERE chunk.rowid = told.row AND value IS NOT NULL"
            )

    def _tell(self, rule: Rule, column: str) -> bool:
        """Puts what becomes of each row's value in the column into `told`; false where there is none."""
        self._execute(
            f"CREATE OR REPLACE TEMP TABLE told AS SELECT rowid AS row, {column} AS cell, "
            f"{rule.simplified(column)} AS simple FROM chunk WHERE {column} IS NOT NULL"
        )
        kinds = dict(self._db.execute(f"SELECT {rule.kind('simple')}, count(*) FROM told GROUP BY 1").fetchall())
        if not kinds:
            return False
        verdict = rule.verdict("simple", [kind for kind, count in kinds.items() if count >= _WORTH_PLANNING])
        self._execute(f"CREATE OR REPLACE TEMP TABLE told AS SELECT row, cell, {verdict} AS value FROM told")
        undecided = self._db.execute("DELETE FROM told WHERE value = '' RETURNING row, cell").fetchall()
        if undecided:
            values = {cell: rule.judge(cell) for cell in {cell for _, cell in undecided}}
            self._db.execute(
                "INSERT INTO told SELECT unnest($rows), NULL, unnest($values)",
                {"rows": [row for row, _ in undecided], "values": [values[cell] for _, cell in undecided]},
            )
        return True

    def _count(self, segment_name: str, origins: Origins) -> None:
        for fate, count in self._db.execute("SELECT fate, count(*) FROM chunk GROUP BY fate").fetchall():
            if (name := _FATES[fate]) in NO_FAULTS:
                self.reasons[name] += count
        cursor = self._db.execute(rejected_sql(self.plan))
        while found := cursor.fetchmany(_FETCH_ROWS):
            for row, reason, field, customer_id, email in found:
                self.reasons[reason] += 1
                file, line = self._files[origins.file(row)], origins.line(row)
                self._on_rejected(
                    RejectedRow(segment_name, file, line, reason, field, (customer_id or "").strip(), email)
                )

    def _note_filled(self) -> None:
        if not self.empty:
            return
        found = self._db.execute(filled_sql(self.plan, self.empty)).fetchone() or ()
        self.empty -= {name for name, filled in zip(sorted(self.empty), found, strict=True) if filled}

    def _written(self, origins: Origins) -> MappedChunk:
        mapped = MappedChunk(self._folder / "contacts", self._folder / "places", origins)
        self._execute(copy_sql(contacts_sql(self.plan), str(mapped.contacts)))
        self._execute(copy_sql(places_sql(), str(mapped.places)))
        return mapped

    def _execute(self, sql: str) -> None:
        try:
            self._db.execute(sql)
        except duckdb.Error as error:
            # Its words quote the rows that it stumbled over.
            raise PermanentError(
                "rows_unreadable", f"The rows could not be read ({type(error).__name__}).", "Check the segment's files."
            ) from None

    def _value(self, sql: str) -> int:
        found = self._db.execute(sql).fetchone()
        return int(found[0]) if found else 0
