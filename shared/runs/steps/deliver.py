"""Step `deliver`: posts one staged body, once the account has a free slot, and writes down Brevo's process id.

Where the answer was not written down, the body is sent again: an import is an upsert, so repeating it is harmless.
"""

from functools import partial
from operator import methodcaller

from shared import telemetry
from shared.app import App
from shared.brevo.client import BrevoClient
from shared.brevo.pace import Pace
from shared.brevo.polling import OpenImport, next_poll_seconds, seconds_per_contact
from shared.config.document import ReadyExport
from shared.config.models import MOST_IMPORTS_AT_ONCE
from shared.errors import ExportError, PermanentError, TransientError
from shared.runs.batch import DELIVERABLE, OPEN, UNSETTLED, Batch
from shared.runs.claim import Claim, claimed_batch, is_still_open, looking_again
from shared.runs.queue import Message, schedule_confirm, send
from shared.runs.same_account import brevo_of
from shared.runs.slots import free_slots, held_and_free, take_slot
from shared.runs.state import SENDING, Run
from shared.runs.steps.imported import note_unusable, read_import
from shared.runs.trial import ready_for

_MOST_UNSETTLED = 60


def deliver(app: App, run: Run, message: Message) -> None:
    """Delivers the message's batch. Raises the three kinds of ExportError."""
    batch = app.store.batch(run, message.batch)
    if run.state not in SENDING or batch is None or batch.state not in DELIVERABLE:
        return
    ready = ready_for(app, run)
    # The slot first: a batch that cannot be sent yet is not claimed.
    connection = ready.connection
    if not take_slot(app, run, batch, connection.imports_at_once, connection.import_deadline_hours):
        return  # the worker that frees a slot sends the next batches
    telemetry.note(contacts=batch.contacts)
    with claimed_batch(app, run, batch, message.attempt) as claimed:
        if claimed is None:
            return
        batch, claim = claimed
        _check_still_open(app, run)
        brevo = brevo_of(app, run, looking_again(app, partial(_is_ours, app, run, batch), claim.taken_at))
        batch = _post(app, run, ready, batch, claim, brevo)
    if batch.state == "splitting":
        schedule_confirm(app, run, 0)  # which lets bodies take its place
        return
    app.store.add_event(run.run_id, "delivered", f"Batch {batch.number}: {batch.contacts:,} contacts.")
    if batch.called_back and send_next(app, run, batch):
        _count(app, run, brevo)
    else:
        _schedule_poll(app, run, brevo)


def _is_ours(app: App, run: Run, batch: Batch) -> bool:
    # A run whose worker stood still has ended without waiting for it, and leaves the batch as it was claimed.
    _check_still_open(app, run)
    now = app.store.batch(run, batch.number)
    return now is not None and now.owner == batch.owner and now.is_owned(app.time())


def _check_still_open(app: App, run: Run) -> None:
    """Read the run again after claiming. To end a run is first written down, and then waits for claimed batches.

    So either we see the end, or they see our claim.
    """
    if not is_still_open(app, run):
        raise TransientError("run_ending", "The run is ended.", retry_after_seconds=1)


def send_deliveries(app: App, run: Run, batches: list[Batch], slots: int) -> int:
    """Sends a deliver message for as many staged batches as the account has free slots; tells how many."""
    waiting = _waiting(app, batches)
    if not waiting:
        return 0
    held, free = held_and_free(app, run, batches, slots)
    others = [batch for batch in waiting if batch.number not in held]
    chosen = [batch for batch in waiting if batch.number in held]
    chosen += others[:free]
    for batch in chosen:
        send(app, Message(run.run_id, "deliver", batch=batch.number))
    return len(chosen)


def send_lost_deliveries(app: App, run: Run) -> None:
    """Sends the batches again whose workers are lost. Raises ConfigurationError."""
    batches = app.store.batches(run)
    if _waiting(app, batches):
        send_deliveries(app, run, batches, ready_for(app, run).connection.imports_at_once)


def _waiting(app: App, batches: list[Batch]) -> list[Batch]:
    """Those that are to be sent, and that no live worker has."""
    return [batch for batch in batches if batch.is_ready(app.time())]


def send_next(app: App, run: Run, batch: Batch) -> bool:
    """Brevo has called back for this batch: its slot is free. True when others are sent or still to be sent."""
    free_slots(app, run, [batch])
    slots = ready_for(app, run).connection.imports_at_once
    # Of a large run's hundreds no more than can be sent, and those that may stand before: each has a slot, and waits.
    undelivered = app.store.batches(run, DELIVERABLE, most=MOST_IMPORTS_AT_ONCE + slots)
    # Who holds the other slots, with one query instead of a read for each.
    others = app.store.batches(run, OPEN) if slots > 1 else []
    send_deliveries(app, run, undelivered + others, slots)
    return bool(undelivered)


def _post(app: App, run: Run, ready: ReadyExport, batch: Batch, claim: Claim, brevo: BrevoClient) -> Batch:
    """Posts the body and records the answer. What Brevo has taken is written down before all else."""
    body = read_import(app, run, ready, batch)
    claim.may_be_there = True
    try:
        process_id = brevo.import_contacts(body)
    except ExportError as error:
        claim.may_be_there = brevo.session.traffic.maybe_taken > 0
        _count(app, run, brevo)
        if batch.by_file and isinstance(error, PermanentError):
            note_unusable(app, run, batch, error.message)
            refused = methodcaller("refused", claim.owner, brevo.session.traffic.maybe_taken)
            return app.store.update_batch(run, batch.number, refused, batch)
        raise

    repeats = brevo.session.traffic.maybe_taken - 1

    def delivered(now: Batch) -> Batch | None:
        return now.delivered(claim.owner, process_id, repeats, app.time())

    return app.store.update_batch(run, batch.number, delivered, batch)


def _count(app: App, run: Run, brevo: BrevoClient) -> None:
    app.store.update(run.run_id, lambda now: _counted(now, brevo))


def _counted(run: Run, brevo: BrevoClient) -> Run | None:
    traffic = brevo.session.traffic
    return run.with_traffic(traffic.requests, traffic.bytes_sent)


def poll_delay(app: App, run: Run, open_batches: list[Batch], pace: Pace) -> float:
    """Seconds until the next poll of these imports is worth its call."""
    known = seconds_per_contact(pace.rows)
    imports = [OpenImport(app.now() - batch.posted_at, batch.contacts) for batch in open_batches]
    not_before = 0.0
    if run.last_poll:
        not_before = run.last_poll + pace.shortest_wait_seconds() - app.now()
    call_back = app.settings.public_url is not None and not all(batch.called_back for batch in open_batches)
    return next_poll_seconds(known, imports, not_before=not_before, call_back=call_back)


def _schedule_poll(app: App, run: Run, brevo: BrevoClient) -> None:
    """Sends the confirm message; writes down the traffic, and that all is delivered, in the same write."""
    # Of a large run's hundreds the first that are not settled: who is open for longest is among them.
    batches = app.store.batches(run, UNSETTLED, most=_MOST_UNSETTLED)
    open_batches = [batch for batch in batches if batch.state == "delivered"]
    all_delivered = len(open_batches) == len(batches) < _MOST_UNSETTLED

    def also(now: Run) -> Run | None:
        return _counted((now.confirming(app.time()) if all_delivered else None) or now, brevo)

    if all_delivered and all(batch.called_back for batch in open_batches):
        delay = 0.5
    else:
        delay = poll_delay(app, run, open_batches, brevo.session.pace)
    schedule_confirm(app, run, delay, also)
