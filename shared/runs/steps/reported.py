"""What Brevo's reports say of a batch, and what becomes of the contacts whose number another contact has.

They are sent once more without that number, in batches of their own behind all others. A batch that is confirmed has
written down beside it which of its contacts move (`Batch.moved`); once all are confirmed, the last batches are made of
them. What is written is the same for each worker, and nothing that is there is replaced, so that any worker may do
this at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from shared.app import App
from shared.brevo.body import contact_texts, without_values
from shared.brevo.processes import NUMBER_TAKEN, Process
from shared.brevo.rejections import Rejections, read_rejections
from shared.config.models import Export
from shared.errors import PermanentError
from shared.mapping.leavers import as_sent
from shared.mapping.results import RejectedRow
from shared.runs.batch import Batch
from shared.runs.state import Run
from shared.runs.steps.imported import clear_if_ended, import_request, missing
from shared.staging.bodies import contact_rows, email_of, pieces_of_body, write_last_bodies, write_moved
from shared.storage.failures import NotFound


@dataclass(frozen=True, slots=True)
class Reported:
    """What Brevo made of a batch: its rejections by reason and row by row, and how many of its contacts move.

    `moved_id` names the blob with the latter; `unmatched` counts lines of reports that name no contact of the batch,
    `unnamed` those that are counted and not read.
    """

    rejected: dict[str, int] = field(default_factory=dict)
    rows: list[RejectedRow] = field(default_factory=list)
    moved: int = 0
    moved_id: str = ""
    unmatched: int = 0
    unnamed: int = 0


def read_reports(app: App, batch: Batch, process: Process) -> Reported:
    """Reads the reports of a batch's import. Raises TransientError and PermanentError."""
    pieces = partial(pieces_of_body, app.storage.app_blobs, batch.staging, batch.number)
    try:
        rejections = read_rejections(process, pieces, batch.contacts, app.settings.brevo_base_url, as_sent)
        if batch.holds_moved:
            rows = _rows_of_moved(app, batch, rejections)
            return Reported(rejections.counts, rows, unmatched=rejections.unmatched, unnamed=rejections.unnamed)
        moved = _to_be_moved(pieces(), rejections) if rejections.numbers else {}
        moved_id = write_moved(app.storage.app_blobs, batch.staging, batch.number, moved) if moved else ""
        rejections = rejections.without(moved)
        rows = contact_rows(app.storage.app_blobs, batch.staging, batch.number, rejections.contacts)
    except NotFound:
        raise missing(batch) from None
    return Reported(rejections.counts, rows, len(moved), moved_id, rejections.unmatched, rejections.unnamed)


def unread_reports(app: App, batch: Batch) -> Reported:
    """What is known of a batch where its reports cannot be read. Raises TransientError."""
    if not batch.holds_moved:
        return Reported()
    try:
        return Reported(rows=_rows_of_moved(app, batch, Rejections()))
    except NotFound:
        return Reported()


def _to_be_moved(pieces: Iterable[bytes], rejections: Rejections) -> dict[int, str]:
    """Index -> JSON without the numbers. A contact without such a number in the body cannot be sent without it."""
    found = {}
    for index, contact in contact_texts(pieces, rejections.numbers):
        changed = without_values(contact, rejections.numbers[index])
        if changed != contact:
            found[index] = changed
    return found


def _rows_of_moved(app: App, batch: Batch, rejections: Rejections) -> list[RejectedRow]:
    """The rows of all contacts of a last batch: rejected once more, or sent without their number."""
    named, blobs = rejections.contacts, app.storage.app_blobs
    pieces = pieces_of_body(blobs, batch.staging, batch.number)
    sent = {
        index: (NUMBER_TAKEN, email_of(contact))
        for index, contact in contact_texts(pieces, range(batch.contacts))
        if index not in named
    }
    return [
        *contact_rows(blobs, batch.staging, batch.number, named),
        *contact_rows(blobs, batch.staging, batch.number, sent, outcome="sent_without_value"),
    ]


def contacts_to_move(batches: Iterable[Batch]) -> int:
    """How many contacts have been moved out of their batches and are in no other one yet."""
    return sum(batch.moved - batch.contacts * batch.holds_moved for batch in batches)


def write_last_batches(app: App, run: Run, export: Export, batches: list[Batch]) -> list[Batch]:
    """Writes the batches of the contacts that move; returns all of the run's. Raises TransientError, PermanentError."""
    first = max(batch.number for batch in batches if not batch.holds_moved) + 1
    moved = [(batch.number, batch.moved_id) for batch in batches if batch.moved]
    staging = batches[0].staging
    try:
        bodies = write_last_bodies(app.storage.app_blobs, staging, import_request(app, run, export), moved, first)
    except NotFound:
        raise PermanentError(
            "body_missing",
            "The staged contacts that are to be sent without a number are gone.",
            "Run the export again.",
        ) from None
    for body in bodies:
        app.store.add_batch(
            Batch(run.run_id, run.staging_id, body.number, body.contacts, body.size_bytes, holds_moved=True)
        )
    count = sum(batch.moved for batch in batches)
    app.store.add_event(
        run.run_id, "moved", f"{count:,} contacts whose number another contact has are sent once more without it."
    )
    clear_if_ended(app, run)
    return app.store.batches(run)
