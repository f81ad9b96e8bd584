"""The rows of one snapshot in a temporary DuckDB: loaded file by file, judged, then written out as contacts.

DuckDB works with one thread, so that rows keep their order and memory stays small, and spills into `folder`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from shared.errors import ConfigurationError, PermanentError
from shared.mapping.line_map import LineMap, exact_line_map, plain_line_map
from shared.mapping.pipe import through_pipe
from shared.mapping.plan import Plan
from shared.mapping.rule import Rule
from shared.mapping.select import (
    FATE,
    FileSource,
    contacts_sql,
    create_sql,
    load_sql,
    rules,
    spoilt_column,
    warnings_sql,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "150MB"
_ROW_GROUP = 122_880  # DuckDB's own unit: a range of rowids that starts on it skips all others
_SLICE_ROWS = 256
_FETCH_ROWS = 10_000

_PARSER_REASONS = {"INVALID ENCODING": "invalid_encoding"}


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """One file's place in the rows. `segment` is its segment's number."""

    number: int
    segment: int
    segment_name: str
    name: str
    lines: LineMap
    good_rows: int
    bad_rows: int


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that is not sent, or is sent without a value (then it is a warning)."""

    segment: str
    file: str
    line: int
    reason: str
    field: str
    customer_id: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Slice:
    """A few contacts that stand next to each other: JSON objects joined by commas, and their places.

    Units: `body_bytes` is the length of `contacts` in UTF-8, with one comma more.
    """

    contacts: str
    places: str
    count: int
    body_bytes: int


