"""Maps a snapshot's files chunk by chunk: bytes in, contacts out, and each row that is not sent explained.

Memory and disk stay small whatever the snapshot's size: a chunk's rows live in DuckDB only until its contacts are
written, and of all rows before it no more than `dedupe` keeps. DuckDB works with one thread, so rows keep their order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from shared.errors import ConfigurationError, PermanentError
from shared.mapping.dedupe import CREATE, address_sql, phone_sql
from shared.mapping.line_map import LineMap, exact_line_map, plain_line_map
from shared.mapping.plan import Plan
from shared.mapping.results import RejectedRow, Slice
from shared.mapping.rule import Rule
from shared.mapping.select import FATE, FileSource, contacts_sql, load_sql, rejected_sql, rules

MEMORY_LIMIT = "100MB"
CHUNK_BYTES = 24_000_000
_LONGEST_ROW_BYTES = 1_000_000
_SLICE_ROWS = 256
_FETCH_ROWS = 12_288
_PARSER_REASONS = {"INVALID ENCODING": "invalid_encoding"}


@dataclass(frozen=True, slots=True)
class _Chunk:
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
        self._on_rejected = on_rejected
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
    ) -> Iterator[Slice]:
        """The file's contacts in the order of their rows.

        Raises ConfigurationError for a mapped column that is missing and for a quote that is never closed.
        """
        lines_before = header_lines
        for last in _chunk_files(Path(source.path), stream):
            self._execute(load_sql(self._plan, source, lines_before))
            chunk = self._parsed(source, lines_before, last=last)
            self._place(chunk, source, lines_before, segment_name, file_name)
            self._judge()
            for statement in [*address_sql(segment), *(phone_sql() if self._plan.phone else [])]:
                self._execute(statement)
            self._count(segment_name, file_name)
            yield from self._contacts(source.number)
            lines_before += chunk.lines
            _keep_rest(Path(source.path), chunk.open_at)

    def _parsed(self, source: FileSource, lines_before: int, *, last: bool) -> _Chunk:
        """What of the chunk could not be parsed; empties the parser's tables."""
        path = Path(source.path)
        found = self._db.execute(
            "SELECT line, min(line_byte_position) - 1, min(CAST(error_type AS VARCHAR)), max(strlen(csv_line)), "
            "max(contains(ltrim(csv_line, chr(10)), chr(10))) FROM rejected_lines GROUP BY line ORDER BY line"
        ).fetchall()
        self._execute("DROP TABLE rejected_lines; DROP TABLE rejected_scans")
        size_bytes = path.stat().st_size
        open_at = None
        bad: dict[int, str] = {}
        for line, start, kind, row_bytes, many_lines in found:
            if kind == "UNQUOTED VALUE":
                at_end = start + row_bytes >= size_bytes - 1
                if at_end and not last and row_bytes <= _LONGEST_ROW_BYTES:
                    open_at = start
                    continue
                if many_lines or (at_end and _count(path, b'"', start) % 2 == 1):
                    raise _quote_open(source.name, lines_before + _count(path, b"\n", 0, start) + 1, row_bytes)
            bad[line] = _PARSER_REASONS.get(kind, "malformed_row")
        lines = _count(path, b"\n", 0, open_at)
        if last and size_bytes and _count(path, b"\n", size_bytes - 1) == 0:
            lines += 1
        return _Chunk(lines, open_at, bad)

    def _place(self, chunk: _Chunk, source: FileSource, lines_before: int, segment_name: str, file_name: str) -> None:
        """Gives each row its line where that is not simply the next one, and reports the rows not parsed."""
        good = self._value("SELECT count(*) FROM chunk")
        if good + len(chunk.bad) == chunk.lines:
            if not chunk.bad:
                return
            lines, bad_lines = plain_line_map(lines_before, chunk.bad), {n: lines_before + n for n in chunk.bad}
        else:
            data = Path(source.path).read_bytes()[: chunk.open_at]
            lines, bad_lines = exact_line_map([data], source.delimiter, lines_before, chunk.bad)
        self._shift(lines)
        for number, reason in chunk.bad.items():
            line = bad_lines.get(number, lines_before + number)
            self.reasons[reason] += 1
            self.rows[segment_name] += 1
            self._on_rejected(RejectedRow(segment_name, file_name, line, reason, "", "", None))

    def _shift(self, lines: LineMap) -> None:
        self._db.execute("CREATE OR REPLACE TEMP TABLE shifts (start BIGINT, shift BIGINT)")
        self._db.execute(
            "INSERT INTO shifts SELECT unnest($starts), unnest($shifts)",
            {"starts": list(lines.starts), "shifts": list(lines.offsets)},
        )
        self._execute(
            "UPDATE chunk SET line = moved.line FROM (SELECT record, record + shift AS line FROM chunk "
            "ASOF JOIN shifts ON record >= start) moved WHERE chunk.record = moved.record"
        )

    def _judge(self) -> None:
        """Asks the libraries about what SQL could not decide."""
        email, phone = rules(self._plan)
        undecided = f"fate = {FATE['undecided']}"
        if self._ask(email, "email_cell", undecided):
            self._execute(
                f"UPDATE chunk SET fate = CASE WHEN v.value IS NULL THEN {FATE['invalid_email']} "
                f"ELSE {FATE['contact']} END, email = v.value FROM verdicts v "
                f"WHERE v.cell = chunk.email_cell AND {undecided}"
            )
        if phone and self._ask(phone, "phone_cell", "phone_undecided"):
            self._execute(
                "UPDATE chunk SET phone = CAST(substr(v.value, 2) AS UBIGINT) FROM verdicts v "
                "WHERE v.cell = chunk.phone_cell AND v.value IS NOT NULL"
            )

    def _ask(self, rule: Rule, column: str, condition: str) -> int:
        """Puts the library's verdict on each undecided value into the table `verdicts`; tells how many."""
        cells = [
            cell for (cell,) in self._db.execute(f"SELECT DISTINCT {column} FROM chunk WHERE {condition}").fetchall()
        ]
        if cells:
            self._db.execute("CREATE OR REPLACE TEMP TABLE verdicts (cell VARCHAR, value VARCHAR)")
            self._db.execute(
                "INSERT INTO verdicts SELECT unnest($cells), unnest($values)",
                {"cells": cells, "values": [rule.judge(cell) for cell in cells]},
            )
        return len(cells)

    def _count(self, segment_name: str, file: str) -> None:
        for fate, count in self._db.execute("SELECT fate, count(*) FROM chunk GROUP BY fate").fetchall():
            self.rows[segment_name] += count
            if fate in (FATE["contact"], FATE["merged"]):
                self.reasons["contact" if fate == FATE["contact"] else "merged"] += count
        cursor = self._db.execute(rejected_sql(self._plan))
        while found := cursor.fetchmany(_FETCH_ROWS):
            for line, reason, field, customer_id, email in found:
                self.reasons[reason] += 1
                self._on_rejected(RejectedRow(segment_name, file, line, reason, field, customer_id or "", email))

    def _contacts(self, file: int) -> Iterator[Slice]:
        total = self._value("SELECT count(*) FROM chunk")
        sql = contacts_sql(self._plan, file, _SLICE_ROWS)
        for first in range(0, total + 1, _FETCH_ROWS):
            found: list[Any] = self._db.execute(sql, {"first": first, "last": first + _FETCH_ROWS}).fetchall()
            for contacts, places, count in found:
                yield Slice(contacts, places, count)

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


