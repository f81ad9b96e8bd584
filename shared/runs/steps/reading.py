"""One try to stage a run: its snapshot is read and mapped, and what is to be sent is written below the try's own id."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from shared.app import App
from shared.brevo.checks import Checked
from shared.brevo.client import BrevoClient
from shared.brevo.probed import ProbeAnswers, answers_beside, check_probed_account
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.mapping.chosen import Chosen
from shared.mapping.conditions import Conditions
from shared.mapping.plan import Plan
from shared.mapping.results import MappedChunk
from shared.runs.batch import Batch
from shared.runs.claim import Claim
from shared.runs.excluded import Answers, by_digests, read_excluded, read_members, read_who_left
from shared.runs.guards import marks_of
from shared.runs.identity import ext_id_form, read_known
from shared.runs.kinds import COMPARES
from shared.runs.ledgers import (
    Opened,
    check_account,
    difference_of,
    is_of_another,
    open_ledger,
    write_down,
)
from shared.runs.notes import fitting
from shared.runs.questions import Members
from shared.runs.state import Run
from shared.runs.steps.imported import import_request, why_no_files
from shared.runs.synced import Synced
from shared.runs.verifying import Verified, checking_of
from shared.segments.snapshot import Snapshot
from shared.staging.account import decided
from shared.staging.bodies import StagedBody, unwritten, write_bodies, write_files
from shared.staging.completeness import gap_texts
from shared.staging.folders import clear_what_killed_workers_left, working_folder
from shared.staging.parts import write_parts
from shared.staging.reader import SnapshotReader
from shared.staging.rejected import RejectedWriter, staging_rejected_name

# What a table row is to hold of a list that could be long.
_MOST_NAMES = 100
_LONGEST_NAME = 50


@dataclass(frozen=True, slots=True)
class Given:
    """The account, its answers on whom to leave out, the excluded segments, and what the account's probe has shown.

    `settings` is the digest of what the export and its connection are set to.
    """

    client: BrevoClient
    answers: Answers
    excluded: Snapshot | None
    probed: ProbeAnswers | None
    settings: str


@dataclass(frozen=True, slots=True)
class Result:
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
        return replace(
            run,
            left_out=left_out,
            allowance=checked.allowance,
            list_name=checked.list_name[:200],
            account=checked.account_id,
            key_mark=checked.key_mark,
        )

    def _missing(self, run: Run) -> str:
        """Which customers of a trial no row has."""
        missing = [each for each in run.customer_ids if each not in self.reader.seen]
        return f"Not in the snapshot: {', '.join(missing)}." if missing else ""


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is read beside the segment: on whom it decides, the list's members, what is known of the list.

    `notes` say what it cost, and what could not be read.
    """

    conditions: Conditions
    members: Members | None
    opened: Opened | None
    notes: list[str]


def write_staging(
    app: App, run: Run, claim: Claim, ready: ReadyExport, snapshot: Snapshot, given: Given, staging_id: str
) -> Result:
    """Reads the snapshot and writes its bodies, its rejected rows and what the run intends.

    Raises the three kinds of ExportError, and Stopping where the run's end is decided meanwhile.
    """
    blobs, checked, staging = app.storage.app_blobs, list[Checked](), f"{run.run_id}/{staging_id}"
    clear_what_killed_workers_left()
    with working_folder() as name:
        folder = Path(name)
        beside = _read_beside(app, run, claim, ready, given, folder)
        opened, members = beside.opened, beside.members
        in_bodies = why_no_files(app, run, ready.export, answers_beside(given.client.session.pace))
        with RejectedWriter(blobs, staging_rejected_name(run.run_id, staging_id), folder) as rejected:
            reader = SnapshotReader(
                app.storage.segment_blobs,
                ready,
                snapshot,
                folder,
                planned=partial(_planned, run, ready.export, given, opened, checked),
                on_rejected=rejected.add,
                between=lambda: _go_on(claim, reader),
                conditions=beside.conditions,
            )
            write_files(blobs, staging, reader.files)
            checking = checking_of(run, opened, members, reader.files, rejected.add)
            chunks = checking.watched(reader.chunks()) if checking else reader.chunks()
            is_only_read = run.is_to_be_held or checking is not None
            bodies = unwritten(chunks) if is_only_read else _bodies(app, run, ready.export, staging, chunks, in_bodies)
            batches = [
                Batch(run.run_id, staging_id, body.number, body.contacts, body.size_bytes, by_file=in_bodies is None)
                for body in bodies
            ]
            synced: Synced | Verified | None = checking.finished() if checking else None
        notes = [*beside.notes, *filter(None, [in_bodies])]
        if opened and reader.counts.rows_read:
            account_id = checked[-1].account_id if checked else ""
            synced = synced or _compare(app, run, ready.export, opened, members, account_id, staging_id)
            notes += _ledger_notes(app, run, ready.export, opened, account_id)
    gaps = gap_texts(ready.export.source, snapshot, given.excluded)
    notes += gaps if run.is_trial else []  # no guard stops it
    requests = given.client.session.traffic.requests
    return Result(staging_id, snapshot, reader, checked, requests, batches, gaps, notes, synced)


