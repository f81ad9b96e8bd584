"""Who is in an export's excluded segments, as keyed digests or keys: addresses are not kept."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shared.config.document import ReadyExport
from shared.config.mapping import Mapping
from shared.config.models import Export
from shared.errors import ConfigurationError
from shared.mapping.excluded import of_customer
from shared.mapping.results import RejectedRow, SegmentRows
from shared.segments.names import visible
from shared.segments.snapshot import Snapshot, find_snapshot
from shared.staging.completeness import check_complete
from shared.storage.blobs import Blobs

# The address stands between the third quote of a contact's line and the fourth.
_BEFORE_ADDRESS = 3
# Rows of an excluded segment that exclude nobody by their address.
UNREADABLE = ("malformed_row", "invalid_encoding", "invalid_email")


@dataclass
class _Lost:
    """The rows whose people are not excluded, by segment, as they are noted.

    A row was read well where its address is one but for a slip: nobody is sent by it. One row with something else there
    says nothing of the column; several without anything like an address may be of a column that has none.
    In `customers`, where it is a list, ids of such rows are kept until they are taken: by them people are excluded.
    """

    customers: list[str] | None
    rows: Counter[str] = field(default_factory=Counter)
    read_well: set[str] = field(default_factory=set)
    others: Counter[str] = field(default_factory=Counter)

    def note(self, row: RejectedRow) -> None:
        """Takes in a row that is no contact."""
        if self.customers is not None and row.customer_id:
            self.customers.append(row.customer_id)
            self.read_well.add(row.segment)
            return
        if row.reason not in UNREADABLE:
            return
        self.rows[row.segment] += 1
        if "@" in (row.email or ""):
            self.read_well.add(row.segment)
        elif row.reason == "invalid_email":
            self.others[row.segment] += 1

    def taken(self) -> Iterator[str]:
        """What stands for the ids so far, which are not kept any more."""
        while self.customers:
            if customer_id := visible(self.customers.pop()):
                yield of_customer(customer_id)

    def is_all_of(self, part: SegmentRows) -> bool:
        """Whether nothing of the segment can be read."""
        is_one = part.rows == self.others[part.name] == 1
        return 0 < part.rows == self.rows[part.name] and part.name not in self.read_well and not is_one


def find_excluded(blobs: Blobs, export: Export) -> Snapshot | None:
    """The newest snapshot of each of the export's excluded segments, whole or not; None where none is excluded.

    Raises ConfigurationError: `exclude_missing` for a segment without a snapshot.
    """
    if not export.exclude.segments:
        return None
    try:
        return find_snapshot(blobs, export.source, export.exclude.segments)
    except ConfigurationError as error:
        if error.code not in ("snapshot_missing", "segment_unknown"):
            raise
        raise ConfigurationError(
            "exclude_missing",
            f"An excluded segment is not there: {error.message}",
            "Correct exclude.segments in the export, or let Customer Insights export the segment.",
        ) from None


def write_excluded(
    blobs: Blobs,
    ready: ReadyExport,
    snapshot: Snapshot,
    path: Path,
    write: Callable[[Path, Iterable[str]], object],
    between: Callable[[], None] = lambda: None,
    *,
    by_customer: bool = False,
    are_own: bool = False,
    only_agreed: bool = False,
) -> str:
    """Lets `write` put all people of the segments, given by their addresses, into a file; `by_customer` by ids as well.

    `are_own`: the segments are those that the export sends. With `only_agreed` it is given those alone who have a row
    that `source.only` lets pass. Returns a sentence on rows that could not be read, whose people are not excluded;
    empty where there are none. Raises as `SnapshotReader` and `check_complete` do, and ConfigurationError where no row
    of an excluded segment can be read, as where no column of addresses is there: they would all be sent.
    """
    from shared.staging.reader import SnapshotReader  # brings DuckDB, which saving an export does not need

    check_complete(snapshot)
    lost = _Lost([] if by_customer else None)
    # Of a customer whose address an earlier segment has, too, there would be no word.
    parts = [replace(snapshot, segments=(part,)) for part in snapshot.segments] if by_customer else [snapshot]
    segments: list[SegmentRows] = []

    def people() -> Iterator[str]:
        for part in parts:
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                reader = SnapshotReader(
                    blobs,
                    by_addresses(ready, only_agreed=only_agreed),
                    part,
                    Path(folder),
                    on_rejected=lost.note,
                    between=between,
                )
                for chunk in reader.chunks():
                    yield from _addresses(chunk.contacts)
                    yield from _customers(chunk.places) if by_customer else ()
                    yield from lost.taken()
                yield from lost.taken()
            segments.extend(reader.segments)

    write(path, people())
    for part in [] if are_own else segments:
        if lost.is_all_of(part):
            raise _unreadable(part)
    return _sentence(lost.rows)


def _addresses(contacts: Path) -> Iterator[str]:
    """The address of each contact that is written there."""
    with contacts.open("rb") as lines:
        yield from map(address_in, lines)


def address_in(contact: bytes) -> str:
    """The address in a contact's line."""
    return contact.split(b'"', _BEFORE_ADDRESS + 1)[_BEFORE_ADDRESS].decode()


def _customers(places: Path) -> Iterator[str]:
    """What stands for the customer's id of each contact whose place is written there."""
    with places.open("rb") as lines:
        for place in lines:
            if customer_id := visible(place.decode().partition("\t")[2]):
                yield of_customer(customer_id)


def by_addresses(ready: ReadyExport, *, only_agreed: bool = False) -> ReadyExport:
    """The export as its excluded segments are read: who is there is so whatever it asks of its own rows."""
    export = ready.export
    changes: dict[str, Any] = {"mapping": Mapping(email=export.mapping.email), "identify_by": "email"}
    if not only_agreed:
        changes["source"] = export.source.model_copy(update={"only": []})
    return replace(ready, export=export.model_copy(update=changes))


def _unreadable(part: SegmentRows) -> ConfigurationError:
    return ConfigurationError(
        "exclude_unknown",
        f"Nobody can be excluded by an excluded segment: none of the {part.rows:,} rows of {part.name} can be read.",
        "Let Customer Insights export it again as CSV in UTF-8, with addresses in the column of mapping.email and the "
        "delimiter of the export's own segments; or take it out of exclude.segments in the export, which sends its "
        "people.",
    )


def _sentence(lost: Counter[str]) -> str:
    if not lost:
        return ""
    where = ", ".join(f"{name} ({count:,})" for name, count in lost.items())
    return f"{lost.total():,} rows of the excluded segments could not be read, so nobody is excluded by them: {where}."