def _chunk_files(path: Path, stream: Iterable[bytes]) -> Iterator[bool]:
    """Puts the stream's bytes into the file at `path`, chunk by chunk; yields whether it is the last chunk.

    A chunk ends with a line, or the file. What is in the file already when the next chunk is made comes first.
    """
    path.write_bytes(b"")
    rest = b""
    for piece in stream:
        if path.stat().st_size + len(rest) + len(piece) > CHUNK_BYTES and b"\n" in rest + piece:
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            _append(path, whole + newline)
            yield False
        else:
            _append(path, rest + piece)
            rest = b""
    _append(path, rest)
    yield True


def _count(path: Path, what: bytes, start: int, end: int | None = None) -> int:
    """How often a byte stands in the file from `start` up to `end`."""
    count, left = 0, (path.stat().st_size if end is None else end) - start
    with path.open("rb") as file:
        file.seek(start)
        while left > 0 and (piece := file.read(min(left, 1_000_000))):
            count += piece.count(what)
            left -= len(piece)
    return count


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _keep_rest(path: Path, open_at: int | None) -> None:
    """Leaves in the chunk's file only the row that began and did not end."""
    path.write_bytes(b"" if open_at is None else path.read_bytes()[open_at:])


def _quote_open(name: str, line: int, size_bytes: int) -> ConfigurationError:
    return ConfigurationError(
        "quote_open",
        f"{name}, line {line}: a quote is opened and never closed, which swallows {size_bytes:,} bytes of rows.",
        "Correct the file or let Customer Insights export it again; nothing was sent.",
    )
