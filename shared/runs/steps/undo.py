"""Step `stage` of an undo, and of a clear, which is one of all that an export has put into its list.

Whom it takes out of the list and whom it puts back is written down before it changes it.

The list is read again, so that what others have changed since stays. Who has left it, or is excluded by now, is not put
back. The step `confirm` then does it: see `settle`.
"""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from shared.app import App
from shared.brevo.checks import account_of
from shared.brevo.client import BrevoClient
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.runs import clearing
from shared.runs.answers import Answer, read_answer
from shared.runs.claim import Claim, Stopping, claimed_run
from shared.runs.delivered import address_of
from shared.runs.excluded import Answers, ask_all, read_disagreeing, read_excluded, read_members
from shared.runs.guards import OURS, marks_of, not_shown, problem_of, stopped_by_gaps, stopped_by_share
from shared.runs.holding import check_same_settings
from shared.runs.ledgers import (
    Opened,
    check_account,
    fetched,
    intention_of,
    knows_account,
    open_ledger_at,
    store_file,
    write_intention,
)
from shared.runs.left_imports import left_by_its_export
from shared.runs.notes import fitting
from shared.runs.problem import Problem
from shared.runs.questions import Subject, digest_key
from shared.runs.queue import Message, send_confirm
from shared.runs.same_account import brevo_of
from shared.runs.state import STAGEABLE, Run
from shared.runs.status import find_run
from shared.runs.steps.snapshot_waits import newest, wait_for, wait_for_answer
from shared.runs.steps.staged import hold, raise_lost, send_what_was_lost
from shared.runs.steps.stop import stop_when_idle
from shared.runs.trial import ready_for
from shared.runs.undoing import check_undoable, impossible, record_of
from shared.segments.snapshot import Snapshot, own_snapshot
from shared.staging.completeness import Wait, gap_texts
from shared.staging.excluded import find_excluded
from shared.staging.folders import clear_what_killed_workers_left, working_folder
from shared.sync.ledger import About, LedgerUnreadable
from shared.sync.stored import UNDO
from shared.sync.undo import Before, Reversal, reversal

_LOOK_SECONDS = 15.0


def stage_undo(app: App, run: Run, message: Message) -> None:
    """Stages the undo or clear; it goes on by its confirm message. Raises the three kinds of ExportError."""
    if run.state not in STAGEABLE:
        send_what_was_lost(app, run)
        return
    if message.number and message.number != run.confirm_number:
        return  # a copy: another message waits for the answer
    ready = ready_for(app, run)
    if run.is_approved:
        check_same_settings(run, ready)
    undone = _undone(app, run, ready)
    brevo = brevo_of(app, run)
    puts_back = undone is not None and undone.counts.contacts_removed > 0
    segments = _segments(app, run, ready) if puts_back else (None, None)
    if isinstance(segments, Wait):
        wait_for(app, run, message, segments)
        return
    subjects = _subjects(run, ready.export, puts_back=puts_back)
    answers = _wait_for_imports(app, run) or ask_all(app, run, ready, brevo, subjects)
    if isinstance(answers, Wait):
        wait_for_answer(app, run, message, answers, brevo.session.traffic.requests)
        return
    try:
        with claimed_run(app, run, run.snapshot) as (run, claim):
            _stage_claimed(app, run, claim, ready, undone, _Given(brevo, answers, *segments))
    except Stopping:
        stop_when_idle(app, run)


def _undone(app: App, run: Run, ready: ReadyExport) -> Run | None:
    """The run that is taken back; None for a clear. Raises ConfigurationError where it cannot be done."""
    if run.kind == "clear":
        clearing.check_clearable(ready)
        return None
    undone = find_run(app, run.undo_of)
    check_undoable(app, ready, undone)
    return undone


