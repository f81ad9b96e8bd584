"""What went wrong in a run, for people, and what of the segment Brevo has all the same."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from shared.counting import counted
from shared.errors import ExportError
from shared.runs.counts import Counts, accepted_text


@dataclass(frozen=True, slots=True)
class Problem:
    """A code, a sentence, an advice."""

    code: str
    message: str
    advice: str

    @classmethod
    def of(cls, error: ExportError) -> Self:
        """The problem that an error tells."""
        return cls(error.code, error.message[:2000], error.advice[:2000])

    def with_what_was_done(self, counts: Counts, unanswered: int, *, is_list_changed: bool) -> Self:
        """The same, with what Brevo has of the run, as `what_was_done` says it."""
        done = what_was_done(counts, unanswered, is_list_changed=is_list_changed)
        return replace(self, message=self.message + (done or " Nothing was sent."))


def what_was_done(counts: Counts, unanswered: int, *, is_list_changed: bool) -> str:
    """What Brevo has of a run; empty where it has nothing, so that the list is as it was.

    `unanswered` contacts were posted, and nobody knows what Brevo has of them. `is_list_changed`: the run has begun to
    take contacts out of the list, or to put them back; how many are done is noted now and then.
    """
    found = f" {accepted_text(counts)}" if counts.contacts_delivered else ""
    for done, of, what in (
        (counts.contacts_removed, counts.contacts_to_remove, "taken out of"),
        (counts.contacts_added, counts.contacts_to_add, "put back into"),
    ):
        if done:
            found += f" At least {counted(done, 'contact')} {'was' if done == 1 else 'were'} {what} the list."
        elif of and is_list_changed:
            found += f" Some contacts may have been {what} the list."
    if unanswered:
        found += f" {unanswered:,} contacts may have been sent: Brevo's answer did not come, or their import failed."
    return found


NOTHING_TO_DO = Problem("nothing_to_do", "There is nothing to do: nobody is new, has changed, or is to be removed.", "")
"""What a plan ends with that would send nobody and remove nobody."""


def no_rows(segments: Iterable[str]) -> Problem:
    """What a run ends with whose segments have nobody: no guard is asked then."""
    names = ", ".join(segments)
    advice = "Nothing was sent. Look at the segment in Customer Insights if this is not what you expect."
    return Problem("segment_empty", f"The snapshot of {names[:500]} has no rows.", advice)
