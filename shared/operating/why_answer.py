"""From what is known of a person to one answer: a verdict, a sentence, and what to do."""

from dataclasses import dataclass
from typing import Literal

from shared.config.models import Export
from shared.errors import masked
from shared.operating.why_facts import Facts, Removal
from shared.runs.state import SUCCEEDED, Run
from shared.runs.why_not_running import held_words

Verdict = Literal[
    "in_list",
    "blocked_in_brevo",
    "left_list",
    "removed_by_run",
    "not_in_segment",
    "filtered",
    "rejected",
    "waits_for_run",
    "not_exported_yet",
    "new_since_last_run",
    "lost_by_hand",
    "unknown",
]
_CAMPAIGN = "If a campaign has not reached them, see its own report in Brevo."
_WHO_LEAVES = "docs/sync.md says who is taken out of the list, and when, by the export's sync_mode."
_AGAIN = "Try again when Customer Insights has written all of its files."
_LOOK_AT_ROW = "docs/marketer.md says what each reason means. Correct the value where Customer Insights has it from."


@dataclass(frozen=True, slots=True)
class Answer:
    """Why a person is in the list of an export, or not. `reason` is that of the rejected row, where it is one."""

    export: str
    list_id: int
    verdict: Verdict
    reason: str | None
    sentence: str
    evidence: list[str]
    advice: str


@dataclass(frozen=True, slots=True)
class _Decision:
    verdict: Verdict
    sentence: str
    advice: str
    reason: str | None = None


def decided(facts: Facts) -> Answer:
    """The answer: what Brevo has now comes first, then the segment, then what the last run did."""
    decision = (
        _by_the_list(facts)
        or _by_the_segment(facts)
        or _by_leaving(facts)
        or _by_exclusion(facts)
        or _by_block(facts)
        or _by_waiting(facts)
        or _by_rejection(facts)
        or _by_the_last_run(facts)
    )
    export = facts.export
    return Answer(
        export.id,
        export.list_id,
        decision.verdict,
        decision.reason,
        masked(decision.sentence),
        facts.evidence,
        masked(decision.advice),
    )


def _by_the_list(facts: Facts) -> _Decision | None:
    number = facts.export.list_id
    if facts.contact is None or not facts.is_in_list:
        return None
    if facts.contact.is_blocked:
        return _blocked(f"The person is in list {number}, but blocked for e-mails in Brevo.")
    if facts.rows == []:
        if not facts.is_whole:
            return _Decision("in_list", f"The person is in list {number}. {_unread(facts)}", _AGAIN)
        sentence = f"The person is in list {number}, and not in the newest snapshot of the segment."
        return _Decision("in_list", sentence, f"{_WHO_LEAVES} {_CAMPAIGN}")
    if reason := facts.refusal:
        sentence = f"The person is in list {number}, though their row is not sent: {reason}."
        return _Decision("in_list", sentence, _WHO_LEAVES, reason)
    if facts.excluded_by:
        sentence = f"The person is in list {number}, though the export excludes them: they are in {facts.excluded_by}."
        return _Decision("in_list", sentence, _WHO_LEAVES, "excluded")
    return _Decision("in_list", f"The person is in list {number}.", _CAMPAIGN)


def _unread(facts: Facts) -> str:
    return f"No row that can be read has this {facts.words}, and the newest snapshot is not complete."


def _blocked(sentence: str) -> _Decision:
    return _Decision("blocked_in_brevo", sentence, "Nothing: the person or a colleague has blocked it in Brevo.")


def _by_the_segment(facts: Facts) -> _Decision | None:
    if facts.rows is None or facts.is_sendable or _is_for_the_run_to_say(facts):
        return None
    if not facts.rows and not facts.is_whole:
        return _Decision("unknown", _unread(facts), _AGAIN)
    is_own = facts.removal is not None and facts.removal.run.export == facts.export.id
    if not facts.rows and facts.removal and is_own and not facts.removal.undone:
        return _removed_by_mirror(facts, facts.removal)
    if not facts.rows:
        return _Decision(
            "not_in_segment",
            f"No row of the newest snapshot has this {facts.words}.",
            f"Look in Customer Insights whether the person is in the segment, and with which {facts.words}. "
            "If they are, refresh the segment.",
        )
    reason = facts.refusal
    if reason == "filtered":
        advice = "Nothing, where the column says rightly that they are not to be written to; else correct it."
        return _Decision("filtered", "The person's row is left out by source.only of the export.", advice, "filtered")
    sentence = f"The person is in the segment, but their row cannot be sent: {reason}."
    return _Decision("rejected", sentence, _LOOK_AT_ROW, reason)


