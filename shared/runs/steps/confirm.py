"""Step `confirm`: reads from /processes the results of the run's imports, and sends what can be sent next.

One delayed message a run drives this; an older one is stale and does nothing. Success is only ever read from
/processes: a call-back frees a slot and brings the next poll forward, no more.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from operator import methodcaller
from pathlib import Path
from typing import NamedTuple

from shared import telemetry
from shared.app import App
from shared.brevo.polling import OpenImport, learn
from shared.brevo.processes import Process
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import ExportError, PermanentError, TransientError
from shared.lifetimes import LONGEST_SENDING_HOURS
from shared.mapping.results import RejectedRow
from shared.runs.batch import Batch
from shared.runs.guards import check_confirmed
from shared.runs.ledgers import note_rejected
from shared.runs.left_imports import release_left_slots, wake_waiting
from shared.runs.queue import Message, schedule_confirm, waits_line
from shared.runs.same_account import brevo_of
from shared.runs.slots import free_slots
from shared.runs.state import SENDING, WAITS_ON_SECONDS, Run
from shared.runs.steps import end
from shared.runs.steps.deliver import poll_delay, send_deliveries, send_next
from shared.runs.steps.imported import clear_if_ended, close_link, note_unusable, pass_over_files, put_into_bodies
from shared.runs.steps.reported import (
    Reported,
    contacts_to_move,
    read_reports,
    unread_reports,
    write_last_batches,
)
from shared.runs.steps.settle import settle
from shared.runs.trial import ready_for
from shared.staging.folders import working_folder
from shared.staging.rejected import RejectedWriter, brevo_rejected_name
from shared.storage.failures import NOT_NOW

_log = logging.getLogger(__name__)

_SLOT_WAIT_SECONDS, _RUNS_LOOKING, _LONGEST_SLOT_WAIT_SECONDS = 15.0, 10, 120.0
_REPORT_TRIES = 3
_REPEATED = Process(0, "failed", None, "Brevo gave it the number of another import")
# Polls that fail for so long count as an import that has not ended. The first one behind a stop of the app does not.
_FAILING_SECONDS = 300.0


class _Failed(NamedTuple):
    """A poll that has failed, which may take minutes to: when it began, why, and how long until the next one."""

    began: float
    why: str
    wait_seconds: float


def confirm(app: App, run: Run, message: Message) -> None:
    """Polls once, unless the message is stale. Raises the three kinds of ExportError."""
    if run.state not in SENDING or message.number != run.confirm_number:
        return
    ready = ready_for(app, run)
    batches = app.store.batches(run)
    _check_batches(run, ready, batches)
    failed, any_open = None, True
    if any(batch.state == "delivered" for batch in batches):
        began = app.now()
        try:
            run, batches, any_open = _poll(app, run, ready, batches)
        except TransientError as error:
            failed = _Failed(began, error.message, error.retry_after_seconds or _SLOT_WAIT_SECONDS)
            batches = _not_polled(app, run, ready, batches, error, began)
            _log.info("%s", waits_line(message, error, failed.wait_seconds))
        _check_batches(run, ready, batches)
    batches = _with_those_in_place(app, run, ready.export, batches)
    is_settled = len(batches) >= run.counts.batches and all(batch.is_settled for batch in batches)
    _check_sending_time(app, run, batches, is_settled=is_settled)
    if is_settled:
        if not contacts_to_move(batches):
            free_slots(app, run, [batch for batch in batches if batch.has_lost_import], any_open=any_open)
            if settle(app, run, batches):
                end.succeed(app, run, batches)
            return
        batches = write_last_batches(app, run, ready.export, batches)
    free_slots(app, run, [batch for batch in batches if batch.is_over], any_open=any_open)
    _go_on(app, run, ready, batches, failed)


def _with_those_in_place(app: App, run: Run, export: Export, batches: list[Batch]) -> list[Batch]:
    """All batches, once others have taken the place of each file that Brevo cannot import."""
    for batch in pass_over_files(app, run, batches):
        if batch.state == "splitting":
            put_into_bodies(app, run, export, batch)
    return app.store.batches(run) if any(batch.by_file for batch in batches) else batches


def import_finished(app: App, run: Run, number: int) -> bool:
    """Brevo says that an import has finished: its slot is free, and the last ones are polled now.

    A call-back identifies the batch, not the POST. If the batch was posted twice, it may belong to the POST whose
    answer was lost while the other import still runs. Then keep the slot and poll.
    False for a batch that the run does not have.
    """
    known = app.store.batch(run, number)
    if known is None:
        return False
    if run.is_final:
        if known.posts <= 1 and not known.is_unanswered:  # of an unanswered one nobody knows how often it was posted
            free_slots(app, run, [known])
            wake_waiting(app, run.key_setting)
        return True
    with telemetry.span("call_back", parent=run.trace, run=run.run_id, export=run.export, batch=number):
        batch = app.store.update_batch(run, number, Batch.import_finished, known)
        if batch.state != "delivered":
            return True  # not posted, done already, or faster than the answer to the post, whose worker goes on
        if batch.posts > 1:
            schedule_confirm(app, run, 0)
        elif not send_next(app, run, batch):
            batches = app.store.batches(run)
            if all(batch.called_back or batch.is_settled for batch in batches):
                schedule_confirm(app, run, 0)
    return True


def _go_on(app: App, run: Run, ready: ReadyExport, batches: list[Batch], failed: _Failed | None) -> None:
    """`failed`: the last poll, where it has, which is what the run then waits for."""
    sent = send_deliveries(app, run, batches, ready.connection.imports_at_once)
    if not sent and any(batch.state == "staged" for batch in batches):
        release_left_slots(app, run.key_setting)
    open_batches = [batch for batch in batches if batch.state == "delivered"]
    if failed:
        seconds = failed.wait_seconds
    elif open_batches:
        seconds = poll_delay(app, run, open_batches, app.pace(run.key_setting))
    else:
        seconds = _SLOT_WAIT_SECONDS if sent else _slot_wait_seconds(app, run)

    def also(now: Run) -> Run | None:
        return now.waiting_for(failed.why, now=failed.began, until=app.now() + seconds) if failed else now

    schedule_confirm(app, run, seconds, also)


def _slot_wait_seconds(app: App, run: Run) -> float:
    """How long until it looks for a slot again. Where many runs wait, each looks more rarely, and all as often."""
    at_account = sum(setting == run.key_setting for _, setting in app.store.open_runs())
    return min(max(1.0, at_account / _RUNS_LOOKING) * _SLOT_WAIT_SECONDS, _LONGEST_SLOT_WAIT_SECONDS)


def _poll(app: App, run: Run, ready: ReadyExport, batches: list[Batch]) -> tuple[Run, list[Batch], bool]:
    """Polls all open imports once, and writes down what Brevo shows.

    Returns run and batches as they then are, and whether Brevo may work on some import, whosever it is.
    """
    brevo = brevo_of(app, run)
    wanted = {batch.process_id for batch in batches if batch.state == "delivered"}
    try:
        imports = brevo.imports(wanted, until_open=any(batch.has_lost_import for batch in batches))
    finally:
        requests = brevo.session.traffic.requests
        run = app.store.update(run, lambda now: now.polled(requests, app.time()))
    shown = {batch.number: imports.wanted.get(batch.process_id) for batch in batches}
    shown |= {batch.number: replace(_REPEATED, id=batch.process_id) for batch in _repeated(batches)}
    after = [
        _take(app, run, ready, batch, shown[batch.number]) if batch.state == "delivered" else batch for batch in batches
    ]
    before = {batch.number: batch.state for batch in batches}
    confirmed = [batch for batch in after if batch.state == "confirmed" and before[batch.number] == "delivered"]
    if confirmed:
        largest = max(confirmed, key=lambda batch: batch.contacts)
        done = OpenImport(app.now() - largest.posted_at, largest.contacts)
        learn(brevo.session.pace.rows, done, largest.polls + 1)
    return run, after, imports.any_open


def _repeated(batches: list[Batch]) -> Iterator[Batch]:
    """Those whose import has the number of an earlier one of the run: that process is not theirs as well."""
    numbers = set[int]()
    for batch in sorted(batches, key=lambda batch: (not batch.is_settled, batch.posted_at)):
        if batch.process_id in numbers:
            yield batch
        numbers.add(batch.process_id)


def _not_polled(
    app: App, run: Run, ready: ReadyExport, batches: list[Batch], error: TransientError, began: float
) -> list[Batch]:
    """The batches where the poll has failed. Once polls keep failing, raises PermanentError for an overdue import.

    And the error where it is not Brevo's: the step waits as all others do, and no import is late for that.
    """
    if isinstance(error, NOT_NOW):
        raise error
    for batch in batches if _have_failed_for_long(app, run, began) else ():
        _check_deadline(app, ready, batch)
    app.store.add_event(run.run_id, "waiting", error.message)
    return app.store.batches(run)


def _take(app: App, run: Run, ready: ReadyExport, batch: Batch, process: Process | None) -> Batch:
    """Writes down what a poll has shown of a batch; returns the batch as it then is."""
    if process is not None and process.state == "completed":
        return _take_completed(app, run, ready, batch, process)
    if process is not None and process.state in ("failed", "cancelled"):
        return _take_failed(app, run, batch, process)
    _check_deadline(app, ready, batch)
    return _update(app, run, batch, methodcaller("polled", batch.process_id, is_listed=process is not None))


def _take_completed(app: App, run: Run, ready: ReadyExport, batch: Batch, process: Process) -> Batch:
    """Confirms the batch, unless its report is to be read again."""
    note = ""
    try:
        found = read_reports(app, batch, process)
    except NOT_NOW:
        raise  # our storage is away or our disk full: the report itself may be there
    except ExportError as error:
        if (now := app.store.batch(run, batch.number)) and now.is_settled:
            return now  # by another worker, who has deleted the file
        if isinstance(error, TransientError) and batch.report_tries + 1 < _REPORT_TRIES:
            return _update(app, run, batch, lambda now: now.report_failed(batch.process_id))
        found = unread_reports(app, batch)
        note = f"{error.message} Which contacts of batch {batch.number} Brevo rejected is not known."
    note = " ".join([*filter(None, [note]), *_odd_reports(batch, found)])
    if note:
        app.store.add_event(run.run_id, "report_unread", note)
    if found.rows:
        _write_rejected(app, run, ready, batch, found.rows)
    batch = _update(
        app,
        run,
        batch,
        lambda now: now.confirmed(batch.process_id, found.rejected, note, found.moved, found.moved_id),
    )
    close_link(app, batch)
    if found.moved:
        clear_if_ended(app, run)
    taken = batch.contacts - sum(found.rejected.values()) - found.moved
    app.store.add_event(run.run_id, "confirmed", f"Batch {batch.number}: {taken:,} of {batch.contacts:,} contacts.")
    return batch


def _odd_reports(batch: Batch, found: Reported) -> Iterator[str]:
    """What Brevo's reports say, and is not known contact by contact."""
    if found.unmatched:
        yield (
            f"{found.unmatched:,} lines of Brevo's reports name no contact of batch {batch.number}: "
            "Brevo may have rejected more of it than is counted."
        )
    if found.unnamed:
        yield f"{found.unnamed:,} lines of Brevo's reports on batch {batch.number} are too many to name: only counted."


