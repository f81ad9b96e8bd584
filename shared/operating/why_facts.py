"""What is known of a person and an export's list, from every source."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.brevo.single_contacts import SingleContact
from shared.config.models import Export
from shared.errors import masked
from shared.mapping.results import WARNINGS, RejectedRow
from shared.operating.person import Person
from shared.runs.state import Run
from shared.segments.snapshot import is_noted_by
from shared.staging.rejected import plain_cell
from shared.times import local_text

_MOST_ROWS = 10
# Of a customer's rows a run sends one of these, unless its report names all of them.
_ONE_OF_THEM = ("contact", "duplicate_email", "duplicate_customer_id")


@dataclass(frozen=True, slots=True)
class Removal:
    """A run that has taken the person out of the list: one that mirrors its segment, or the undo of `undone`.

    It may be of another export of the list. `is_repaired`: a repair by the person's own export has looked since.
    """

    run: Run
    undone: Run | None = None
    is_repaired: bool = False

    @property
    def at(self) -> str:
        """When it ended."""
        return local_text(self.run.times[self.run.state])


@dataclass
class Facts:
    """What the sources say. `rows` is None where the segments could not be read; `is_whole` is of the snapshot.

    `rows` are those of the newest snapshot, of every fate; `reported` those in the last run's report. `has_unnamed`:
    Brevo may have rejected somebody in that run who is in no report. `newest_changes_nothing`: a plan of the newest
    snapshot has found nothing to do. `excluded_by` is the excluded segment or list that has the person; empty where
    none has, None where that is not known. `leavers_stay_out`: no run puts back who has left the list. `cleared_by` is
    the newest run since then that has taken out of the list whom the export had put there, or has begun to.
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
    newest_changes_nothing: bool = False
    excluded_by: str | None = None
    leavers_stay_out: bool = True
    contact: SingleContact | None = None
    is_contact_known: bool = False
    has_left: bool = False
    removal: Removal | None = None
    cleared_by: Run | None = None
    evidence: list[str] = field(default_factory=list)

    @property
    def is_of_customer(self) -> bool:
        """True where the person is the customer with an id, not anybody with the address."""
        return bool(self.person.customer_id) and self.export.identify_by == "customer_id"

    @property
    def words(self) -> str:
        """What the person is looked for by."""
        return "customer id" if self.is_of_customer else self.person.words

    def tell(self, text: str) -> None:
        """Adds to the evidence; a file's name may hold an address."""
        self.evidence.append(masked(text))

    def tell_rows(self, rows: list[RejectedRow], text: Callable[[RejectedRow], str]) -> None:
        """The same for rows, of which the first are listed."""
        for row in rows[:_MOST_ROWS]:
            self.tell(text(row))
        if len(rows) > _MOST_ROWS:
            self.tell(f"And {len(rows) - _MOST_ROWS:,} rows more.")

    @property
    def is_in_list(self) -> bool:
        """True where Brevo says that the person is in the list."""
        return self.contact is not None and self.export.list_id in self.contact.lists

    @property
    def is_sendable(self) -> bool:
        """True where the newest snapshot has a row of the person that a run sends."""
        return any(row.reason == "contact" for row in self.rows or ())

    @property
    def refusal(self) -> str:
        """Why none of the person's rows is sent; empty where one is, and where there is none or none is known."""
        reasons = [row.reason for row in self.rows or ()]
        if self.is_sendable or not reasons:
            return ""
        return next((reason for reason in reasons if reason != "filtered"), "filtered")

    @property
    def is_newest_taken(self) -> bool:
        """True where the last run took the newest snapshot, or that changes nothing, or the newest one is not known."""
        is_taken = not self.snapshot or self.newest_changes_nothing
        return self.run is not None and (is_taken or is_noted_by(self.run.snapshot, self.snapshot))

    @property
    def rejection(self) -> RejectedRow | None:
        """Why the last run did not send the person, or Brevo did not take them; None where another row was sent."""
        refused = [row for row in self.reported if row.reason not in WARNINGS and row.outcome != "sent_without_value"]
        if self.is_of_customer:
            named = {_place(row) for row in refused}
            was_sent = any(_place(row) not in named for row in self.rows or () if row.reason in _ONE_OF_THEM)
            return None if was_sent else next(iter(refused), None)
        return next((row for row in refused if not (self.is_sendable and row.reason == "duplicate_email")), None)


def _place(row: RejectedRow) -> tuple[str, str, int]:
    """Where a row stands, as a report names it."""
    return plain_cell(row.segment), plain_cell(masked(row.file)), row.line


def place_of(row: RejectedRow) -> str:
    """Where a person's row stands."""
    cell = plain_cell(row.customer_id)
    customer = f", customer {cell}" if cell else ""
    return f"segment {row.segment}, file {row.file}, line {row.line:,}{customer}"
