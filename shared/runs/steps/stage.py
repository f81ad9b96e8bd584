"""Step `stage`: the whole snapshot is read, checked, guarded and written down, before a byte goes out.

Each try has a staging id of its own, and its blobs and rows lie below it. The one write that counts is the run's row:
it names the staging that is to be sent. So a worker that dies leaves nothing that is ever sent, two workers at once
cannot mix their batches, and a body that may have been sent is never computed again.
"""

import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from shared import telemetry
from shared.app import App
from shared.brevo.checks import Checked, make_missing
from shared.brevo.client import BrevoClient
from shared.brevo.probed import ProbeAnswers, answers_beside, export_as_probed
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import ExportError
from shared.mapping.chosen import Chosen
from shared.mapping.conditions import Conditions
from shared.mapping.plan import Plan
from shared.runs.batch import Batch
from shared.runs.claim import Claim, Stopping, claimed_run, still_staging
from shared.runs.excluded import Answers, ask_whom_to_leave_out, by_digests, read_excluded, read_members, read_who_left
from shared.runs.guards import PLAN, marks_of, why_held
from shared.runs.holding import check_same_settings, check_same_snapshot, note_fallen_out
from shared.runs.identity import check_probe, ext_id_form, read_known
from shared.runs.ledgers import Opened, check_account, difference_of, open_ledger, write_down
from shared.runs.notes import fitting
from shared.runs.problem import NOTHING_TO_DO, Problem
from shared.runs.questions import Members
from shared.runs.queue import Message, send, send_confirm
from shared.runs.started import StillOurs
from shared.runs.state import STAGEABLE, Run
from shared.runs.steps import end
from shared.runs.steps.imported import import_request, why_no_files
from shared.runs.steps.snapshot_waits import newest, own_snapshot, wait_for, wait_for_answer
from shared.runs.steps.staged import hold, overtaken, raise_lost, send_what_was_lost, skip_empty
from shared.runs.steps.stop import stop_when_idle
from shared.runs.synced import Synced
from shared.runs.trial import check_customers, ready_for
from shared.runs.verifying import Verified, checking_of
from shared.runs.why_not_running import Why, why_snapshot_is_not_run_again
from shared.segments.snapshot import Snapshot
from shared.staging.account import decided
from shared.staging.bodies import STAGED, unwritten, write_bodies, write_files
from shared.staging.changed import write_changed
from shared.staging.completeness import Wait, check_complete, gap_texts
from shared.staging.excluded import find_excluded
from shared.staging.folders import clear_what_killed_workers_left, working_folder
from shared.staging.parts import write_parts
from shared.staging.reader import SnapshotReader
from shared.staging.rejected import RejectedWriter, staging_rejected_name

# What a table row is to hold of a list that could be long.
_MOST_NAMES = 100
_LONGEST_NAME = 50


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
    brevo = app.brevo(run.key_setting)
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
            _stage_claimed(app, run, claim, ready, snapshot, _Given(brevo, answers, excluded, probed, settings))
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


@dataclass(frozen=True, slots=True)
class _Given:
    """The account, its answers on whom to leave out, the excluded segments, and what the account's probe has shown.

    `settings` is the digest of what the export and its connection are set to.
    """

    client: BrevoClient
    answers: Answers
    excluded: Snapshot | None
    probed: ProbeAnswers | None
    settings: str


def _stage_claimed(app: App, run: Run, claim: Claim, ready: ReadyExport, snapshot: Snapshot, account: _Given) -> None:
    staging_id = secrets.token_hex(4)
    try:
        result = _write_staging(app, run, claim, ready, snapshot, account, staging_id)
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
            hold(app, run, claim, result, why, account.settings, ready.export.hold_hours)
            for each in lost:
                _discard(app, run, each)
            return
        _write_batches(app, account.client, result)
    except Exception:
        _discard(app, run, staging_id)
        raise
    committed = _commit(app, run, claim, result)
    if run.is_approved:
        note_fallen_out(app, run, committed)
    _send_first(app, committed, ready, result.batches)