def _write_rejected(app: App, run: Run, ready: ReadyExport, batch: Batch, rows: list[RejectedRow]) -> None:
    with working_folder() as folder:
        name = brevo_rejected_name(run.run_id, batch.staging_id, batch.number)
        with RejectedWriter(app.storage.app_blobs, name, Path(folder)) as writer:
            for row in rows:
                writer.add(row)
    if run.keeps_ledger:
        note_rejected(app, ready.export.identify_by, batch, rows)


def _take_failed(app: App, run: Run, batch: Batch, process: Process) -> Batch:
    """A failed import is sent again once, a file in bodies; after that the batch has failed, and with it the run."""
    why = f" ({process.error})" if process.error else ""
    if batch.by_file:
        note_unusable(app, run, batch, f"Brevo's import {process.state}{why}. Is the storage closed to the internet?")
        return _update(app, run, batch, lambda now: now.file_failed(batch.process_id))
    if not batch.sent_again:
        text = f"Batch {batch.number} is sent again: Brevo's import {process.state}{why}."
        app.store.add_event(run.run_id, "import_failed", text)
    return _update(app, run, batch, lambda now: now.import_failed(batch.process_id, process.error))


def _update(app: App, run: Run, batch: Batch, change: Callable[[Batch], Batch | None]) -> Batch:
    return app.store.update_batch(run, batch.number, change, batch)


