"""Reads a whole snapshot, file by file: every file checked, every row judged."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.config.document import Target
from shared.errors import ConfigurationError
from shared.mapping.mapper import Mapper
from shared.mapping.plan import Plan, check_size, columns_text, make_plan
from shared.mapping.results import MappedChunk, RejectedRow
from shared.mapping.select import FileSource
from shared.segments.reading import SegmentStream
from shared.segments.snapshot import Snapshot
from shared.storage.blobs import Blobs

_MOST_HINTS = 20


class SnapshotReader:
    """One reading of a snapshot. `rows` (by segment), `reasons` and `hints` are complete when `chunks` has ended.

    `planned` sees the plan before any row is read and may change it; `between` is called now and then.
    """

    def __init__(
        self,
        blobs: Blobs,
        target: Target,
        snapshot: Snapshot,
        folder: Path,
        *,
        planned: Callable[[Plan], Plan] = lambda plan: plan,
        on_rejected: Callable[[RejectedRow], None] = lambda row: None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._blobs = blobs
        self._target = target
        self._files = [(part, file) for part in snapshot.segments for file in part.files]
        self._segments = [part.segment for part in snapshot.segments]
        self._folder = folder
        self._planned = planned
        self._on_rejected = on_rejected
        self._between = between
        self._first_columns: tuple[str, ...] = ()
        self._bad_dates: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    @property
    def files(self) -> list[tuple[str, str]]:
        """Segment and name of each file; a contact's place names one by its number here."""
        return [(part.segment, file.name) for part, file in self._files]

    @property
    def hints(self) -> list[str]:
        """What to do about columns most of whose dates could not be read. No value is in it."""
        contacts = self.reasons["contact"]
        return [
            f"{column[:100]}: {count:,} of {contacts:,} contacts go without this date, since it is in no form that is "
            'read. If it is written as 8/24/1984 or 24.8.1984, set "format" for it in the mapping, such as M/d/yyyy '
            "or d.M.yyyy: day and month are not guessed."
            for column, count in self._bad_dates.most_common(_MOST_HINTS)
            if count * 2 >= contacts
        ]

    def chunks(self) -> Iterator[MappedChunk]:
        """The contacts in the order of their rows.

        Raises ConfigurationError for files and mappings that do not fit, TransientError for a blob that changed
        meanwhile.
        """
        mapper: Mapper | None = None
        try:
            for number, (part, file) in enumerate(self._files):
                self._between()
                stream = SegmentStream(self._blobs, self._target.export.source, part, file)
                columns, where = stream.header.columns, f"{self._target.export.source.container}/{file.blob.name}"
                if not columns:
                    continue
                if mapper is None:
                    mapper = self._mapper(columns, where)
                self._check_same_columns(columns, where)
                formats = part.table.date_formats if part.table else {}
                source = FileSource(number, str(self._folder / "chunk.csv"), columns, stream.delimiter, where, formats)
                segment = self._segments.index(part.segment)
                for chunk in mapper.map_file(segment, part.segment, file.name, source, stream, stream.header.lines):
                    yield chunk
                    self._between()
            if mapper is not None:
                self.rows, self.reasons = mapper.rows, mapper.reasons
        finally:
            if mapper is not None:
                mapper.close()

    def _mapper(self, columns: tuple[str, ...], where: str) -> Mapper:
        self._first_columns = columns
        plan = self._planned(make_plan(self._target.export, self._target.connection, columns, where))
        check_size(plan)
        return Mapper(plan, self._folder, self._note)

    def _note(self, row: RejectedRow) -> None:
        if row.reason == "invalid_date":
            self._bad_dates[row.field] += 1
        self._on_rejected(row)

    def _check_same_columns(self, columns: tuple[str, ...], where: str) -> None:
        """With "all", every file must have the same columns; else each needs the mapped ones only."""
        if self._target.export.mapping.attributes == "all" and set(columns) != set(self._first_columns):
            differing = sorted(set(columns) ^ set(self._first_columns))
            raise ConfigurationError(
                "header_differs",
                f"{where} has other columns than the first file. Of the two, {columns_text(tuple(differing))}",
                'Name the attributes in the mapping instead of using "all", or let Customer Insights export again.',
            )
