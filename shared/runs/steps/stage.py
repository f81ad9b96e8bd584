"""Step `stage`: the whole snapshot is read, checked, guarded and written down, before a byte goes out.

Each try has a staging id of its own, and its blobs and rows lie below it. The one write that counts is the run's row:
it names the staging that is to be sent. So a worker that dies leaves nothing that is ever sent, two workers at once
cannot mix their batches, and a body that may have been sent is never computed again.
"""

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from shared import telemetry
from shared.app import App
from shared.brevo.body import ImportRequest
from shared.brevo.checks import Checked, check_account
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import TransientError
from shared.mapping.plan import Plan
from shared.runs.claim import Cancelled, Claim, claimed_run
from shared.runs.guards import check_gaps, check_staged
from shared.runs.queue import Message, schedule_confirm, send
from shared.runs.state import STAGEABLE, Batch, Problem, Run
from shared.runs.steps import end
from shared.segments.snapshot import Snapshot, find_snapshot
from shared.staging.bodies import write_bodies, write_files
from shared.staging.completeness import Wait, check_complete, gap_text, wait_for_files
from shared.staging.reader import SnapshotReader
from shared.staging.rejected import RejectedWriter, staging_rejected_name

# What a table row is to hold of a list that could be long.
_MOST_NAMES = 100
_LONGEST_NAME = 50
_FOLDER_PREFIX = "segment-export-"
_LONGEST_FUNCTION_SECONDS = 3600


def stage(app: App, run: Run, message: Message) -> None:
    """Stages the run and sends its first batches. Raises the three kinds of ExportError."""
    if run.state not in STAGEABLE:
        # Staged already. Only where the worker was lost before it sent the first messages, there is something to do.
        if run.state == "delivering" and not run.confirm_number:
            schedule_confirm(app, run.run_id, 0)
        return
    ready = app.ready_export(run.export)
    snapshot = find_snapshot(app.storage.segment_blobs, ready.export.source, ready.export.segments)
    if not run.skip_quiet and (wait := _wait_for(app, run, ready, snapshot)):
        _wait(app, run, message, wait)
        return
    # Only before the run notes the snapshot itself, or a second try would take it for somebody else's.
    if run.only_new and run.state == "queued" and app.store.started(run.export).snapshot == snapshot.id:
        problem = Problem("snapshot_known", "This snapshot was exported already.", "")
        end.skip(app, run.run_id, problem, still=lambda now: now.state == "queued")
        return
    try:
        with claimed_run(app, run.run_id) as (run, claim):
            app.store.note_snapshot(run.export, snapshot.id)
            check_complete(snapshot)
            if snapshot.passed_over:
                app.store.add_event(run.run_id, "passed_over", f"{'; '.join(snapshot.passed_over)}.")
            _stage_claimed(app, run, claim, ready, snapshot)
    except Cancelled:
        end.cancel(app, run.run_id)


def _wait_for(app: App, run: Run, ready: ReadyExport, snapshot: Snapshot) -> Wait | None:
    quiet = app.settings.snapshot_quiet_seconds
    rest = snapshot.quiet_seconds_left(quiet, app.now())
    if rest > 0:
        return Wait(rest, f"The snapshot is {quiet - rest:.0f} s old; it is taken when it has rested.")
    hours = app.settings.snapshot_complete_hours
    return wait_for_files(ready.export.source, snapshot, hours, app.now(), accept=run.accept)


def _wait(app: App, run: Run, message: Message, wait: Wait) -> None:
    stalled_after = app.now() + wait.seconds + app.graces.stalled
    app.store.update(run.run_id, lambda now: now.waiting_for(wait.reason, stalled_after))
    send(app, message, wait.seconds + 1)


