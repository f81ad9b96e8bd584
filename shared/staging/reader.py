"""Reads a whole snapshot: every file checked, every record framed, every row judged."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from shared.config.document import ReadyExport
from shared.errors import ConfigurationError
from shared.mapping.chunk import Chunk, most_rows
from shared.mapping.conditions import NONE, Conditions
from shared.mapping.mapper import Mapper
from shared.mapping.plan import Plan, check_size, locate, make_plan, names_text, why_hidden
from shared.mapping.results import FieldCounts, MappedChunk, RejectedRow, RowCounts, SegmentRows
from shared.mapping.select import CHUNK_BYTES, FileSource
from shared.segments.framing import Fault, Records
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import SegmentFile, SegmentSnapshot, Snapshot
from shared.staging.changed import ChangedContact
from shared.staging.hints import Hints
from shared.storage.blobs import Blobs

# A snapshot may be thousands of tiny files: those to come are opened while one is read.
_OPENED_AHEAD = 8
_SMALL_FILE_BYTES = 1_000_000
# The first customers are mostly found in so much.
_FIRST_BYTES = 1_000_000
# Faults that are kept until their chunk is mapped.
_MOST_LATE = 10_000

# Picks some of a file's records; of several lines at once, it may give each as a record of its own.
Pick = Callable[[Iterable[Records | Fault]], Iterable[Records | Fault]]


class _Late(NamedTuple):
    """A malformed row, and how many rows of the chunk stand before it."""

    rows_before: int
    segment: str
    file: SegmentFile
    fault: Fault


class SnapshotReader:
    """One reading of a snapshot. `segments`, `counts` and `notes` are complete when `chunks` has ended.

    `planned` sees the plan before any row is read and may change it; `between` is called now and then. Where customers
    are chosen, reading stops once it has them. With `picked` only these records are read, and `on_rejected` gets every
    row, also one that is sent. `notes` are sentences for people about what the files look like.
    """

    def __init__(
        self,
        blobs: Blobs,
        ready: ReadyExport,
        snapshot: Snapshot,
        folder: Path,
        *,
        planned: Callable[[Plan], Plan] = lambda plan: plan,
        on_rejected: Callable[[RejectedRow], None] = lambda row: None,
        between: Callable[[], None] = lambda: None,
        conditions: Conditions = NONE,
        picked: Pick | None = None,
    ) -> None:
        self._blobs = blobs
        self._ready = ready
        self._files = [(part, file) for part in snapshot.segments for file in part.files]
        self._segments = [part.segment for part in snapshot.segments]
        self._folder = folder
        self._planned = planned
        self._on_rejected = on_rejected
        self._between = between
        self._conditions = conditions
        self._chosen = conditions.chosen
        self._picked = picked
        self._late: list[_Late] = []
        self._is_first = self._chosen is not None and not self._chosen.customer_ids
        self._first_columns: tuple[str, ...] = ()
        self._mapper: Mapper | None = None
        self._most_rows = 0
        self._hints = Hints()
        self._rows: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    @property
    def files(self) -> list[tuple[str, str]]:
        """Segment and name of each file; a contact's origin names one by its number here."""
        return [(part.segment, file.name) for part, file in self._files]

    @property
    def segments(self) -> list[SegmentRows]:
        """The files and rows of each segment."""
        files = Counter(part.segment for part, _ in self._files)
        return [SegmentRows(name, files[name], self._rows[name] - self._outside[name]) for name in self._segments]

    @property
    def counts(self) -> RowCounts:
        """How many rows there are, and what they are."""
        return RowCounts.of(self._rows.total() - self._outside.total(), self._reasons)

    @property
    def fields(self) -> list[FieldCounts]:
        """The values of each mapped field in the contacts."""
        return self._mapper.fields if self._mapper else []

    @property
    def changed(self) -> list[ChangedContact]:
        """A few of the contacts that are sent with other values than before."""
        return [ChangedContact.of(line, self._mapper.plan) for line in self._mapper.changed] if self._mapper else []

    @property
    def seen(self) -> set[str]:
        """The ids of chosen customers that a row had."""
        return self._mapper.seen if self._mapper else set()

    @property
    def _outside(self) -> Counter[str]:
        return self._mapper.outside if self._mapper else Counter()

    @property
    def notes(self) -> list[str]:
        """What explains many rejected rows or refused values at once."""
        return self._hints.notes(self._reasons["contact"], self._mapper.plan.fields if self._mapper else ())

    def chunks(self) -> Generator[MappedChunk]:
        """The contacts in the order of their rows.

        Raises ConfigurationError for files and mappings that do not fit, TransientError for a blob that changed
        meanwhile.
        """
        try:
            with Chunk(self._folder / "chunk.csv") as chunk:
                yield from self._chunks(chunk)
                if self._mapper is not None:
                    yield from self._mapper.waited()
        finally:
            if self._mapper is not None:
                self._reasons += self._mapper.reasons
                self._mapper.close()

    def _chunks(self, chunk: Chunk) -> Iterator[MappedChunk]:
        """Files of one segment whose cells are written alike share a chunk."""
        before: tuple[str, FileSource] | None = None
        for number, (part, file, stream) in enumerate(self._streams()):
            self._between()
            if not stream.header.columns:
                continue
            source = self._source(stream)
            if before is not None and before != (part.segment, source):
                yield from self._mapped(chunk, *before)
            before = (part.segment, source)
            for record in self._records(stream):
                if self._is_full(chunk, record):
                    yield from self._mapped(chunk, *before)
                if self._is_enough:
                    return
                self._add(chunk, part.segment, file, number, record)
            self._hints.file_ended(stream.name)
        if before is not None:
            yield from self._mapped(chunk, *before)

    def _records(self, stream: SegmentStream) -> Iterable[Records | Fault]:
        """Those that are to be read. Raises ConfigurationError where customers are still looked for by ids, and it has
        none."""
        if self._chosen and not self._is_enough:
            self._chosen.check_columns(stream.header.columns, stream.name)
        return self._picked(stream.records()) if self._picked else stream.records()

    @property
    def _is_enough(self) -> bool:
        """True once the chosen customers are found."""
        return self._mapper is not None and self._mapper.is_enough

    def _is_full(self, chunk: Chunk, record: Records | Fault) -> bool:
        largest = min(CHUNK_BYTES, _FIRST_BYTES) if self._is_first else CHUNK_BYTES
        has_room = chunk.size_bytes + len(record.data) <= largest and len(self._late) < _MOST_LATE
        return not has_room or chunk.rows >= self._most_rows or chunk.has_many_long_rows

    def _add(self, chunk: Chunk, segment: str, file: SegmentFile, number: int, record: Records | Fault) -> None:
        if isinstance(record, Fault):
            self._take_fault(_Late(chunk.rows, segment, file, record))
            return
        chunk.add(record.data, record.count, number, record.line)
        self._rows[segment] += record.count

    def _mapped(self, chunk: Chunk, segment: str, source: FileSource) -> Iterator[MappedChunk]:
        last = None
        if self._mapper is not None and chunk.rows:
            yield self._mapper.map_chunk(chunk, source, self._segments.index(segment), segment)
            last, self._is_first = self._mapper.last_inside, False
            chunk.clear()
            self._between()
        for late in self._late:
            if last is None or late.rows_before <= last:
                self._reject(late)
        self._late.clear()

    def _take_fault(self, fault: _Late) -> None:
        """A malformed row names no customer. Of the first customers, it counts where it stands before the last."""
        if self._chosen is None:
            self._hints.add_fault(fault.fault)
            self._reject(fault)
        elif not self._chosen.customer_ids:
            self._hints.add_fault(fault.fault)
            self._late.append(fault)

    def _reject(self, late: _Late) -> None:
        self._rows[late.segment] += 1
        self._reasons[late.fault.reason] += 1
        self._on_rejected(RejectedRow(late.segment, late.file.name, late.fault.line, late.fault.reason, "", "", None))

    def _report(self, row: RejectedRow) -> None:
        self._hints.add_row(row)
        self._on_rejected(row)

    def _streams(self) -> Iterator[tuple[SegmentSnapshot, SegmentFile, SegmentStream]]:
        """The files, opened, in their order."""
        files = iter(self._files)
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(_OPENED_AHEAD, "segment-files"))
            stack.callback(pool.shutdown, wait=False, cancel_futures=True)
            ahead: deque[tuple[SegmentSnapshot, SegmentFile, Future[SegmentStream] | None]] = deque()
            while True:
                for part, file in islice(files, _OPENED_AHEAD - len(ahead)):
                    is_small = file.blob.size_bytes <= _SMALL_FILE_BYTES
                    ahead.append((part, file, pool.submit(self._open, file) if is_small else None))
                if not ahead:
                    return
                part, file, opened = ahead.popleft()
                yield part, file, opened.result() if opened else self._open(file)

    def _open(self, file: SegmentFile) -> SegmentStream:
        return SegmentStream(self._blobs, self._ready.export.source, file)

    def _source(self, stream: SegmentStream) -> FileSource:
        """How the file's rows are to be read. Raises ConfigurationError where its columns do not fit."""
        columns = stream.header.columns
        if self._mapper is None:
            self._first_columns = columns
            plan = self._planned(make_plan(self._ready.export, self._ready.connection, columns, stream.name))
            check_size(plan)
            self._most_rows = most_rows(len(plan.fields))
            names = [file.name for _, file in self._files]
            self._mapper = Mapper(
                plan,
                self._folder,
                names,
                self._report,
                self._conditions,
                every_row=self._picked is not None,
            )
        self._check_same_columns(columns, stream.name)
        locate(self._mapper.plan, columns, stream.name)
        return FileSource(
            path=str(self._folder / "chunk.csv"),
            columns=columns,
            delimiter=stream.dialect.delimiter,
            escape=stream.dialect.escape,
            name=stream.name,
            date_formats=stream.date_formats,
        )

    def _check_same_columns(self, columns: tuple[str, ...], where: str) -> None:
        """With "all", every file must have the same columns; else each needs the mapped ones only."""
        differing = (set(columns) ^ set(self._first_columns)) - {""}
        if self._ready.export.mapping.attributes == "all" and differing:
            hidden = why_hidden(columns, self._first_columns)
            which = hidden or f"these are in only one of the two files: {names_text(sorted(differing))}."
            raise ConfigurationError(
                "header_differs",
                f"{where} has other columns than the first file: {which}",
                'Name the attributes in the mapping instead of using "all", or let Customer Insights export again.',
            )
