"""Maps a snapshot's files chunk by chunk: bytes in, contacts out, and each row that is not sent explained.

Memory and disk stay small whatever the snapshot's size: a chunk's rows live in DuckDB only until its contacts are
written, and of all rows before it no more than `dedupe` keeps. DuckDB works with one thread, so rows keep their order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from shared.errors import ConfigurationError, PermanentError
from shared.mapping.chunk import Chunk, cut
from shared.mapping.dedupe import CREATE, address_sql, phone_sql
from shared.mapping.email_rule import email_rule
from shared.mapping.line_map import LineMap, exact_line_map, plain_line_map
from shared.mapping.phone_rule import phone_rule
from shared.mapping.plan import Plan
from shared.mapping.results import MappedChunk, RejectedRow
from shared.mapping.rule import Rule
from shared.mapping.select import FATE, FileSource, contacts_sql, copy_sql, load_sql, places_sql, rejected_sql

MEMORY_LIMIT = "100MB"
CHUNK_BYTES = 24_000_000
_LONGEST_ROW_BYTES = 1_000_000
_FETCH_ROWS = 12_288
# Planning the SQL for a kind of value takes as long as asking the library about so many.
_WORTH_PLANNING = 1_000
_PARSER_REASONS = {"INVALID ENCODING": "invalid_encoding"}


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A chunk as it was parsed: its lines are those before `open_at`, where a row begins that does not end in it."""

    lines: int
    open_at: int | None
    bad: dict[int, str]


class Mapper:
    """Maps one snapshot. Call `map_file` for each file in order; `rows` and `reasons` then tell the counts.

    `rows` counts data rows by segment; `reasons` counts contacts, merged and rejected rows, and warnings.
    """

    def __init__(self, plan: Plan, folder: Path, on_rejected: Callable[[RejectedRow], None]) -> None:
        self._plan = plan
        self._folder = folder
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
        self.rows: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def close(self) -> None:
        """Ends the database."""
        self._db.close()

    def map_file(
        self,
        segment: int,
        segment_name: str,
        file_name: str,
        source: FileSource,
        stream: Iterable[bytes],
        header_lines: int,
    ) -> Iterator[MappedChunk]:
        """The file's contacts in the order of their rows.

        Raises ConfigurationError for a mapped column that is missing and for a quote that is never closed.
        """
        lines_before = header_lines
        for chunk in cut(Path(source.path), stream, CHUNK_BYTES):
            self._execute(load_sql(self._plan, source, self._email, self._phone, has_nul=chunk.has_nul))
            parsed = self._parsed(source, chunk, lines_before)
            lines = self._placed(chunk, parsed, source, lines_before, segment_name, file_name)
            self._judge()
            for statement in [*address_sql(segment), *(phone_sql() if self._plan.phone else [])]:
                self._execute(statement)
            self._count(segment_name, file_name, lines)
            yield self._written(source.number, lines)
            lines_before += parsed.lines
            chunk.keep_from(parsed.open_at)

    def _parsed(self, source: FileSource, chunk: Chunk, lines_before: int) -> _Parsed:
        """What of the chunk could not be parsed; empties the parser's tables."""
        found = self._db.execute(
            "SELECT line, min(line_byte_position) - 1, min(CAST(error_type AS VARCHAR)), max(strlen(csv_line)), "
            "max(contains(ltrim(csv_line, chr(10)), chr(10))) FROM rejected_lines GROUP BY line ORDER BY line"
        ).fetchall()
        self._execute("DROP TABLE rejected_lines; DROP TABLE rejected_scans")
        open_at = None
        bad: dict[int, str] = {}
        for line, start, kind, row_bytes, many_lines in found:
            if kind == "UNQUOTED VALUE":
                at_end = start + row_bytes >= chunk.size_bytes - 1
                if at_end and not chunk.is_last and row_bytes <= _LONGEST_ROW_BYTES:
                    open_at = start
                    continue
                if many_lines or (at_end and chunk.count(b'"', start) % 2 == 1):
                    raise _quote_open(source.name, lines_before + chunk.count(b"\n", 0, start) + 1, row_bytes)
            bad[line] = _PARSER_REASONS.get(kind, "malformed_row")
        lines = chunk.lines if open_at is None else chunk.count(b"\n", 0, open_at)
        return _Parsed(lines, open_at, bad)

    def _placed(
        self, chunk: Chunk, parsed: _Parsed, source: FileSource, lines_before: int, segment_name: str, file_name: str
    ) -> LineMap:
        """Tells in which line each row stands, and reports the rows not parsed."""
        good = self._value("SELECT count(*) FROM chunk")
        if good + len(parsed.bad) == parsed.lines:
            lines = plain_line_map(lines_before, parsed.bad)
            bad_lines = {number: lines_before + number for number in parsed.bad}
        else:
            data = chunk.path.read_bytes()[: parsed.open_at]
            lines, bad_lines = exact_line_map([data], source.delimiter, lines_before, parsed.bad)
        for number, reason in parsed.bad.items():
            line = bad_lines.get(number, lines_before + number)
            self.reasons[reason] += 1
            self.rows[segment_name] += 1
            self._on_rejected(RejectedRow(segment_name, file_name, line, reason, "", "", None))
        return lines

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
        kinds = dict(
            self._db.execute(
                f"SELECT {rule.kind(column)}, count(*) FROM chunk WHERE {column} IS NOT NULL GROUP BY 1"
            ).fetchall()
        )
        if not kinds:
            return False
        verdict = rule.verdict(column, [kind for kind, count in kinds.items() if count >= _WORTH_PLANNING])
        self._execute(
            f"CREATE OR REPLACE TEMP TABLE told AS SELECT rowid AS row, {column} AS cell, {verdict} AS value "
            f"FROM chunk WHERE {column} IS NOT NULL"
        )
        undecided = self._db.execute("DELETE FROM told WHERE value = '' RETURNING row, cell").fetchall()
        if undecided:
            values = {cell: rule.judge(cell) for cell in {cell for _, cell in undecided}}
            self._db.execute(
                "INSERT INTO told SELECT unnest($rows), NULL, unnest($values)",
                {"rows": [row for row, _ in undecided], "values": [values[cell] for _, cell in undecided]},
            )
        return True

    def _count(self, segment_name: str, file: str, lines: LineMap) -> None:
        for fate, count in self._db.execute("SELECT fate, count(*) FROM chunk GROUP BY fate").fetchall():
            self.rows[segment_name] += count
            if fate in (FATE["contact"], FATE["merged"]):
                self.reasons["contact" if fate == FATE["contact"] else "merged"] += count
        cursor = self._db.execute(rejected_sql(self._plan))
        while found := cursor.fetchmany(_FETCH_ROWS):
            for row, reason, field, customer_id, email in found:
                self.reasons[reason] += 1
                line = lines.line(row + 1)
                self._on_rejected(
                    RejectedRow(segment_name, file, line, reason, field, (customer_id or "").strip(), email)
                )

    def _written(self, file: int, lines: LineMap) -> MappedChunk:
        mapped = MappedChunk(self._folder / "contacts", self._folder / "places", file, lines)
        self._execute(copy_sql(contacts_sql(self._plan), str(mapped.contacts)))
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


def _quote_open(name: str, line: int, size_bytes: int) -> ConfigurationError:
    return ConfigurationError(
        "quote_open",
        f"{name}, line {line}: a quote is opened and never closed, which swallows {size_bytes:,} bytes of rows.",
        "Correct the file or let Customer Insights export it again; nothing was sent.",
    )