def _read_beside(app: App, run: Run, claim: Claim, ready: ReadyExport, given: Given, folder: Path) -> _Beside:
    brevo, answers = given.client, given.answers
    leavers = read_who_left(app, run, brevo, answers, folder, claim.check)
    out, unread = read_excluded(
        app, run, ready, brevo, answers.members, given.excluded, "excluded", folder, claim.check
    )
    excluded = by_digests(out)
    members = read_members(app, run, brevo, answers, folder, claim.check)
    opened = open_ledger(app, run, ready, folder)
    if opened and members and run.kind == "repair":
        opened = opened.still_in(members)
    known, cost = None, ""
    if given.probed:
        left_lists, out_lists = ({each.subject.list_id for each in some} for some in (answers.left, answers.members))
        by_id = excluded if ready.export.identify_by == "customer_id" else None
        known, cost = read_known(
            brevo,
            given.probed,
            leavers,
            by_id,
            folder=folder,
            left_lists=left_lists,
            out_lists=out_lists,
            between=claim.check,
        )
    conditions = Conditions(
        leavers=leavers,
        known=known,
        chosen=Chosen(run.customers, tuple(run.customer_ids)) if run.is_trial else None,
        excluded=excluded,
        compared=opened.compared(run, ready.export) if opened else None,
    )
    return _Beside(conditions, members, opened, list(filter(None, (cost, unread))))


def _planned(run: Run, export: Export, given: Given, opened: Opened | None, checked: list[Checked], plan: Plan) -> Plan:
    """The plan as the account decides it; what was checked there is added to `checked`."""
    if given.probed and plan.ext_id:
        plan = replace(plan, ext_id=ext_id_form(given.probed))
    depends_on = opened if export.sync_mode != "full" or run.kind in COMPARES else None
    probed = answers_beside(given.client.session.pace)
    must_answer = depends_on is not None or bool(probed and probed.account)
    plan, found = decided(plan, export, given.client, must_answer=must_answer)
    check_account(run, depends_on, found.account_id)
    check_probed_account(export.connection or "", probed, found.account_id)
    checked.append(found)
    return plan


def _go_on(claim: Claim, reader: SnapshotReader) -> None:
    """Notes how far the reader is. Raises where this worker is not to go on."""
    claim.rows, claim.contacts = reader.counts.rows_read, reader.counts.contacts_mapped
    claim.check()


def _bodies(
    app: App, run: Run, export: Export, staging: str, chunks: Iterator[MappedChunk], in_bodies: str | None
) -> Iterator[StagedBody]:
    """Writes the contacts down as they are to be sent."""
    blobs = app.storage.app_blobs
    if in_bodies is None:
        return write_parts(blobs, staging, chunks)
    return write_bodies(blobs, staging, import_request(app, run, export), chunks)


def _ledger_notes(app: App, run: Run, export: Export, opened: Opened, account_id: str) -> list[str]:
    """What is odd of the ledger that the run was compared with, and why there is none."""
    notes = [*opened.files.notes]
    if is_of_another(opened, account_id):
        notes.append("The ledger of this list is not used: it is of another Brevo account. All contacts are sent.")
    elif run.sends_segment and export.sync_mode != "full" and not (opened.files.before or opened.files.unread):
        notes += _why_no_ledger(app, run)
    return notes


def _why_no_ledger(app: App, run: Run) -> list[str]:
    """A note; none before the export's first success."""
    success = app.store.success(run.export)
    if success is None:
        return []
    before = app.store.load(success.run_id)
    if before and (before.key_setting, before.list_id) != (run.key_setting, run.list_id):
        return ["The export has another list, or another setting for the key, than before. All contacts are sent."]
    return ["There is no ledger of this list, as after a reset. All contacts are sent."]


def _compare(
    app: App, run: Run, export: Export, opened: Opened, members: Members | None, account_id: str, staging_id: str
) -> Synced:
    """How the segment differs from what was known; what the run intends is written down."""
    difference = difference_of(app, run, export, opened, members, account_id)
    write_down(app, run, staging_id, opened, difference)
    return Synced(opened.etag, opened.files.mode != export.sync_mode, export.sync_mode == "full", difference)
