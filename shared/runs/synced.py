"""What a staged run notes of how it differs from what was known of its list."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.runs.state import Run

if TYPE_CHECKING:
    from shared.sync.difference import Difference


@dataclass(frozen=True, slots=True)
class Synced:
    """How a staged run differs from what was known. `etag` is the known ledger's; `is_first` in its mode."""

    etag: str
    is_first: bool
    sends_all: bool
    difference: "Difference"

    def noted_in(self, run: Run) -> Run:
        """The run with these numbers."""
        found = self.difference
        counts = replace(
            run.counts,
            contacts_new=found.new,
            contacts_changed=found.changed,
            contacts_unchanged=found.unchanged,
            contacts_up_to_date=0 if self.sends_all else found.unchanged,
            contacts_to_remove=found.to_remove,
        )
        return replace(
            run,
            counts=counts,
            keeps_ledger=True,
            ledger_etag=self.etag,
            list_before=found.members_before,
            list_after=found.members_after,
        )
