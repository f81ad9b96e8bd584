"""From what is known of a person to one answer: a verdict, a sentence, and what to do."""

from dataclasses import dataclass, field
from typing import Literal

from shared.brevo.single_contacts import SingleContact
from shared.config.models import Export
from shared.errors import masked
from shared.mapping.results import WARNINGS, RejectedRow
from shared.operating.person import Person
from shared.runs.state import SUCCEEDED, Run
from shared.runs.why_not_running import held_words
from shared.times import local_text

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
class Removal:
    """A run that has taken the person out of the list: one that mirrors its segment, or the undo of `undone`.

    It may be of another export of the list.
    """

    run: Run
    undone: Run | None = None

    @property
    def at(self) -> str:
        """When it ended."""
        return local_text(self.run.times[self.run.state])


@dataclass
class Facts:
    """What the sources say. `rows` is None where the segments could not be read; `is_whole` is of the snapshot.

    `rows` are those of the newest snapshot, of every fate; `reported` those in the last run's report. `has_unnamed`:
    Brevo may have rejected somebody in that run who is in no report. `cleared_by` is the run that has taken out of the
    list all whom the export had put there, where it was the last one.
    """

    export: Export
    person: Person
    snapshot: str = ""
    is_whole: bool = True
    rows: list[RejectedRow] | None = None
    run: Run | None = None
    is_run_known: bool = False
    reported: list[RejectedRow] = field(default_factory=list)
    has_unnamed: bool = False
    contact: SingleContact | None = None
    is_contact_known: bool = False
    has_left: bool = False
    removal: Removal | None = None
    cleared_by: Run | None = None
    evidence: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Adds to the evidence; a file's name may hold an address."""
        self.evidence.append(masked(text))

    @property
    def is_in_list(self) -> bool:
        """True where Brevo says that the person is in the list."""
        return self.contact is not None and self.export.list_id in self.contact.lists

    @property
    def is_sendable(self) -> bool:
        """True where the newest snapshot has a row of the person that a run sends."""
        return any(row.reason == "contact" for row in self.rows or ())

    @property
    def is_newest_taken(self) -> bool:
        """True where the last run took the newest snapshot, or the newest one is not known."""
        return self.run is not None and (not self.snapshot or self.run.snapshot == self.snapshot)

    @property
    def rejection(self) -> RejectedRow | None:
        """Why the last run did not send the person, or Brevo did not take them; None where another row was sent."""
        found = (row for row in self.reported if row.reason not in WARNINGS and row.outcome != "sent_without_value")
        return next((row for row in found if not (self.is_sendable and row.reason == "duplicate_email")), None)


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
        advice = f"docs/sync.md says who is taken out of the list, and when, by the export's sync_mode. {_CAMPAIGN}"
        return _Decision("in_list", f"The person is in list {number}, and no longer in the segment.", advice)
    return _Decision("in_list", f"The person is in list {number}.", _CAMPAIGN)


def _blocked(sentence: str) -> _Decision:
    return _Decision("blocked_in_brevo", sentence, "Nothing: the person or a colleague has blocked it in Brevo.")


def _by_the_segment(facts: Facts) -> _Decision | None:
    if facts.rows is None or facts.is_sendable:
        return None
    if not facts.rows and not facts.is_whole:
        sentence = f"No row that can be read has this {facts.person.words}, and the newest snapshot is not complete."
        return _Decision("unknown", sentence, "Try again when Customer Insights has written all of its files.")
    is_own = facts.removal is not None and facts.removal.run.export == facts.export.id
    if not facts.rows and facts.removal and is_own and not facts.removal.undone:
        return _removed_by_mirror(facts, facts.removal)
    if not facts.rows:
        return _Decision(
            "not_in_segment",
            f"No row of the newest snapshot has this {facts.person.words}.",
            f"Look in Customer Insights whether the person is in the segment, and with which {facts.person.words}. "
            "If they are, refresh the segment.",
        )
    refused = [row for row in facts.rows if row.reason != "filtered"]
    if not refused:
        advice = "Nothing, where the column says rightly that they are not to be written to; else correct it."
        return _Decision("filtered", "The person's row is left out by source.only of the export.", advice, "filtered")
    sentence = f"The person is in the segment, but their row cannot be sent: {refused[0].reason}."
    return _Decision("rejected", sentence, _LOOK_AT_ROW, refused[0].reason)


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
    rejection = facts.rejection
    left_by_run = rejection is not None and rejection.reason == "left_list"
    left = facts.has_left or left_by_run if facts.contact is None else facts.export.list_id in facts.contact.left
    if not left or facts.export.put_back_leavers:
        return None
    sentence = f"The person has left list {facts.export.list_id}, and nobody is put back who has left."
    return _Decision("left_list", sentence, "Nothing: they do not want it. They can sign up again themselves.")


def _by_waiting(facts: Facts) -> _Decision | None:
    """What will pass by itself, or by the next run."""
    run = facts.run
    if facts.rows is None or not facts.is_run_known:
        return None
    if run is None:
        return _Decision("not_exported_yet", "The export has not run yet.", _run_it(facts))
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


def _by_rejection(facts: Facts) -> _Decision | None:
    row = facts.rejection
    if row is None or row.reason == "left_list":
        return None
    if row.reason == "blocked_new_address":
        return _blocked("The person is blocked in Brevo under another address, and was left out.")
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
    if facts.cleared_by or (facts.removal and _has_counted(facts, facts.removal, run)):
        return _removed_since(facts)
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
    advice = "Somebody has taken them out or deleted them in Brevo since."
    if facts.export.sync_mode == "full":
        return _Decision("lost_by_hand", sentence, f"{advice} The next run puts back those who did not leave.")
    repair = f"`segment-export verify {facts.export.id} --repair --wait`"
    return _Decision("lost_by_hand", sentence, f"{advice} No run with this sync_mode sees it: {repair} puts them back.")


def _has_counted(facts: Facts, removal: Removal, sending: Run) -> bool:
    """Whether the removal is why the person is missing, though a run of the export has sent them.

    Whom a run of the export had removed before, a later one has sent again. Of a removal by another export it knows
    nothing: only with `full` it sends again whom it has sent before.
    """
    ended, sent = removal.run.times[removal.run.state], sending.times[sending.state]
    return ended >= sent or (removal.run.export != facts.export.id and facts.export.sync_mode != "full")


def _removed_since(facts: Facts) -> _Decision:
    """What runs of this app have done since the person was sent."""
    removal, cleared_by = facts.removal, facts.cleared_by
    sentence = ""
    if removal:
        sentence = f"Run {removal.run.run_id} removed the contact on {removal.at}."
    if removal and removal.undone:
        sentence = f"{sentence[:-1]}: it has undone the run {removal.undone.run_id}, which had added it."
    if cleared_by:
        at = Removal(cleared_by).at
        sentence = f"Run {cleared_by.run_id} took out of the list, on {at}, whom the export had put there."
    advice = _run_it(facts)
    if removal and removal.run.export != facts.export.id:
        repair = f"`segment-export verify {facts.export.id} --repair --wait`"
        advice = (
            f"The export {removal.run.export} writes to the same list, and its sync_mode takes people out: give one of "
            f"the two another list or mode. {repair} puts them back."
        )
    return _Decision("removed_by_run", sentence, advice)
