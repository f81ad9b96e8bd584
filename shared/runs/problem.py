"""What went wrong in a run, for people, and what of the segment Brevo has all the same."""

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

    def with_what_was_sent(self, counts: Counts, unanswered: int) -> Self:
        """The same, with what Brevo has. `unanswered` contacts were posted, and nobody knows what Brevo has of them."""
        sent = ""
        if counts.contacts_delivered:
            sent = f" {accepted_text(counts)}"
        for done, what in ((counts.contacts_removed, "taken out of"), (counts.contacts_added, "put back into")):
            if done:
                sent += f" At least {counted(done, 'contact')} {'was' if done == 1 else 'were'} {what} the list."
        if unanswered:
            sent += f" {unanswered:,} contacts may have been sent: Brevo's answer did not come, or their import failed."
        return replace(self, message=self.message + (sent or " Nothing was sent."))


NOTHING_TO_DO = Problem("nothing_to_do", "There is nothing to do: nobody is new, has changed, or is to be removed.", "")
"""What a plan ends with that would send nobody and remove nobody."""