def _check_batches(run: Run, ready: ReadyExport, batches: list[Batch]) -> None:
    """Whether the run goes on, by what is written down. Raises PermanentError and ConfigurationError.

    A batch that has failed keeps no other from the list: mostly one of its contacts is to blame, and would be again. A
    second one that fails says that Brevo takes none, such as for an account that is full.
    """
    failed = [batch for batch in batches if batch.state == "failed"]
    if failed and (len(failed) > 1 or all(batch.is_settled for batch in batches if batch is not failed[0])):
        batch = failed[0]
        raise PermanentError(
            "import_failed",
            f"Brevo did not complete the import of batch {batch.number}, twice (process {batch.process_id})"
            f"{f': {batch.note}' if batch.note else ''}.",
            "If Brevo names a limit, see the plan; else ask its support with the process number. Then run "
            "the export again.",
        )
    if run.is_guarded:
        check_confirmed(ready.export, run.counts, batches)


def _check_sending_time(app: App, run: Run, batches: list[Batch], *, is_settled: bool) -> None:
    """Raises PermanentError for a run that sends for so long that storage is about to delete its bodies.

    Not for one that has nothing left to do but to end: its imports have ended while the app was stopped, say.
    """
    if is_settled and not contacts_to_move(batches) and run.counts.all_removed and run.counts.all_added:
        return
    seconds = app.now() - datetime.fromisoformat(run.times["delivering"]).timestamp()
    if seconds > LONGEST_SENDING_HOURS * 3600:
        raise PermanentError(
            "run_overdue",
            f"The run has been sending for more than {LONGEST_SENDING_HOURS // 24} days.",
            "Look at its imports in Brevo, raise imports_at_once or split the segment, then run the export again.",
        )


def _have_failed_for_long(app: App, run: Run, began: float) -> bool:
    """Whether the polls before this one have failed too, without a break up to when this one began."""
    return run.is_waiting(began - WAITS_ON_SECONDS) and app.now() - run.waiting_since >= _FAILING_SECONDS


def _check_deadline(app: App, ready: ReadyExport, batch: Batch) -> None:
    if batch.state != "delivered":
        return
    hours = ready.connection.import_deadline_hours
    if app.now() - batch.posted_at > hours * 3600:
        raise PermanentError(
            "import_overdue",
            f"Brevo has not finished the import of batch {batch.number} in {hours:g} hours "
            f"(process {batch.process_id}).",
            "Look at the import in Brevo, then run the export again.",
        )
