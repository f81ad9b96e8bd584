"""Step `deliver`: posts one staged body, once the account has a free slot, and writes down Brevo's process id.

Where the answer was not written down, the body is sent again: an import is an upsert, so repeating it is harmless.
"""

from dataclasses import replace

from shared import telemetry
from shared.brevo.client import BrevoClient
from shared.config.document import Target
from shared.errors import ConfigurationError, ExportError, PermanentError, TransientError
from shared.runs import ending
from shared.runs.app import App
from shared.runs.claim import claimed_batch
from shared.runs.messages import Message, send
from shared.runs.model import Batch, Run
from shared.runs.slots import free_slots, held_and_free, take_slot
from shared.runs.timing import next_look_seconds
from shared.storage.failures import NotFound


def deliver(app: App, run: Run, message: Message) -> None:
    """Delivers the message's batch. Raises the three kinds of ExportError."""
    batch = app.store.batch(run, message.batch)
    if run.state not in ("delivering", "confirming") or batch is None or batch.state not in ("staged", "delivering"):
        return
    target = app.target(run.export)
    check_still_wanted(run, target)
    # The slot first: a batch that cannot be sent yet is not claimed.
    if not take_slot(app, run, batch, target.connection.imports_at_once):
        return  # whoever frees a slot sends the next batches
    telemetry.note(contacts=batch.contacts)
    with claimed_batch(app, run, batch, message.attempt) as claim:
        if claim is None:
            return
        _check_still_open(app, run)
        brevo = app.brevo(run.account)
        batch = _post(app, run, batch, claim.owner, brevo)
    app.store.add_event(run.run_id, "delivered", f"Batch {batch.number}: {batch.contacts:,} contacts.")
    if batch.called_back and send_next(app, run, batch.number):
        _count(app, run, brevo)
    else:
        _schedule_look(app, run, brevo)


def check_still_wanted(run: Run, target: Target) -> None:
    """Raises ConfigurationError where the export has been pointed elsewhere since the run began."""
    if target.account != run.account or target.export.list_id != run.list_id:
        raise ConfigurationError(
            "export_changed", "The export's connection or list was changed during the run.", "Run the export again."
        )


def _check_still_open(app: App, run: Run) -> None:
    """Asked once the batch is claimed: whoever ends the run waits for claimed batches, so one sees the other."""
    now = app.store.load(run.run_id)
    if now is None or now.is_final or now.cancel_requested_by:
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
        send_deliveries(app, run, batches, app.target(run.export).connection.imports_at_once)


def _waiting(app: App, batches: list[Batch]) -> list[Batch]:
    """Those that are to be sent, and that no live worker has."""
    return [batch for batch in batches if batch.state in ("staged", "delivering") and batch.owner_until <= app.now()]


def send_next(app: App, run: Run, number: int) -> bool:
    """Brevo has called back for this batch: its slot is free. True when others are sent or still to be sent."""
    free_slots(app, run, {number})
    batches = app.store.batches(run)
    sent = send_deliveries(app, run, batches, app.target(run.export).connection.imports_at_once)
    return sent > 0 or any(batch.state in ("staged", "delivering") for batch in batches)


def _post(app: App, run: Run, batch: Batch, owner: str, brevo: BrevoClient) -> Batch:
    """Posts the body and records the answer. What Brevo has taken is written down before all else."""
    try:
        process_id = brevo.import_contacts(_body(app, batch))
    except ExportError:
        _count(app, run, brevo)
        raise

    # The session has posted it again where an answer was lost, and a call-back may tell of that import.
    more = brevo.session.traffic.requests - 1

    def record(now: Batch) -> Batch | None:
        if now.state == "delivering" and now.owner in (owner, ""):
            return replace(
                now,
                state="delivered",
                process_id=process_id,
                posted_at=app.now(),
                posts=now.posts + more,
                called_back=now.called_back and not more,
                owner="",
                owner_until=0.0,
                looks=0,
            )
        return None  # another worker has sent the same body as well and records its own process

    return app.store.update_batch(run, batch.number, record)


def _body(app: App, batch: Batch) -> bytes:
    try:
        return app.storage.app_blobs.read(ending.STAGED, f"{batch.name}.json")
    except NotFound as error:
        raise PermanentError(
            "body_missing", f"The staged body of batch {batch.number} is gone.", "Run the export again."
        ) from error


def _count(app: App, run: Run, brevo: BrevoClient) -> None:
    app.store.update(run.run_id, lambda now: None if now.is_final else _counted(now, brevo))


def _counted(run: Run, brevo: BrevoClient) -> Run:
    traffic = brevo.session.traffic
    return replace(run, counts=run.counts.plus_traffic(traffic.requests, traffic.bytes_sent))


def _schedule_look(app: App, run: Run, brevo: BrevoClient) -> None:
    """Sends the confirm message; writes down the traffic, and that all is delivered, in the same write."""
    batches = app.store.batches(run)
    all_delivered = all(batch.state in ("delivered", "confirmed") for batch in batches)

    def changed(now: Run) -> Run:
        if all_delivered and now.state == "delivering":
            now = now.entered("confirming", app.storage.clock.now())
        return _counted(now, brevo)

    open_batches = [batch for batch in batches if batch.state == "delivered"]
    if all_delivered and all(batch.called_back for batch in open_batches):
        delay = 0.5
    else:
        delay = next_look_seconds(
            app, run.account, open_batches, last_look=run.last_look, call_back=app.settings.public_url is not None
        )
    ending.call_confirm(app, run.run_id, delay, changed)