class Rows:
    """The rows of a snapshot. Call `load` for each file in order, then `settle` once, then read."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._db: DuckDBPyConnection = duckdb.connect(
            str(folder / "rows.duckdb"),
            config={
                "threads": 1,
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(folder / "spill"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        self._db.execute(create_sql(plan))
        self._db.execute("CREATE TABLE malformed (file USMALLINT, line UBIGINT, reason VARCHAR)")
        self.files: list[LoadedFile] = []

    def close(self) -> None:
        """Ends the database; its files go with the folder."""
        self._db.close()

    def load(
        self,
        segment: int,
        segment_name: str,
        source: FileSource,
        chunks: Iterable[bytes],
        count_lines: Callable[[], int],
        read_again: Callable[[], Iterable[bytes]],
        header_lines: int,
    ) -> LoadedFile:
        """Reads one file's data rows. `count_lines` tells their lines once they are read.

        Raises ConfigurationError for a mapped column that is missing and for a quote that is never closed.
        """
        through_pipe(Path(source.path), chunks, lambda: self._execute(load_sql(self._plan, source)))
        bad = self._bad_records(source, header_lines)
        good = self._value("SELECT count(*) FROM rows WHERE file = ?", source.number)
        if good + len(bad) == count_lines():
            lines, bad_lines = plain_line_map(header_lines, bad), {n: header_lines + n for n in bad}
        else:
            lines, bad_lines = exact_line_map(read_again(), source.delimiter, header_lines, bad)
        if bad:
            self._db.executemany(
                "INSERT INTO malformed VALUES (?, ?, ?)",
                [(source.number, bad_lines.get(n, header_lines + n), reason) for n, reason in bad.items()],
            )
        loaded = LoadedFile(source.number, segment, segment_name, source.name, lines, good, len(bad))
        self.files.append(loaded)
        return loaded

    def settle(self) -> None:
        """Asks the libraries about what SQL could not decide, then lets the first of each address and phone win."""
        self._db.execute("CREATE TABLE files (file USMALLINT, segment USMALLINT)")
        self._db.executemany("INSERT INTO files VALUES (?, ?)", [(f.number, f.segment) for f in self.files])
        email, phone = rules(self._plan)
        self._judge_emails(email)
        if phone:
            self._judge_phones(phone)
        self._first_address_wins()
        if phone:
            self._first_phone_wins()

    def counts(self) -> dict[str, int]:
        """Rows by what becomes of them; those that could not be parsed under their reason."""
        found = dict(self._db.execute("SELECT fate, count(*) FROM rows GROUP BY fate").fetchall())
        counts: dict[str, int] = {
            name: int(found.get(number, 0)) for name, number in FATE.items() if name != "undecided"
        }
        for reason, count in self._db.execute("SELECT reason, count(*) FROM malformed GROUP BY reason").fetchall():
            counts[reason] = counts.get(reason, 0) + count
        return counts

    def warning_counts(self) -> dict[str, int]:
        """Contacts that are sent without a value, by reason."""
        sql = warnings_sql(self._plan)
        if not sql:
            return {}
        return dict(self._db.execute(f"SELECT reason, count(*) FROM ({sql}) GROUP BY reason").fetchall())

    def contacts(self) -> Iterator[Slice]:
        """All contacts in the order of their rows."""
        total = self._value("SELECT count(*) FROM rows")
        sql = contacts_sql(self._plan, _SLICE_ROWS)
        for first in range(0, total, _ROW_GROUP):
            found = self._db.execute(sql, {"first": first, "last": first + _ROW_GROUP}).fetchall()
            for contacts, places, count, body_bytes in found:
                yield Slice(contacts, places, count, int(body_bytes))

    def rejected(self) -> Iterator[RejectedRow]:
        """Every row that is not sent though it should be, file by file and line by line, then the warnings."""
        yield from self._malformed()
        reasons = {FATE[name]: name for name in FATE}
        sql = (
            "SELECT file, record, fate, field, customer_id, coalesce(email, lower(email_cell)) FROM rows "
            f"WHERE fate NOT IN ({FATE['contact']}, {FATE['merged']}) ORDER BY file, record"
        )
        for file, record, fate, field, customer_id, email in self._each(sql):
            yield self._row(file, record, reasons[fate], spoilt_column(self._plan, field), customer_id, email)
        if warnings := warnings_sql(self._plan):
            for file, record, reason, field, customer_id, email in self._each(warnings):
                yield self._row(file, record, reason, field, customer_id, email)

    def _row(
        self, file: int, record: int, reason: str, field: str, customer_id: str | None, email: str | None
    ) -> RejectedRow:
        loaded = self.files[file]
        line = loaded.lines.line(record)
        return RejectedRow(loaded.segment_name, loaded.name, line, reason, field, customer_id or "", email)

    def _malformed(self) -> Iterator[RejectedRow]:
        for file, line, reason in self._each("SELECT file, line, reason FROM malformed ORDER BY file, line"):
            loaded = self.files[file]
            yield RejectedRow(loaded.segment_name, loaded.name, line, reason, "", "", None)

    def _each(self, sql: str) -> Iterator[Any]:
        cursor = self._db.cursor().execute(sql)
        while found := cursor.fetchmany(_FETCH_ROWS):
            yield from found

    def _bad_records(self, source: FileSource, header_lines: int) -> dict[int, str]:
        """Rows that could not be parsed: their number behind the header -> reason. Empties the parser's tables."""
        swallowed = self._db.execute(
            "SELECT line, strlen(csv_line) FROM rejected_lines WHERE error_type = 'UNQUOTED VALUE' "
            "AND contains(ltrim(csv_line, chr(10)), chr(10)) ORDER BY line LIMIT 1"
        ).fetchone()
        if swallowed:
            raise ConfigurationError(
                "quote_open",
                f"{source.name}, line {header_lines + swallowed[0]}: a quote is opened and never closed, "
                f"which swallows {swallowed[1]:,} bytes of rows.",
                "Correct the file or let Customer Insights export it again; nothing was sent.",
            )
        found = self._db.execute(
            "SELECT line, min(CAST(error_type AS VARCHAR)) FROM rejected_lines GROUP BY line ORDER BY line"
        ).fetchall()
        self._db.execute("DROP TABLE rejected_lines; DROP TABLE rejected_scans")
        return {line: _PARSER_REASONS.get(kind, "malformed_row") for line, kind in found}

    def _judge_emails(self, rule: Rule) -> None:
        undecided = f"fate = {FATE['undecided']}"
        if self._ask(rule, "email_cell", undecided):
            self._db.execute(
                f"UPDATE rows SET fate = CASE WHEN v.value IS NULL THEN {FATE['invalid_email']} "
                f"ELSE {FATE['contact']} END, email = v.value, "
                f"email_cell = CASE WHEN v.value IS NULL THEN email_cell END "
                f"FROM verdicts v WHERE v.cell = rows.email_cell AND {undecided}"
            )

    def _judge_phones(self, rule: Rule) -> None:
        if self._ask(rule, "phone_cell", f"phone_cell IS NOT NULL AND {rule.undecided}"):
            self._db.execute(
                "UPDATE rows SET phone = v.value, phone_cell = NULL "
                "FROM verdicts v WHERE v.cell = rows.phone_cell AND v.value IS NOT NULL"
            )

    def _ask(self, rule: Rule, column: str, condition: str) -> int:
        """Puts the library's verdict on each undecided value into the table `verdicts`; tells how many."""
        self._db.execute("CREATE OR REPLACE TEMP TABLE verdicts (cell VARCHAR, value VARCHAR)")
        asked = 0
        cursor = self._db.cursor().execute(f"SELECT DISTINCT {column} FROM rows WHERE {condition}")
        while found := cursor.fetchmany(_FETCH_ROWS):
            asked += len(found)
            cells = [cell for (cell,) in found]
            self._db.execute(
                "INSERT INTO verdicts SELECT unnest($cells), unnest($values)",
                {"cells": cells, "values": [rule.judge(cell) for cell in cells]},
            )
        return asked

    def _first_address_wins(self) -> None:
        # By hash first: it is a third of the memory of grouping by the addresses themselves.
        contact = f"fate = {FATE['contact']}"
        self._db.execute(
            "CREATE TEMP TABLE losers AS "
            "SELECT r.rowid AS row, row_number() OVER (PARTITION BY email ORDER BY r.rowid) AS place, "
            "row_number() OVER (PARTITION BY email, segment ORDER BY r.rowid) AS place_in_segment "
            "FROM rows r JOIN files USING (file) WHERE hash(email) IN "
            f"(SELECT hash(email) FROM rows WHERE {contact} GROUP BY hash(email) HAVING count(*) > 1) "
            f"AND {contact} QUALIFY place > 1"
        )
        self._db.execute(
            f"UPDATE rows SET fate = CASE WHEN place_in_segment > 1 THEN {FATE['duplicate_email']} "
            f"ELSE {FATE['merged']} END FROM losers WHERE rows.rowid = losers.row"
        )

    def _first_phone_wins(self) -> None:
        contact = f"fate = {FATE['contact']} AND phone IS NOT NULL"
        self._db.execute(
            "UPDATE rows SET phone = NULL, phone_cell = chr(1) FROM ("
            "SELECT rowid AS row, row_number() OVER (PARTITION BY phone ORDER BY rowid) AS place FROM rows "
            f"WHERE {contact} AND phone IN (SELECT phone FROM rows WHERE {contact} GROUP BY phone "
            "HAVING count(*) > 1) QUALIFY place > 1) l WHERE rows.rowid = l.row"
        )

    def _execute(self, sql: str) -> None:
        try:
            self._db.execute(sql)
        except duckdb.Error as error:
            # Its words quote the rows that it stumbled over.
            raise PermanentError(
                "rows_unreadable", f"The rows could not be read ({type(error).__name__}).", "Check the segment's files."
            ) from None

    def _value(self, sql: str, *parameters: object) -> int:
        found = self._db.execute(sql, parameters).fetchone()
        return int(found[0]) if found else 0