def _write_staging(
    app: App, run: Run, claim: Claim, ready: ReadyExport, snapshot: Snapshot, account: _Given, staging_id: str
) -> "_Result":
    brevo = account.client
    checked: list[Checked] = []

    def planned(plan: Plan) -> Plan:
        if account.probed and plan.ext_id:
            plan = replace(plan, ext_id=ext_id_form(account.probed))
        plan, found = decided(plan, ready.export, brevo)
        check_account(run, opened if ready.export.sync_mode != "full" else None, found.account_id)
        checked.append(found)
        return plan

    clear_what_killed_workers_left()
    with working_folder() as name:
        blobs, folder = app.storage.app_blobs, Path(name)
        leavers = read_who_left(app, run, brevo, account.answers, folder, claim.check)
        lists, segments = account.answers.members, account.excluded
        out, unread = read_excluded(app, run, ready, brevo, lists, segments, "excluded", folder, claim.check)
        members = read_members(app, run, brevo, account.answers, folder, claim.check)
        opened = open_ledger(app, run, ready, folder)
        if opened and members and run.kind == "repair":
            opened = opened.still_in(members)
        known, cost = None, ""
        if account.probed:
            left_list = ready.export.list_id if account.answers.left else None
            known, cost = read_known(
                brevo, account.probed, leavers, folder=folder, left_list=left_list, between=claim.check
            )
        in_bodies = why_no_files(app, run, ready.export, answers_beside(brevo.session.pace))
        by_file = in_bodies is None
        notes = [*filter(None, (cost, unread, in_bodies))]
        with RejectedWriter(blobs, staging_rejected_name(run.run_id, staging_id), folder) as rejected:

            def between() -> None:
                claim.rows, claim.contacts = reader.counts.rows_read, reader.counts.contacts_mapped
                claim.check()

            reader = SnapshotReader(
                app.storage.segment_blobs,
                ready,
                snapshot,
                folder,
                planned=planned,
                on_rejected=rejected.add,
                between=between,
                conditions=Conditions(
                    leavers=leavers,
                    known=known,
                    chosen=Chosen(run.customers, tuple(run.customer_ids)) if run.is_trial else None,
                    excluded=by_digests(out),
                    compared=opened.compared(run, ready.export) if opened else None,
                ),
            )
            staging = f"{run.run_id}/{staging_id}"
            write_files(blobs, staging, reader.files)
            request = import_request(app, run, ready.export)
            checking = checking_of(run, opened, members, reader.files, rejected.add)
            chunks = checking.watched(reader.chunks()) if checking else reader.chunks()
            if run.is_to_be_held or checking:
                bodies = unwritten(chunks)
            else:
                bodies = (
                    write_parts(blobs, staging, chunks) if by_file else write_bodies(blobs, staging, request, chunks)
                )
            batches = [
                Batch(run.run_id, staging_id, body.number, body.contacts, body.size_bytes, by_file=by_file)
                for body in bodies
            ]
            synced: Synced | Verified | None = checking.finished() if checking else None
        if opened and reader.counts.rows_read:
            account_id = checked[-1].account_id if checked else ""
            synced = synced or _compare(app, run, ready.export, opened, members, account_id, staging_id)
            notes += opened.files.notes
    gaps, requests = gap_texts(ready.export.source, snapshot, account.excluded), brevo.session.traffic.requests
    notes += gaps if run.is_trial else []  # no guard stops it
    return _Result(staging_id, snapshot, reader, checked, requests, batches, gaps, notes, synced)


def _compare(
    app: App, run: Run, export: Export, opened: Opened, members: Members | None, account_id: str, staging_id: str
) -> Synced:
    """How the segment differs from what was known; what the run intends is written down."""
    difference = difference_of(app, run, export, opened, members, account_id)
    write_down(app, run, staging_id, opened, difference)
    return Synced(opened.etag, opened.files.mode != export.sync_mode, export.sync_mode == "full", difference)


def _write_batches(app: App, brevo: BrevoClient, result: "_Result") -> None:
    """Writes the batches, once the account has the attributes that they name: what sends nothing makes none."""
    if result.batches:
        make_missing(brevo, result.checked[-1])
    app.store.write_batches(result.batches)


def _discard(app: App, run: Run, staging_id: str) -> None:
    """What is not committed is deleted by its own worker. Where that fails, a sweep does it behind the run's end."""
    with suppress(ExportError):
        app.storage.app_blobs.delete_below(STAGED, f"{run.run_id}/{staging_id}/")


@dataclass(frozen=True, slots=True)
class _Result:
    """What a staging has read and written."""

    staging_id: str
    snapshot: Snapshot
    reader: SnapshotReader
    checked: list[Checked]
    requests: int
    batches: list[Batch]
    gaps: list[str]
    notes: list[str]
    synced: Synced | Verified | None

    def noted_in(self, run: Run) -> Run:
        """The run with the result, as it is shown."""
        run = replace(
            run,
            snapshot=self.snapshot.id,
            segments=[asdict(segment) for segment in self.reader.segments],
            counts=replace(run.counts, **vars(self.reader.counts)).plus_traffic(self.requests),
            notes=fitting([*self.reader.notes, *self.notes, *filter(None, [self._missing(run)])]),
            rejected_id=self.staging_id,
            gaps=marks_of(self.gaps),
            filled={each.attribute[:_LONGEST_NAME]: each.filled for each in self.reader.fields if each.filled},
        )
        run = self.synced.noted_in(run) if self.synced else run
        if not self.checked:
            return run
        checked = self.checked[-1]
        left_out = [name[:_LONGEST_NAME] for name in checked.left_out[:_MOST_NAMES]]
        return replace(run, left_out=left_out, allowance=checked.allowance, list_name=checked.list_name[:200])

    def _missing(self, run: Run) -> str:
        """Which customers of a trial no row has."""
        missing = [each for each in run.customer_ids if each not in self.reader.seen]
        return f"Not in the snapshot: {', '.join(missing)}." if missing else ""


def _note_result(app: App, run: Run, claim: Claim, result: _Result) -> None:
    """Writes down what was read. Raises TransientError where another worker has taken over."""

    def change(now: Run) -> Run | None:
        return result.noted_in(now) if now.is_staged_by(claim.owner) else None

    if app.store.update(run, change).rejected_id != result.staging_id:
        raise overtaken()


def _commit(app: App, run: Run, claim: Claim, result: _Result) -> Run:
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
