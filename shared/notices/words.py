"""A run's end, or that it is held, in words for a marketer: what happened, how many customers it affects, what to do.

No address, name or number of a person gets in: a notice holds counts, the configuration's own names, and the run's
error in words that quote no file. Who started the run may be an address, and is left out.
"""

from shared.config.notifications import Event
from shared.counting import counted
from shared.notices.notice import Notice
from shared.runs.kinds import command_again
from shared.runs.problem import Problem, what_was_done
from shared.runs.state import Run
from shared.times import local_text

REASON_WORDS = {
    "missing_email": "no e-mail address",
    "invalid_email": "an e-mail address that cannot be right",
    "duplicate_email": "the same e-mail address twice in a segment",
    "missing_customer_id": "no customer id",
    "duplicate_customer_id": "the same customer twice",
    "malformed_row": "a broken line in the file",
    "invalid_encoding": "characters that cannot be read",
    "brevo_invalid_email": "an e-mail address that Brevo does not take",
    "brevo_duplicate_phone": "a phone number that another contact at Brevo has",
    "brevo_duplicate_email": "an e-mail address that another contact at Brevo has",
    "brevo_duplicate_customer": "a customer id that another contact at Brevo has",
    "brevo_other": "refused by Brevo for another reason",
}
# Errors that name a file's columns, which are a customer's values where there is no header, worded without them.
WITHOUT_COLUMNS = {
    "column_missing": "A mapped column is not in the segment.",
    "column_twice": "The segment has a column twice.",
    "header_missing": "The segment's file has no header.",
    "header_differs": "The segment's files have different columns.",
    "attributes_missing": "The Brevo account lacks an attribute that the export sends.",
    "attributes_changed": "Somebody has made an attribute in the Brevo account meanwhile.",
    "guard_max_warnings": "Most values of a mapped column would be lost.",
}
_TITLES: dict[Event, str] = {
    "failed": "the export failed",
    "guard": "the export was stopped, to be safe",
    "held": "the export waits for approval",
    "expired": "nobody approved the export in time",
    "rejections": "customers were left out",
    "recovered": "the export works again",
}


def run_notice(event: Event, run: Run, name: str, before: Run | None, since: Run | None = None) -> Notice:
    """The notice of this event. `name`: what people call the export; `before`: the run before, where it matters.

    `since` is a run that has gone through since this one failed: a notice may come late, where its receiver was away.
    """
    if event == "rejections":
        sentences, advice = _rejections(run), _look_at_rejected(run)
        customers: int | None = run.counts.rejected
    elif event == "recovered":
        sentences, advice = _recovered(run, before), "No action needed."
        customers = run.counts.in_list
    elif run.held_for and run.state != "failed":
        sentences, customers = _held(run, run.held_for), run.counts.contacts_to_send + run.counts.contacts_to_remove
        again = f"To look again: {command_again(run.kind, run.export, run.undo_of)}"
        advice = _how_to_decide(run) if run.is_held else again
    else:
        sentences, advice, customers = _failed(run)
    if since:
        sentences.append(f"The run of {local_text(since.times['queued'])} has gone through since.")
        advice = "No action needed."
    return Notice(
        event=event,
        title=f"{name}: {_TITLES[event]}",
        sentences=tuple(sentences),
        advice=advice,
        occurred_at=run.times[run.state],
        is_good=event == "recovered",
        customers=customers,
        facts=_facts(run, name),
        data=_data(run, name),
    )


def _failed(run: Run) -> tuple[list[str], str, int | None]:
    """Sentences, advice, and how many customers have not been confirmed, or not been taken out of the list as they were
    to be, where the segment was read so far.
    """
    code, words, advice = (run.error.code, run.error.message, run.error.advice) if run.error else ("", "", "")
    if code in WITHOUT_COLUMNS:
        words, advice = WITHOUT_COLUMNS[code], f"The run's status says which: segment-export status {run.run_id}"
    sentences = [words] if words else []
    total = run.counts.contacts_to_send if run.counts.contacts_mapped else run.counts.rows_read
    missing = total - run.counts.contacts_delivered - run.unanswered
    if not what_was_done(run.counts, run.unanswered, is_list_changed=run.is_list_changed):
        who = f"None of the {total:,} customers" if total else "No customer of the segment"
        sentences.append(f"{who} was sent: the list is as it was.")
    elif missing > 0:
        sentences.append(f"{missing:,} of {total:,} customers have not reached Brevo.")
    to_leave = run.counts.contacts_to_remove - run.counts.contacts_removed
    affected = total - run.counts.contacts_confirmed + to_leave
    return sentences, advice or "Run the export again.", affected if total or to_leave else None