def _segments(app: App, run: Run, ready: ReadyExport) -> tuple[Snapshot | None, Snapshot | None] | Wait:
    """Who is not to be put back: the excluded segments, and the export's own where `source.only` asks for something."""
    excluded = newest(app, run, ready, find_excluded, accept=run.accept)
    if isinstance(excluded, Wait):
        return excluded
    own = newest(app, run, ready, own_snapshot, accept=True) if ready.export.source.only else None
    return own if isinstance(own, Wait) else (excluded, own)


def _subjects(run: Run, export: Export, *, puts_back: bool) -> list[Subject]:
    """Who is in the list; and where somebody is to be put back, who has left it, and who is in the excluded lists.

    Of all of them the numbers are asked for: whom the run has removed is known by these, and by no address.
    """
    in_list = Subject(run.list_id, "ledger")
    if not puts_back:
        return [in_list]
    excluded = [Subject(list_id, "ledger") for list_id in export.exclude.list_ids]
    return [in_list, Subject(run.list_id, "ledger", has_left=True), *excluded]


def _wait_for_imports(app: App, run: Run) -> Wait | None:
    """What a clear waits for before it reads the list: a run that was ended may have left an import that brings more.

    An undo is of a run that was confirmed.
    """
    left = left_by_its_export(app, run) if run.kind == "clear" else []
    if not left:
        return None
    return Wait(_LOOK_SECONDS, f"It waits for {left[0].describe()}.", max(each.until for each in left))


@dataclass(frozen=True, slots=True)
class _Given:
    """The account, its answers to `_subjects`, and the snapshots of the excluded segments and of the export's own.

    The latter where `source.only` may leave out somebody who would be put back.
    """

    client: BrevoClient
    answers: list[Answer]
    excluded: Snapshot | None
    own: Snapshot | None


@dataclass(frozen=True, slots=True)
class _Result:
    """What is to be done, and the ledger that it was compared with. `unread`: what of the excluded cannot be read.

    `gaps`: which files may be missing of the excluded segments, where somebody is to be put back.
    """

    staging_id: str
    found: Reversal
    ledger_etag: str
    account: str
    key_mark: str
    requests: int
    unread: str
    gaps: list[str]

    def noted_in(self, run: Run) -> Run:
        """The run with the result, as it is shown."""
        found = self.found
        counts = replace(run.counts, contacts_to_remove=found.to_remove, contacts_to_add=found.to_add)
        left = f"{found.left:,} of those whom the run had removed have left the list since, and are not put back."
        excluded = (
            f"{found.excluded:,} of those whom the run had removed are excluded or do not agree by now, "
            "and are not put back."
        )
        notes = [left if found.left else "", excluded if found.excluded else "", self.unread]
        return replace(
            run,
            counts=counts.plus_traffic(self.requests),
            notes=fitting(filter(None, notes)),
            rejected_id=self.staging_id,
            gaps=marks_of(self.gaps),
            keeps_ledger=True,
            ledger_etag=self.ledger_etag,
            account=self.account,
            key_mark=self.key_mark,
            list_before=found.members,
            list_after=found.members - found.to_remove + found.to_add,
        )


