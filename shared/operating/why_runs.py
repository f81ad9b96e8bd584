"""What an export's runs say of a person: the last one that has sent its segment to its list, and those behind it."""

from collections.abc import Iterator

from shared.app import App
from shared.config.document import ReadyExport
from shared.counting import counted
from shared.mapping.results import RejectedRow
from shared.operating.why_facts import Facts, place_of
from shared.runs.problem import NOTHING_TO_DO, what_was_done
from shared.runs.state import SUCCEEDED, Run
from shared.runs.steps.end import totals
from shared.segments.snapshot import is_noted_by
from shared.staging.rejected import named_by_brevo, rows_of
from shared.times import local_text

_OUTCOMES = {
    "not_sent": "not sent",
    "sent_without_value": "sent without this value",
    "rejected_by_brevo": "rejected by Brevo",
}


def look_into_runs(app: App, ready: ReadyExport, facts: Facts) -> None:
    """Notes which run decides about the person, what it has rejected, and what was taken back of it since."""
    run, later = _deciding_run(runs_to_its_list(app, ready), facts)
    facts.run, facts.is_run_known = run, True
    if run is None:
        facts.tell(f"No run of the export to list {ready.export.list_id} has begun.")
        return
    run = totals(run, app.store.batches(run))  # the row of one that is under way has not added them up
    facts.tell(_run_text(run, facts.snapshot))
    of_newest = (each for each in later if each.error == NOTHING_TO_DO and each.snapshot == facts.snapshot)
    if needless := next(of_newest, None):
        facts.newest_changes_nothing = True
        facts.tell(_run_text(needless, facts.snapshot))
    _look_for_taking_back(run, later, facts)
    _look_into_report(app, run, facts)


def runs_to_its_list(app: App, ready: ReadyExport) -> Iterator[Run]:
    """The export's runs to the list that it has now, newest first."""
    to = (ready.key_setting, ready.export.list_id)
    return (run for run in app.store.latest(ready.export.id, None) if (run.key_setting, run.list_id) == to)


def has_changed_list(run: Run) -> bool:
    """Whether an undo or a clear has taken anybody out of its list, as far as its row says, or may have."""
    return run.state in SUCCEEDED or bool(
        what_was_done(run.counts, run.unanswered, is_list_changed=run.is_list_changed)
    )


def _deciding_run(runs: Iterator[Run], facts: Facts) -> tuple[Run | None, list[Run]]:
    """The last run that sends the segment, without those that failed before they sent anything of it; and those behind.

    They count where no run before them has sent the newest snapshot.
    """
    last: Run | None = None
    seen: list[Run] = []
    behind: list[Run] = []
    for run in runs:
        if run.sends_segment and run.state != "skipped":
            if last is None:
                last, behind = run, [*seen]
                if run.staging_id or not run.is_final:
                    break
            elif run.staging_id:
                if run.snapshot == facts.snapshot:
                    facts.tell(_run_text(last, facts.snapshot))
                    last, behind = run, seen
                break
        seen.append(run)
    return last, behind


def _look_for_taking_back(run: Run, later: list[Run], facts: Facts) -> None:
    """Who a clear has taken out is found by nothing that is kept: it is reported as what it was to do."""
    changed = [each for each in later if has_changed_list(each)]
    facts.cleared_by = next((each for each in changed if each.kind == "clear"), None)
    undo = next((each for each in changed if each.undo_of == run.run_id), None)
    if cleared := facts.cleared_by:
        if cleared.state in SUCCEEDED:
            facts.tell(f"Run {cleared.run_id} has taken out of the list whom the export had put there.")
        else:
            facts.tell(
                f"Run {cleared.run_id} was to take out of the list whom the export had put there, and is "
                f"{cleared.state}: it may have taken out some of them."
            )
    if undo and undo.state in SUCCEEDED:
        facts.tell(f"Run {undo.run_id} has undone it: whom it had added was taken out of the list again.")
    elif undo:
        facts.tell(
            f"Run {undo.run_id} was to undo it, and is {undo.state}: it may have taken out some of those whom it had "
            "added."
        )


def _look_into_report(app: App, run: Run, facts: Facts) -> None:
    if not run.rejected_id:
        return
    digests = set() if facts.is_of_customer else facts.person.digests
    facts.reported = rows_of(app.storage.app_blobs, run.run_id, run.rejected_id, digests, facts.person.customer_id)
    _look_for_unnamed(app, run, facts)
    if not facts.reported:
        facts.tell(f"Run {run.run_id}: none of its rejected rows has this {facts.words}.")
    facts.tell_rows(facts.reported, lambda row: _row_text(run, row))


def _row_text(run: Run, row: RejectedRow) -> str:
    """What became of the row: of a warning, what would become of it where the run has sent nobody."""
    outcomes = _OUTCOMES[row.outcome]
    if row.outcome == "sent_without_value" and not run.counts.contacts_delivered:
        outcomes = "would be sent without this value"
    return f"Run {run.run_id}: {place_of(row)}: {row.reason}, {outcomes}."


def _look_for_unnamed(app: App, run: Run, facts: Facts) -> None:
    """Brevo may count whom it rejects and not name them, and a report may not have been read."""
    rejected = run.counts.rejected_by_brevo
    named = named_by_brevo(app.storage.app_blobs, run.run_id, run.rejected_id) if rejected else 0
    unread = [batch.number for batch in app.store.batches(run) if batch.note]
    if rejected > named:
        facts.tell(f"Run {run.run_id}: Brevo rejected {counted(rejected, 'contact')} and named {named:,} of them.")
    if unread:
        facts.tell(f"Run {run.run_id}: not all of Brevo's reports were read.")
    facts.has_unnamed = rejected > named or bool(unread)


def _run_text(run: Run, newest: str) -> str:
    at = run.times.get(run.state) or run.times.get("queued")
    text = f"Run {run.run_id} is {run.state}{f' since {local_text(at)}' if at else ''}"
    if run.snapshot and newest:
        text += ", with the newest snapshot" if is_noted_by(run.snapshot, newest) else ", with an older snapshot"
    counts = run.counts
    if run.state not in SUCCEEDED and counts.contacts_to_send:
        text += f"; Brevo has confirmed {counts.contacts_confirmed:,} of {counted(counts.contacts_to_send, 'contact')}"
    return f"{text}. {run.error.message if run.error else ''}".strip()