def _held(run: Run, why: Problem) -> list[str]:
    """What a held run would send or have sent, and why it is held."""
    counts, sends = run.counts, "would send" if run.is_held else "would have sent"
    rejected, left_out = sum(counts.rows_rejected.values()), sum(counts.contacts_left_out.values())
    verb = "takes" if run.is_held else "would have taken"
    removals = f" It {verb} {counts.contacts_to_remove:,} out of the list." if counts.contacts_to_remove else ""
    return [
        WITHOUT_COLUMNS.get(why.code, why.message),
        f"The run {sends} {counted(counts.contacts_to_send, 'contact')} of {counted(counts.rows_read, 'row')}: "
        f"{rejected:,} rows are rejected, {left_out:,} contacts are left out.{removals}",
        "Nothing was sent: the list is as it was.",
    ]


def _how_to_decide(run: Run) -> str:
    return (
        f"Until {local_text(run.held_until)}, to send it: segment-export approve {run.run_id} · "
        f"to reject it: segment-export cancel {run.run_id}"
    )


def _rejections(run: Run) -> list[str]:
    count = run.counts.rejected
    reasons = sorted(
        (run.counts.rows_rejected | run.counts.contacts_rejected_by_brevo).items(), key=lambda item: -item[1]
    )
    why = "; ".join(f"{REASON_WORDS.get(reason, reason)} ({number:,})" for reason, number in reasons)
    share = f"{count / run.counts.rows_read:.1%}"
    return [
        f"The export went through, but {count:,} of {run.counts.rows_read:,} rows ({share}) were left out.",
        f"Why: {why}.",
        _in_the_list(run),
    ]


def _look_at_rejected(run: Run) -> str:
    return (
        "Correct them in the system that feeds Customer Insights. The report of rejected rows names each one's segment,"
        f" file and line, and no address: segment-export rejects {run.run_id}"
    )


def _recovered(run: Run, before: Run | None) -> list[str]:
    failed = f", after the one of {local_text(before.times['queued'])} had failed" if before else ""
    sentences = [f"The run of {local_text(run.times['queued'])} went through{failed}.", _in_the_list(run)]
    if count := run.counts.rejected:
        sentences.append(f"{count:,} of {run.counts.rows_read:,} rows were left out.")
    return sentences


def _in_the_list(run: Run) -> str:
    removed = f" {run.counts.contacts_removed:,} have been taken out of it." if run.counts.contacts_removed else ""
    return f"{run.counts.in_list:,} customers are in the list, confirmed by Brevo.{removed}"


def _problem(run: Run) -> Problem | None:
    return run.held_for if run.is_held else run.error


def _facts(run: Run, name: str) -> tuple[tuple[str, str], ...]:
    when = ("Held" if run.is_held else "Ended", local_text(run.times[run.state]))
    facts = [("Export", f"{name} ({run.export})"), ("Run", run.run_id), when]
    if run.counts.rows_read:
        facts += [
            ("Rows in the segment", f"{run.counts.rows_read:,}"),
            ("In the list", f"{run.counts.in_list:,}"),
            ("Left out", f"{run.counts.rejected:,}"),
        ]
    if run.counts.contacts_to_remove:
        removed = f"{run.counts.contacts_removed:,} of {run.counts.contacts_to_remove:,}"
        facts.append(("Taken out of the list", removed))
    if problem := _problem(run):
        facts.append(("Code", problem.code))
    return tuple(facts)


def _data(run: Run, name: str) -> dict[str, str | int | None]:
    return {
        "run_id": run.run_id,
        "export": run.export,
        "display_name": name,
        "status": run.state,
        "code": problem.code if (problem := _problem(run)) else None,
        "rows_read": run.counts.rows_read,
        "rows_rejected": sum(run.counts.rows_rejected.values()),
        "contacts_mapped": run.counts.contacts_mapped,
        "contacts_new": run.counts.contacts_new,
        "contacts_changed": run.counts.contacts_changed,
        "contacts_unchanged": run.counts.contacts_unchanged,
        "contacts_delivered": run.counts.contacts_delivered,
        "contacts_confirmed": run.counts.contacts_confirmed,
        "contacts_rejected_by_brevo": run.counts.rejected_by_brevo,
        "contacts_to_remove": run.counts.contacts_to_remove,
        "contacts_removed": run.counts.contacts_removed,
    }