def _stage_claimed(app: App, run: Run, claim: Claim, ready: ReadyExport, snapshot: Snapshot) -> None:
    brevo = app.brevo(run.key_setting)
    staging_id = secrets.token_hex(4)
    checked: list[Checked] = []

    def planned(plan: Plan) -> Plan:
        checked.append(check_account(brevo, ready.export, {field.attribute: field.type for field in plan.fields}))
        left_out = checked[-1].left_out
        return replace(plan, fields=tuple(field for field in plan.fields if field.attribute not in left_out))

    _clear_what_killed_workers_left()
    with tempfile.TemporaryDirectory(prefix=_FOLDER_PREFIX) as name:
        blobs, folder = app.storage.app_blobs, Path(name)
        with RejectedWriter(blobs, staging_rejected_name(run.run_id, staging_id), folder) as rejected:
            reader = SnapshotReader(
                app.storage.segment_blobs,
                ready,
                snapshot,
                folder,
                planned=planned,
                on_rejected=rejected.add,
                between=claim.check,
            )
            staging = f"{run.run_id}/{staging_id}"
            write_files(blobs, staging, reader.files)
            bodies = write_bodies(blobs, staging, _request(app, run, ready.export), reader.chunks())
            batches = [Batch(run.run_id, staging_id, body.number, body.contacts, body.size_bytes) for body in bodies]
    requests = brevo.session.traffic.requests

    def with_result(run: Run) -> Run:
        run = replace(_with_result(run, reader, snapshot, requests), rejected_id=staging_id)
        return _with_account(run, checked[-1]) if checked else run

    staged = with_result(run)
    _note_result(app, claim, staged, with_result)
    if staged.counts.rows_read == 0:
        _skip_empty(app, run, snapshot)
        return
    if not run.accept:
        _guard(app, ready, staged, snapshot)
    app.store.write_batches(batches)
    _commit(app, claim, staged.run_id, staging_id, len(batches))
    _send_first(app, run, ready, batches)


def _request(app: App, run: Run, export: Export) -> ImportRequest:
    def notify_url(number: int) -> str:
        # Brevo strips the query string of the call-back, so what identifies it is in the path.
        return f"{app.settings.public_url}/api/imports/{run.run_id}/{number}/{run.token}"

    return ImportRequest(export.list_id, export.erase_empty, notify_url if app.settings.public_url else None)


def _clear_what_killed_workers_left() -> None:
    """An instance's disk is small, and what is left there holds personal data. No function runs for so long."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LONGEST_FUNCTION_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _with_result(run: Run, reader: SnapshotReader, snapshot: Snapshot, requests: int) -> Run:
    return replace(
        run,
        snapshot=snapshot.id,
        segments=[asdict(segment) for segment in reader.segments],
        counts=replace(run.counts, **vars(reader.counts), requests=requests),
        notes=reader.notes,
    )


def _with_account(run: Run, checked: Checked) -> Run:
    left_out = [name[:_LONGEST_NAME] for name in checked.left_out[:_MOST_NAMES]]
    return replace(run, left_out=left_out, allowance=checked.allowance)


def _guard(app: App, ready: ReadyExport, staged: Run, snapshot: Snapshot) -> None:
    if not ready.export.source.gaps_allowed:
        check_gaps(gap_text(snapshot))
    check_staged(
        ready.export,
        contacts=staged.counts.contacts_mapped,
        rows_read=staged.counts.rows_read,
        rows_rejected=sum(staged.counts.rows_rejected.values()),
        notes=staged.notes,
        before=app.store.success(staged.export),
    )


def _note_result(app: App, claim: Claim, staged: Run, with_result: Callable[[Run], Run]) -> None:
    """Writes the result down, also where a guard stops the run. Raises TransientError where another has taken over."""

    def change(now: Run) -> Run | None:
        return with_result(now) if now.is_staged_by(claim.owner) else None

    if app.store.update(staged.run_id, change).rejected_id != staged.rejected_id:
        raise _overtaken()


def _commit(app: App, claim: Claim, run_id: str, staging_id: str, batches: int) -> None:
    """The one write that counts. Raises TransientError where another worker has taken over."""

    run = app.store.update(run_id, lambda now: now.delivering(claim.owner, staging_id, batches, app.time(), app.graces))
    if run.staging_id != staging_id:
        if run.cancel_requested_by and run.owner == claim.owner:
            raise Cancelled
        raise _overtaken()
    counts = run.counts
    telemetry.note(rows=counts.rows_read, contacts=counts.contacts_mapped, batches=counts.batches)


def _overtaken() -> TransientError:
    return TransientError("claim_lost", "Another worker has staged this run.")


def _send_first(app: App, run: Run, ready: ReadyExport, batches: list[Batch]) -> None:
    for batch in batches[: ready.connection.imports_at_once]:
        send(app, Message(run.run_id, "deliver", batch=batch.number))
    schedule_confirm(app, run.run_id, 2 if batches else 0)


def _skip_empty(app: App, run: Run, snapshot: Snapshot) -> None:
    names = ", ".join(part.segment for part in snapshot.segments)
    advice = "Nothing was sent. Look at the segment in Customer Insights if this is not what you expect."
    problem = Problem("segment_empty", f"The snapshot of {names[:500]} has no rows.", advice)
    end.skip(app, run.run_id, problem, still=lambda now: now.owner == run.owner)
