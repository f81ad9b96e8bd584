"""What the first customers of a segment would lose by a mapping, field by field. Nothing is sent or written down."""

from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from shared.brevo.attributes import AskAttributes
from shared.config.document import ReadyExport
from shared.mapping.chosen import Chosen
from shared.mapping.conditions import Conditions
from shared.mapping.results import RejectedRow
from shared.segments.snapshot import own_snapshot
from shared.staging.completeness import check_complete
from shared.staging.folders import working_folder
from shared.staging.preview import planned_by
from shared.storage.blobs import Blobs

MOST_CUSTOMERS = 1_000


@dataclass(frozen=True, slots=True)
class FieldLoss:
    """Of so many values that the customers have of an attribute, so many would not be sent.

    Without an attribute it is the address, and the row that would not be sent.
    """

    attribute: str
    of: int
    lost: int
    reasons: dict[str, int]


def first_losses(blobs: Blobs, ready: ReadyExport, ask: AskAttributes) -> list[FieldLoss]:
    """The losses of the newest snapshot's first customers, without the fields that lose nothing.

    At most a megabyte of rows is read, since a person waits. Raises as staging does.
    """
    from shared.staging.reader import SnapshotReader  # brings DuckDB, which describing a preview does not need

    snapshot = own_snapshot(blobs, ready.export)
    check_complete(snapshot)
    planned, _ = planned_by(ask, ready)
    reasons: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def note(row: RejectedRow) -> None:
        reasons[row.field, row.attribute][row.reason] += 1

    with working_folder() as folder:
        reader = SnapshotReader(
            blobs,
            ready,
            snapshot,
            Path(folder),
            planned=planned,
            on_rejected=note,
            conditions=Conditions(chosen=Chosen(MOST_CUSTOMERS)),
        )
        with closing(reader.chunks()) as chunks:
            next(chunks, None)
    email = _sorted(reasons[ready.export.mapping.email, ""])
    found = [FieldLoss("", reader.counts.rows_read, sum(email.values()), email)]
    found += [
        FieldLoss(each.attribute, each.filled, each.lost, _sorted(reasons[each.column, each.attribute]))
        for each in reader.fields
    ]
    return [each for each in found if each.lost]


def _sorted(reasons: Counter[str]) -> dict[str, int]:
    """The most frequent first."""
    return dict(sorted(reasons.items(), key=lambda each: (-each[1], each[0])))
