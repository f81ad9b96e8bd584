"""Step `stage`: the whole snapshot is read, checked, guarded and written down, before a byte goes out.

Each try has a staging id of its own, and its blobs and rows lie below it. The one write that counts is the run's row:
it names the staging that is to be sent. So a worker that dies leaves nothing that is ever sent, two workers at once
cannot mix their batches, and a body that may have been sent is never computed again.
"""

import secrets
from contextlib import suppress
from dataclasses import replace

from shared import telemetry
from shared.app import App
from shared.brevo.checks import make_missing
from shared.brevo.probed import answers_beside, export_as_probed
from shared.config.document import ReadyExport
from shared.errors import ExportError
from shared.runs.batch import Batch
from shared.runs.claim import Claim, Stopping, claimed_run, still_staging
from shared.runs.excluded import ask_whom_to_leave_out
from shared.runs.guards import PLAN, why_held
from shared.runs.holding import check_same_settings, check_same_snapshot, note_fallen_out
from shared.runs.identity import check_probe
from shared.runs.problem import NOTHING_TO_DO, Problem
from shared.runs.queue import Message, send, send_confirm
from shared.runs.same_account import brevo_of
from shared.runs.started import StillOurs
from shared.runs.state import STAGEABLE, Run
from shared.runs.steps import end
from shared.runs.steps.reading import Given, Result, write_staging
from shared.runs.steps.snapshot_waits import newest, wait_for, wait_for_answer
from shared.runs.steps.staged import hold, overtaken, raise_lost, send_what_was_lost, skip_empty
from shared.runs.steps.stop import stop_when_idle
from shared.runs.trial import check_customers, ready_for
from shared.runs.why_not_running import Why, why_snapshot_is_not_run_again
from shared.segments.snapshot import Snapshot, own_snapshot
from shared.staging.bodies import STAGED
from shared.staging.changed import write_changed
from shared.staging.completeness import Wait, check_complete
from shared.staging.excluded import find_excluded


def stage(app: App, run: Run, message: Message) -> None:
    """Stages the run and sends its first batches. Raises the three kinds of ExportError."""
    if run.state not in STAGEABLE:
        send_what_was_lost(app, run)
        return
    ready = ready_for(app, run)
    snapshot = newest(app, run, ready, own_snapshot, accept=run.accept or run.is_approved)
    if isinstance(snapshot, Wait):
        wait_for(app, run, message, snapshot)
        return
    if _has_been_run(app, run, ready, snapshot):
        return
    if message.number and message.number != run.confirm_number:
        return  # a copy: another message waits for the answer
    excluded = newest(app, run, ready, find_excluded, accept=run.accept)
    if isinstance(excluded, Wait):
        wait_for(app, run, message, excluded)
        return
    brevo = brevo_of(app, run)
    known, settings = answers_beside(brevo.session.pace), ready.digest
    probed = check_probe(ready, known)
    ready = export_as_probed(ready, known)
    answers = ask_whom_to_leave_out(app, run, ready, brevo)
    if isinstance(answers, Wait):
        wait_for_answer(app, run, message, answers, brevo.session.traffic.requests)
        return
    try:
        with claimed_run(app, run, snapshot.id) as (run, claim):
            _take_snapshot(app, run, ready, snapshot, still_staging(app, run, claim))
            _stage_claimed(app, run, claim, ready, snapshot, Given(brevo, answers, excluded, probed, settings))
    except Stopping:
        stop_when_idle(app, run)


def _take_snapshot(app: App, run: Run, ready: ReadyExport, snapshot: Snapshot, still_ours: StillOurs) -> None:
    """The snapshot counts as started, unless it is only tried. Raises ConfigurationError where it is not complete."""
    if run.sends_segment:
        again = ready.export.schedule == "with_refresh"
        app.store.take_snapshot(run, still_ours, is_tried_again=again)
    check_complete(snapshot)
    if snapshot.passed_over:
        app.store.add_event(run.run_id, "passed_over", f"{'; '.join(snapshot.passed_over)}.")


