"""What mapping gives: contacts ready to be sent, and rows that are not sent with their reason."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from shared.mapping.origins import Origins

# Reasons for which a row is not sent, and for which it is sent without a value.
NOT_SENT = (
    "missing_email",
    "invalid_email",
    "duplicate_email",
    "missing_customer_id",
    "duplicate_customer_id",
    "malformed_row",
    "invalid_encoding",
)
WARNINGS = (
    "invalid_phone",
    "duplicate_phone",
    "invalid_date",
    "invalid_number",
    "invalid_boolean",
    "invalid_category",
    "invalid_multiple_choice",
    "text_too_long",
)
# Reasons for which a well-formed contact is left out.
LEFT_OUT = ("left_list", "excluded", "blocked_new_address", "address_of_another")

# What became of such a row.
Outcome = Literal["not_sent", "sent_without_value", "rejected_by_brevo"]


def outcome_of(reason: str) -> Outcome:
    """What becomes of a row with this reason, unless it is known that Brevo took the contact in the end."""
    if reason.startswith("brevo_"):
        return "rejected_by_brevo"
    return "sent_without_value" if reason in WARNINGS else "not_sent"


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that is not sent, is left out or sent without a value (then it is a warning), or that Brevo rejects.

    `field` is the column at fault; `attribute`, of a warning that mapping gives, the one that goes without the value.
    """

    segment: str
    file: str
    line: int
    reason: str
    field: str
    customer_id: str
    email: str | None
    outcome: Outcome = "not_sent"
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """How many contacts have something for a mapped field, and of how many of them it, or a part of it, is not sent."""

    attribute: str
    column: str
    filled: int
    lost: int


@dataclass(frozen=True, slots=True)
class MappedChunk:
    """A chunk's contacts, in two files of UTF-8 text that the next chunk overwrites.

    `contacts` has a line for each: a JSON object and a comma. `places` has one for each, too: the number of its row in
    the chunk, a tab, its customer id. `origins` gives the file and line of a row.
    """

    contacts: Path
    places: Path
    origins: Origins


@dataclass(frozen=True, slots=True)
class SegmentRows:
    """One segment of a snapshot: how many files and rows it has."""

    name: str
    files: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class RowCounts:
    """The results of a snapshot's rows; dictionaries count by reason.

    rows_read = contacts_mapped + rows_merged + rows_filtered + the sum of rows_rejected; contacts_mapped =
    contacts_new + contacts_changed + contacts_unchanged + the sum of contacts_left_out. All that are sent are new:
    nothing is known of those before.
    """

    rows_read: int = 0
    rows_merged: int = 0
    rows_filtered: int = 0
    rows_rejected: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    contacts_mapped: int = 0
    contacts_new: int = 0
    contacts_changed: int = 0
    contacts_unchanged: int = 0
    contacts_left_out: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows_read: int, reasons: Counter[str]) -> Self:
        """The counts of rows that ended for these reasons."""
        left_out = {reason: reasons[reason] for reason in LEFT_OUT if reasons[reason]}
        return cls(
            rows_read=rows_read,
            rows_merged=reasons["merged"],
            rows_filtered=reasons["filtered"],
            rows_rejected={reason: reasons[reason] for reason in NOT_SENT if reasons[reason]},
            warnings={reason: reasons[reason] for reason in WARNINGS if reasons[reason]},
            contacts_mapped=reasons["contact"] + sum(left_out.values()),
            contacts_new=reasons["contact"],
            contacts_left_out=left_out,
        )
