"""The counts of a run, under the names that the table, the API and the terminal have for them."""

from dataclasses import dataclass, field, replace
from typing import Self

from shared.counting import counted
from shared.mapping.results import RowCounts


@dataclass(frozen=True, kw_only=True)
class Counts(RowCounts):
    """All counts of a run, under the names that people and tools see. *Delivered* is what Brevo took, confirmed or not.

    contacts_delivered = contacts_confirmed + rejected_by_brevo + open_contacts. `contacts_up_to_date` are unchanged and
    therefore not sent. `contacts_not_removed` are those that Brevo has named as such. `contacts_added` were put back
    into the list by an undo, `contacts_not_added` were not: Brevo did not do it, or has them no more.
    `list_differences` are what a verification has found, by kind.
    """

    contacts_up_to_date: int = 0
    contacts_delivered: int = 0
    contacts_confirmed: int = 0
    contacts_rejected_by_brevo: dict[str, int] = field(default_factory=dict)
    contacts_to_remove: int = 0
    contacts_removed: int = 0
    contacts_not_removed: int = 0
    contacts_to_add: int = 0
    contacts_added: int = 0
    contacts_not_added: int = 0
    list_differences: dict[str, int] = field(default_factory=dict)
    batches: int = 0
    requests: int = 0
    bytes_sent: int = 0

    @property
    def contacts_to_send(self) -> int:
        """Contacts of the segment that are not left out and not up to date."""
        return self.contacts_mapped - sum(self.contacts_left_out.values()) - self.contacts_up_to_date

    @property
    def has_nothing_to_do(self) -> bool:
        """True where nobody is to be sent, taken out of the list, or put back into it."""
        return not (self.contacts_to_send or self.contacts_to_remove or self.contacts_to_add)

    @property
    def has_changed_nobody(self) -> bool:
        """True of a run that has succeeded where it has sent nobody, and has asked Brevo to remove or add nobody."""
        return self.has_nothing_to_do and not self.contacts_not_removed

    @property
    def rejected_by_brevo(self) -> int:
        """Contacts that Brevo rejected, for any reason."""
        return sum(self.contacts_rejected_by_brevo.values())

    @property
    def rejected(self) -> int:
        """Rows and contacts that are not in the list, rejected here or by Brevo."""
        return sum(self.rows_rejected.values()) + self.rejected_by_brevo

    @property
    def in_list(self) -> int:
        """Contacts of the segment that Brevo has confirmed, in this run or, as they are, in one before."""
        return self.contacts_confirmed + self.contacts_up_to_date

    @property
    def all_removed(self) -> bool:
        """True once nobody is left to be taken out of the list."""
        return self.contacts_removed >= self.contacts_to_remove

    @property
    def all_added(self) -> bool:
        """True once nobody is left to be put back into the list."""
        return self.contacts_added >= self.contacts_to_add

    @property
    def open_contacts(self) -> int:
        """Delivered contacts that Brevo has neither confirmed nor rejected."""
        return self.contacts_delivered - self.contacts_confirmed - self.rejected_by_brevo

    def plus_traffic(self, requests: int, bytes_sent: int = 0) -> Self:
        """The counts with more traffic."""
        return replace(self, requests=self.requests + requests, bytes_sent=self.bytes_sent + bytes_sent)


def accepted_text(counts: Counts) -> str:
    """What Brevo has taken, and what it has confirmed of that: to accept a contact is not to have it."""
    accepted = counted(counts.contacts_delivered, "contact")
    if counts.contacts_delivered != counts.contacts_to_send:
        accepted = f"{counts.contacts_delivered:,} of {counted(counts.contacts_to_send, 'contact')}"
    confirmed = f"{counts.contacts_confirmed:,}" if counts.contacts_confirmed else "none"
    rejected = f", and rejected {counts.rejected_by_brevo:,}" if counts.rejected_by_brevo else ""
    return f"Brevo accepted {accepted} and confirmed {confirmed}{rejected}."