def _has_been_run(app: App, run: Run, ready: ReadyExport, snapshot: Snapshot) -> bool:
    """Ends a run that is for a new snapshot only, and returns True, where another one has taken the newest.

    Raises ConfigurationError where a run was approved, and its snapshot or its settings are others now.
    """
    if run.is_approved:
        check_same_snapshot(run, snapshot.id)
        check_same_settings(run, ready)
        return False
    # Only before the run notes the snapshot itself, or a second try would take it for somebody else's.
    if not run.only_new or run.state != "queued" or not (started := app.store.started(run.export)).covers(snapshot.id):
        return False
    exported = Why("snapshot_known", "This snapshot was exported already.")
    why = why_snapshot_is_not_run_again(app, run.export, started, exported)
    problem = Problem("snapshot_known", why.text, "")
    end.skip(app, run, problem, still=lambda now: now.state == "queued" and not now.is_approved)
    return True


def _stage_claimed(app: App, run: Run, claim: Claim, ready: ReadyExport, snapshot: Snapshot, given: Given) -> None:
    staging_id = secrets.token_hex(4)
    try:
        result = write_staging(app, run, claim, ready, snapshot, given, staging_id)
        staged = result.noted_in(run)
        if not staged.counts.rows_read:
            _note_result(app, run, claim, result)
            check_customers(run)
            skip_empty(app, run, snapshot)
            return
        why = why_held(app, ready, run, staged, result.reader.fields, result.gaps, result.synced)
        if why == PLAN and staged.counts.has_nothing_to_do:
            _discard(app, run, staging_id)
            _note_result(app, run, claim, result)
            end.skip(app, run, NOTHING_TO_DO, still=lambda now: now.owner == run.owner)
            return
        if why:
            # Nothing that would be sent is kept meanwhile but a few examples, nor what lost workers have left by now.
            # Where another worker has taken over, the run is not held by this one, and what is staged stays.
            _discard(app, run, staging_id)
            lost = app.storage.app_blobs.folders(STAGED, f"{run.run_id}/")
            if examples := result.reader.changed:
                write_changed(app.storage.app_blobs, f"{run.run_id}/{staging_id}", examples)
            # Goes first, so that no lost worker takes it along: where the run is not held, it says nothing.
            app.store.note_held(run, still_staging(app, run, claim))
            hold(app, run, claim, result, why, given.settings, ready.export.hold_hours)
            for each in lost:
                _discard(app, run, each)
            return
        result = _write_batches(app, given, result)
    except Exception:
        _discard(app, run, staging_id)
        raise
    committed = _commit(app, run, claim, result)
    if run.is_approved:
        note_fallen_out(app, run, committed)
    _send_first(app, committed, ready, result.batches)


def _write_batches(app: App, given: Given, result: Result) -> Result:
    """Writes the batches, once the account has the attributes that they name: what sends nothing makes none.

    The result has the requests that this took.
    """
    if result.batches:
        make_missing(given.client, result.checked[-1])
    app.store.write_batches(result.batches)
    return replace(result, requests=given.client.session.traffic.requests)


def _discard(app: App, run: Run, staging_id: str) -> None:
    """What is not committed is deleted by its own worker. Where that fails, a sweep does it behind the run's end."""
    with suppress(ExportError):
        app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/{staging_id}/")


def _note_result(app: App, run: Run, claim: Claim, result: Result) -> None:
    """Writes down what was read. Raises TransientError where another worker has taken over."""

    def change(now: Run) -> Run | None:
        return result.noted_in(now) if now.is_staged_by(claim.owner) else None

    if app.store.update(run, change).rejected_id != result.staging_id:
        raise overtaken()


def _commit(app: App, run: Run, claim: Claim, result: Result) -> Run:
    """The one write that counts. Raises TransientError where another worker has taken over, Stopping at a run's end."""

    def change(now: Run) -> Run | None:
        return result.noted_in(now).delivering(
            claim.owner, result.staging_id, len(result.batches), app.time(), app.graces
        )

    run = app.store.update(run, change)
    if run.staging_id != result.staging_id:
        _discard(app, run, result.staging_id)
        raise_lost(run, claim)
    counts = run.counts
    telemetry.note(rows=counts.rows_read, contacts=counts.contacts_mapped, batches=counts.batches)
    return run


def _send_first(app: App, run: Run, ready: ReadyExport, batches: list[Batch]) -> None:
    for batch in batches[: ready.connection.imports_at_once]:
        send(app, Message(run.run_id, "deliver", batch=batch.number))
    send_confirm(app, run, 2 if batches else 0)
