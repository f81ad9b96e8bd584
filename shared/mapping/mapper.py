"""Maps a snapshot's rows chunk by chunk: well-formed rows in, contacts out, and each row that is not sent explained.

Memory and disk stay small whatever the snapshot's size: a chunk's rows live in DuckDB only until its contacts are
written, and of all rows before it there is no more than the keys that `dedupe` keeps on disk. DuckDB works with one
thread, so rows keep their order.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb

from shared.errors import DiskFullError, PermanentError, is_disk_full
from shared.mapping.chosen import Choosing
from shared.mapping.chunk import Chunk
from shared.mapping.comparing import MOST_EXAMPLES, Comparing
from shared.mapping.conditions import NONE, Conditions
from shared.mapping.customers import FirstCustomers
from shared.mapping.dedupe import FirstAddresses, FirstPhones, RowKeys
from shared.mapping.email_rule import email_rule
from shared.mapping.engine import open_engine
from shared.mapping.excluded import exclude_sql, load_excluded_sql
from shared.mapping.fate import FATE, NO_FAULTS, UNDECIDED
from shared.mapping.known import (
    PLACE,
    customers_sql,
    end_waiting_sql,
    foreign_phone_sql,
    holder_sql,
    judge_sql,
    keep_waiting_sql,
    load_known_sql,
    load_phones_sql,
    missing_sql,
    remember_customers_sql,
    waited_sql,
)
from shared.mapping.leavers import leave_out_sql, load_leavers_sql
from shared.mapping.origins import Origins
from shared.mapping.phone_rule import phone_rule
from shared.mapping.plan import Plan
from shared.mapping.results import FieldCounts, MappedChunk, RejectedRow, outcome_of
from shared.mapping.rule import Rule
from shared.mapping.select import (
    LONGEST_NUMBER,
    FileSource,
    load_sql,
)
from shared.mapping.written import (
    LONGEST_TEXT,
    contacts_sql,
    copy_sql,
    counts_sql,
    places_sql,
    rejected_sql,
    too_long_sql,
)

_FETCH_ROWS = 12_288
_FATES = {number: name for name, number in FATE.items()}
# Planning the SQL for a kind of value takes as long as asking the library about so many.
_WORTH_PLANNING = 1_000


class Mapper:
    """Maps one snapshot. Call `map_chunk` for each chunk in order, and `waited` behind the last one; `reasons` then
    counts contacts, merged, filtered and rejected rows, and warnings, and `fields` the values of each field. `changed`
    are the first few contacts that are sent with other values than before.

    `files` are the names of the snapshot's files. Where customers are chosen, `outside` counts by segment the rows of
    all others, and `last_inside` is the row of the chunk behind which the choice has ended, None while it goes on. With
    `every_row`, `on_rejected` also gets the rows that are sent, merged or filtered.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        files: list[str],
        on_rejected: Callable[[RejectedRow], None],
        conditions: Conditions = NONE,
        *,
        every_row: bool = False,
    ) -> None:
        self.plan = plan
        self._folder = folder
        self._files = files
        self._on_rejected = on_rejected
        self._leavers, self._known, self._excluded = conditions.leavers, conditions.known, conditions.excluded
        self._silent = UNDECIDED if every_row else NO_FAULTS
        self._waiting: list[tuple[str, Origins]] = []
        self._email = email_rule()
        self._phone = phone_rule(plan.default_country)
        self._usual: defaultdict[str, set[str]] = defaultdict(set)
        self._db = open_engine(folder)
        self._unique = [(k, field) for k, field in plan.phones if field.is_unique]
        compared = conditions.compared
        self._comparing = Comparing(self._db, plan, compared) if compared else None
        self._addresses = FirstAddresses(self._db, folder, compared.key.text if compared else "")
        self._customers = FirstCustomers(self._db, folder, is_judged=self._known is not None) if plan.ext_id else None
        self._first_phones = {k: FirstPhones(self._db, folder, k) for k, _ in self._unique}
        if self._leavers:
            self._execute(load_leavers_sql(self._leavers))
        if self._excluded:
            self._execute(load_excluded_sql(self._excluded))
        if self._known:
            self._execute(customers_sql())
            self._execute(load_known_sql(self._known, self._leavers, self._excluded if plan.ext_id else None))
            self._execute_all(load_phones_sql(self._known, k, field.attribute) for k, field in self._unique)
        self._choosing = Choosing(conditions.chosen, self._db.execute) if conditions.chosen else None
        self.outside: Counter[str] = Counter()
        self.last_inside: int | None = None
        self.reasons: Counter[str] = Counter()
        self.changed: list[str] = []
        self._counted = [field for _, field in (*plan.phones, *plan.values)]
        self._filled = [0] * len(self._counted)
        self._lost = [0] * len(self._counted)

    @property
    def fields(self) -> list[FieldCounts]:
        """The values of each field in the contacts so far."""
        return [
            FieldCounts(field.attribute, field.column, filled, lost)
            for field, filled, lost in zip(self._counted, self._filled, self._lost, strict=True)
        ]

    @property
    def is_enough(self) -> bool:
        """True once no row that is not mapped yet can be sent."""
        return self._choosing is not None and self._choosing.is_enough

    @property
    def seen(self) -> set[str]:
        """The ids of chosen customers that a row had so far."""
        return self._choosing.seen if self._choosing else set()

    def close(self) -> None:
        """Ends the database."""
        self._db.close()

    def map_chunk(self, chunk: Chunk, source: FileSource, segment: int, segment_name: str) -> MappedChunk:
        """The chunk's contacts in the order of their rows.

        Raises PermanentError where the engine reads other rows than were put into the chunk.
        """
        chunk.flush()
        self._execute(load_sql(self.plan, source, self._email, self._phone, self._usual))
        self._check_count(chunk)
        self._judge()
        origins = chunk.origins
        if self._customers is None:
            return self._told(segment_name, origins, "rowid", self._settle_addresses(segment))
        self._settle_customers(self._customers, segment)
        if self._db.execute(f"SELECT 1 FROM chunk WHERE fate = {FATE['waiting']} LIMIT 1").fetchone():
            self._execute_all(keep_waiting_sql(len(self._waiting)))
            self._waiting.append((segment_name, origins))
        return self._told(segment_name, origins, "rowid")

    def waited(self) -> Iterator[MappedChunk]:
        """The contacts that could not be decided before all rows were read.

        Where a choice was complete before that, they are no part of it.
        """
        if self._waiting and self.is_enough:
            for part, count in self._db.execute("SELECT part, count(*) FROM waiting GROUP BY part").fetchall():
                self.outside[self._waiting[part][0]] += count
            return
        if self._waiting:
            self._execute_all(end_waiting_sql())
        for part, (segment_name, origins) in enumerate(self._waiting):
            self._execute(waited_sql(part))
            yield self._told(segment_name, origins, PLACE)

    def _settle_addresses(self, segment: int) -> RowKeys:
        """Settles the fate of rows whose contact another row is, or who is left out; the keys of their addresses.

        A contact that is left out counts as seen.
        """
        keys = self._addresses.settle(segment)
        self._leave_out()
        if self._known:
            self._execute(holder_sql(self._known))
        return keys

    def _settle_customers(self, customers: FirstCustomers, segment: int) -> None:
        """The same where contacts are identified by their customer's id: another row may have who is left out."""
        self._execute(missing_sql())
        self._leave_out()
        if self._known:
            self._execute_all(judge_sql(self._known))
        customers.settle(segment)
        if self._known:
            self._execute(remember_customers_sql(self._known))

    def _leave_out(self) -> None:
        if self._leavers:
            self._execute(leave_out_sql(self._leavers))
        if self._excluded:
            self._execute_all(exclude_sql(self._excluded, by_customer=self.plan.ext_id is not None))

    def _told(self, segment_name: str, origins: Origins, row: str, keys: RowKeys | None = None) -> MappedChunk:
        """What is known of the chunk's rows now; `row` is the column that says where they stand in `origins`.

        Only contacts that are sent keep a number from others. `keys` are those of their addresses.
        """
        for k, _ in self._unique:
            if self._known:
                self._execute(foreign_phone_sql(self._known, k, waited=row == PLACE))
            self._first_phones[k].settle()
        if self._choosing:
            outside, self.last_inside = self._choosing.mark()
            self.outside[segment_name] += outside
        doubtful = self._count_fields()
        self._count(segment_name, origins, doubtful, row)
        if self._comparing:
            self._comparing.compare(keys)
        return self._written(origins, doubtful, row)

    def _check_count(self, chunk: Chunk) -> None:
        """The framing has counted these rows; whatever the engine makes of them, none may be lost or invented."""
        (count,) = self._row("SELECT count(*) FROM chunk")
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
                f"ELSE {FATE['contact']} END, email = value FROM judged "
                f"WHERE chunk.rowid = judged.row AND fate = {FATE['undecided']}"
            )
        for k, _ in self.plan.phones:
            if self._tell(self._phone, f"phone_cell{k}"):
                self._execute(
                    f"UPDATE chunk SET phone{k} = CAST(substr(value, 2) AS UBIGINT) FROM judged "
                    f"WHERE chunk.rowid = judged.row AND strlen(value) <= {LONGEST_NUMBER}"
                )

    def _tell(self, rule: Rule, column: str) -> bool:
        """Puts what becomes of each row's value in the column into `judged`; false where there is none."""
        self._execute(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT row, cell, {rule.simplified('clean')} AS simple FROM "
            f"(SELECT rowid AS row, {column} AS cell, {rule.cleaned(column)} AS clean FROM chunk "
            f"WHERE {column} IS NOT NULL)"
        )
        kinds = dict(self._db.execute(f"SELECT {rule.kind('simple')}, count(*) FROM judged GROUP BY 1").fetchall())
        if not kinds:
            return False
        many = [kind for kind, count in kinds.items() if kind in rule.kinds and count >= _WORTH_PLANNING]
        self._usual[column].update(many)  # the next chunks' are judged where they are read
        verdict = rule.verdict("simple", many)
        self._execute(f"CREATE OR REPLACE TEMP TABLE judged AS SELECT row, cell, {verdict} AS value FROM judged")
        self._ask(rule)
        return True

    def _ask(self, rule: Rule) -> None:
        """Asks the library about what is undecided in `judged`: some at a time, since it may be the whole chunk."""
        found = self._db.execute("DELETE FROM judged WHERE value = '' RETURNING row, cell")
        verdicts = []
        while undecided := found.fetchmany(_FETCH_ROWS):
            values = {cell: rule.judge(cell) for cell in {cell for _, cell in undecided}}
            verdicts.append(([row for row, _ in undecided], [values[cell] for _, cell in undecided]))
        for rows, judged in verdicts:
            self._db.execute(
                "INSERT INTO judged SELECT unnest($rows), NULL, unnest($values)", {"rows": rows, "values": judged}
            )

    def _count_fields(self) -> set[str]:
        """Refuses texts that are too long, and adds up the contacts' values; the attributes of which some are lost."""
        longest, *found = self._row(counts_sql(self.plan, refused_texts=False))
        if longest > LONGEST_TEXT:
            for statement in too_long_sql(self.plan):
                self._execute(statement)
            _, *found = self._row(counts_sql(self.plan, refused_texts=True))
        doubtful = set()
        for n, (field, filled, lost) in enumerate(zip(self._counted, found[::2], found[1::2], strict=True)):
            self._filled[n] += filled
            self._lost[n] += lost
            if lost:
                doubtful.add(field.attribute)
        return doubtful

    def _count(self, segment_name: str, origins: Origins, doubtful: set[str], place: str) -> None:
        for fate, count in self._db.execute("SELECT fate, count(*) FROM chunk GROUP BY fate").fetchall():
            if (name := _FATES[fate]) in NO_FAULTS:
                self.reasons[name] += count
        cursor = self._db.execute(rejected_sql(self.plan, doubtful, place, self._silent))
        while found := cursor.fetchmany(_FETCH_ROWS):
            for row, reason, column, customer_id, email, attribute in found:
                self.reasons[reason] += reason not in NO_FAULTS
                file, line = self._files[origins.file(row)], origins.line(row)
                customer, outcome = customer_id or "", outcome_of(reason)
                self._on_rejected(
                    RejectedRow(segment_name, file, line, reason, column, customer, email, outcome, attribute)
                )

    def _written(self, origins: Origins, doubtful: set[str], place: str) -> MappedChunk:
        mapped = MappedChunk(self._folder / "contacts", self._folder / "places", origins)
        rows = self._comparing.rows if self._comparing else "chunk"
        if self._comparing and len(self.changed) < MOST_EXAMPLES:
            self._keep_changed(self._comparing.changed, doubtful)
        self._execute(copy_sql(contacts_sql(self.plan, doubtful, rows), str(mapped.contacts)))
        self._execute(copy_sql(places_sql(place, rows), str(mapped.places)))
        return mapped

    def _keep_changed(self, rows: list[int], doubtful: set[str]) -> None:
        wanted = ", ".join(map(str, rows[: MOST_EXAMPLES - len(self.changed)]))
        if wanted:
            some = f"(FROM chunk WHERE rowid IN ({wanted}))"
            self.changed += [line for (line,) in self._db.execute(contacts_sql(self.plan, doubtful, some)).fetchall()]

    def _execute_all(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self._execute(statement)

    def _execute(self, sql: str) -> None:
        try:
            self._db.execute(sql)
        except duckdb.Error as error:
            if is_disk_full(error):
                raise DiskFullError from None
            if isinstance(error, duckdb.OutOfMemoryException):
                raise PermanentError(
                    "mapping_too_large",
                    "The database has not enough memory for what is mapped.",
                    "Map fewer attributes, or fewer options and words for them.",
                ) from None
            # Its words quote the rows that it stumbled over.
            raise PermanentError(
                "rows_unreadable", f"The rows could not be read ({type(error).__name__}).", "Check the segment's files."
            ) from None

    def _row(self, sql: str) -> tuple[int, ...]:
        found = self._db.execute(sql).fetchone()
        return tuple(map(int, found or ()))