def _is_for_the_run_to_say(facts: Facts) -> bool:
    """Whether an earlier row has the customer's address too: by the account a run decides which one is sent."""
    by_customer = facts.export.identify_by == "customer_id"
    return by_customer and facts.refusal == "duplicate_email" and facts.is_newest_taken


def _removed_by_mirror(facts: Facts, removal: Removal) -> _Decision:
    run = removal.run
    done = f"Run {run.run_id} removed the contact on {removal.at}"
    sentence = f"{done}, since no row of the segment has the address any more."
    if run.snapshot != facts.snapshot:
        sentence = f"{done}: its snapshot had no row of the contact to send, and the newest snapshot has none either."
    return _Decision(
        "removed_by_run",
        sentence,
        "Nothing, where the person has left the segment. Else look in Customer Insights whether they are in it, and "
        "with which address: the run after the next refresh puts them back. `segment-export undo "
        f"{run.run_id}` puts back all whom that run has removed, while no later run has changed the list.",
    )


def _by_leaving(facts: Facts) -> _Decision | None:
    list_id = facts.export.list_id
    if not _has_left(facts):
        return None
    if facts.leavers_stay_out:
        sentence = f"The person has left list {list_id}, and nobody is put back who has left."
        return _Decision("left_list", sentence, "Nothing: they do not want it. They can sign up again themselves.")
    if facts.export.put_back_leavers:
        sentence = f"The person has left list {list_id}, and the export puts back who has left."
        return _Decision("left_list", sentence, _next_time(facts))
    sentence = (
        f"The person has left list {list_id}, and the next run that sends them may put them back: none asks who left."
    )
    return _Decision("left_list", sentence, 'To leave out who has left: "leavers": "asked" in the connection.')


def _has_left(facts: Facts) -> bool:
    """By Brevo's record; by the last run where there is none, or it may be of another of the customer's contacts."""
    rejection = facts.rejection
    left_by_run = rejection is not None and rejection.reason == "left_list"
    if facts.contact is None:
        return facts.has_left or left_by_run
    is_one_of_several = facts.export.identify_by == "customer_id"
    return facts.export.list_id in facts.contact.left or (is_one_of_several and left_by_run)


def _by_exclusion(facts: Facts) -> _Decision | None:
    """No run sends the person, whatever the last one did."""
    if not facts.excluded_by:
        return None
    sentence = f"The person is in the segment, and the export excludes them: they are in {facts.excluded_by}."
    advice = "Nothing, where that is right; else take them out of it, and a run sends them."
    return _Decision("rejected", sentence, advice, "excluded")


def _by_block(facts: Facts) -> _Decision | None:
    """Brevo sends them nothing, whatever a run does."""
    if facts.contact is None or not facts.contact.is_blocked:
        return None
    return _blocked(f"The person is not in list {facts.export.list_id}, and blocked for e-mails in Brevo.")


def _by_waiting(facts: Facts) -> _Decision | None:
    """What will pass by itself, or by the next run."""
    run = facts.run
    if facts.rows is None or not facts.is_run_known:
        return None
    if run is None:
        sentence = f"The export has sent nothing to list {facts.export.list_id} yet."
        return _Decision("not_exported_yet", sentence, _run_it(facts))
    if not run.is_final:
        sentence = f"The person is in the segment, and the run {run.run_id} is {run.state}."
        wait = f"Wait for its end: `segment-export status {run.run_id}`."
        return _Decision("waits_for_run", sentence, held_words(run)[1] if run.is_held else wait)
    if not facts.is_newest_taken:
        sentence = "The person is in the newest snapshot, and no run has taken it yet."
        return _Decision("new_since_last_run", sentence, _run_it(facts))
    return None


def _run_it(facts: Facts) -> str:
    export_id = facts.export.id
    return f"Wait for its next run (`segment-export exports`), or start it: `segment-export run {export_id} --wait`."


def _next_time(facts: Facts) -> str:
    """What brings back somebody of the segment whom a run has sent before."""
    export = facts.export
    if export.sync_mode == "full":
        return "The next run puts back those who did not leave." if facts.leavers_stay_out else _run_it(facts)
    return f"No run with this sync_mode sees it. {_repair(export)}"


def _repair(export: Export) -> str:
    if export.identify_by == "email":
        return f"`segment-export verify {export.id} --repair --wait` puts them back."
    return f"After `segment-export reset {export.id}` its next run puts them back."