def _stage_claimed(app: App, run: Run, claim: Claim, ready: ReadyExport, undone: Run | None, given: _Given) -> None:
    brevo = given.client
    staging_id = secrets.token_hex(4)
    key = digest_key("ledger")
    clear_what_killed_workers_left()
    with working_folder() as name:
        folder = Path(name)
        own, *more = given.answers
        left, lists = more[:1], more[1:]
        members = read_members(app, run, brevo, Answers([], [], own), folder, claim.check)
        leavers = read_answer(app, run, brevo, left[0], folder, claim.check) if left else None
        segments = given.excluded
        excluded, unread = read_excluded(app, run, ready, brevo, lists, segments, "ledger", folder, claim.check)
        if given.own:
            excluded = (*excluded, read_disagreeing(app, ready, given.own, folder, claim.check))
        opened = open_ledger_at(app, address_of(run), ready.export.identify_by, key, folder)
        record = fetched(app, record_of(undone), folder / "record.parquet", UNDO) if undone else None
        if not members or (undone and not record):
            raise impossible(run.undo_of, "what it has changed is not written down any more")
        account = account_of(brevo, must_answer=knows_account(opened)).id
        check_account(run, opened, account)
        _check_known(app, undone, opened)
        left_by = leavers.path if leavers else None
        shown = _shown(app, run, opened)
        files, puts_back = opened.files, len(given.answers) > 1
        before = Before(record, files.before, files.others, members.path, left_by, excluded, puts_back, *shown)
        about = About(opened.identity, opened.key.id, run.run_id, mode=files.mode, account=files.account)
        try:
            found = reversal(before, folder, intention_of(opened), about)
        except LedgerUnreadable as error:
            raise impossible(run.undo_of, f"what it has changed cannot be read: {error}") from None
        _write_down(app, run, staging_id, opened, found)
    gaps = gap_texts(ready.export.source, given.excluded) if found.to_add else []
    sent = brevo.session.traffic.requests
    result = _Result(staging_id, found, opened.etag, account, brevo.session.key_mark, sent, unread, gaps)
    if run.is_guarded and (why := _why_held(run, ready.export, result, undone)):
        hold(app, run, claim, result, why, ready.digest, ready.export.hold_hours)
    else:
        _commit(app, run, claim, result)


def _check_known(app: App, undone: Run | None, opened: Opened) -> None:
    """Raises ConfigurationError where it is not known who has put whom into the list."""
    if undone is None:
        clearing.check_known(app, opened)
    elif not opened.files.is_whole:
        raise impossible(undone.run_id, "the ledger of another export of this list cannot be read")
    elif opened.files.before is None or opened.files.unread:
        why = opened.files.unread or "it is not there any more"
        raise impossible(undone.run_id, f"the ledger, which says whom Brevo has confirmed, cannot be read: {why}")


def _shown(app: App, run: Run, opened: Opened) -> tuple[bool, Path | None, Path | None]:
    """Whom a person has seen of what was approved."""
    if not run.approved_of:
        return False, None, None
    names = (
        opened.address.removals(run.run_id, run.approved_of),
        opened.address.additions(run.run_id, run.approved_of),
    )
    removals, additions = (fetched(app, name, opened.folder / f"shown-{place}") for place, name in enumerate(names))
    return True, removals, additions


def _write_down(app: App, run: Run, staging_id: str, opened: Opened, found: Reversal) -> None:
    """The intention, and whom to remove and to add, before anything is done."""
    write_intention(app, run, staging_id, opened)
    for numbers, name in (
        (found.removals, opened.address.removals(run.run_id, staging_id)),
        (found.additions, opened.address.additions(run.run_id, staging_id)),
    ):
        store_file(app, numbers, name)


def _why_held(run: Run, export: Export, result: _Result, undone: Run | None) -> Problem | None:
    if run.is_approved:
        return problem_of(stopped_by_gaps(not_shown(run, result.gaps)))
    found = result.found
    of, whose, advice = found.ours, OURS, "They are those whom the run has added."
    if undone is None:  # held whenever it takes out anybody: those whom another export keeps do not make it small
        of, whose, advice = found.to_remove, "members whom this export alone has put there", "The export is to end."
    return problem_of(
        [
            *stopped_by_share(export, found.to_remove, of, whose, advice),
            *stopped_by_gaps(result.gaps),
        ]
    )


def _commit(app: App, run: Run, claim: Claim, result: _Result) -> None:
    """The one write that counts. Raises TransientError where another worker has taken over, Stopping at a run's end."""

    def change(now: Run) -> Run | None:
        return result.noted_in(now).delivering(claim.owner, result.staging_id, 0, app.time(), app.graces)

    run = app.store.update(run, change)
    if run.staging_id != result.staging_id:
        raise_lost(run, claim)
    send_confirm(app, run, 0)