def _by_rejection(facts: Facts) -> _Decision | None:
    row = facts.rejection
    if row is None:
        return None
    if row.reason == "left_list":
        sentence = "The last run left out the person, who had left the list. By Brevo's record they have not any more."
        return _Decision("new_since_last_run", sentence, _run_it(facts))
    if row.reason == "blocked_new_address":
        return _blocked("The person is blocked in Brevo under another address, and was left out.")
    if row.reason == "excluded" and facts.excluded_by == "":
        sentence = "The last run left out the person, whom the export excluded, and does not exclude any more."
        return _Decision("new_since_last_run", sentence, _run_it(facts))
    by_brevo = row.outcome == "rejected_by_brevo"
    words = "Brevo rejected the person in the last run" if by_brevo else "The last run left out the person's row"
    return _Decision("rejected", f"{words}: {row.reason}.", _LOOK_AT_ROW, row.reason)


def _by_the_last_run(facts: Facts) -> _Decision:
    run = facts.run
    if facts.rows is None or run is None:
        return _Decision(
            "unknown",
            "It cannot be said: a source did not answer.",
            "The evidence says which; try again when it answers.",
        )
    if run.state not in SUCCEEDED:
        sentence = f"The last run is {run.state} and has not confirmed that the person was sent."
        return _Decision(
            "not_exported_yet", sentence, f"`segment-export status {run.run_id}` says why, and what to do."
        )
    if facts.cleared_by:
        return _cleared(facts, facts.cleared_by)
    if facts.removal and _has_counted(facts, facts.removal, run):
        return _removed_since(facts, facts.removal)
    if facts.has_unnamed:
        sentence = "The last run sent the person. Brevo rejected contacts of it without naming them: they may be one."
        return _Decision("unknown", sentence, "Look at the contact and at the import's process in Brevo.")
    if not facts.is_contact_known:
        sentence = (
            "The last run sent the person and Brevo confirmed it, but Brevo could not be asked whether it has them."
        )
        return _Decision("unknown", sentence, "Try again when Brevo answers.")
    sentence = "The person was sent and Brevo confirmed it, but they are not in the list now."
    if facts.contact is None:
        sentence = "The person was sent and Brevo confirmed it, but Brevo has no such contact now."
    advice = f"Somebody has taken them out or deleted them in Brevo since. {_next_time(facts)}"
    return _Decision("lost_by_hand", sentence, advice)


def _has_counted(facts: Facts, removal: Removal, sending: Run) -> bool:
    """Whether the removal is why the person is missing, though a run of the export has sent them.

    Whom a run of the export had removed before, a later one has sent again. Of a removal by another export it knows
    nothing: only with `full` it sends again whom it has sent before, and a repair does.
    """
    ended, sent = removal.run.times[removal.run.state], sending.times[sending.state]
    is_unseen = removal.run.export != facts.export.id and facts.export.sync_mode != "full" and not removal.is_repaired
    return ended >= sent or is_unseen


def _cleared(facts: Facts, cleared_by: Run) -> _Decision:
    """Whom a clear has taken out is known only where it came to its end: all whom nobody else keeps there."""
    sentence = (
        f"Run {cleared_by.run_id} was to take out of the list whom the export had put there, and is "
        f"{cleared_by.state}: it may have taken out the person."
    )
    if cleared_by.state in SUCCEEDED:
        at = Removal(cleared_by).at
        sentence = f"Run {cleared_by.run_id} took out of the list, on {at}, whom the export had put there."
    return _Decision("removed_by_run", sentence, _run_it(facts))


def _removed_since(facts: Facts, removal: Removal) -> _Decision:
    """What a run has done since the person was sent."""
    run, undone = removal.run, removal.undone
    sentence = f"Run {run.run_id} removed the contact on {removal.at}."
    if undone and run.state in SUCCEEDED:
        sentence = f"{sentence[:-1]}: it has undone the run {undone.run_id}, which had added it."
    elif undone:
        sentence = (
            f"Run {run.run_id} was to undo the run {undone.run_id}, which had added the contact, and is {run.state}: "
            "it may have taken out the person."
        )
    advice = _run_it(facts)
    if run.export != facts.export.id:
        advice = (
            f"The export {run.export} writes to the same list, and its sync_mode takes people out: give one of "
            f"the two another list or mode. {_repair(facts.export)}"
        )
    return _Decision("removed_by_run", sentence, advice)
