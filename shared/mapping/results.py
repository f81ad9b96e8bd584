"""What mapping gives: contacts ready to be sent, and rows that are not sent with their reason."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from shared.mapping.origins import Origins

# Reasons for which a row is not sent, and for which it is sent without a value.
NOT_SENT = ("missing_email", "invalid_email", "duplicate_email", "malformed_row", "invalid_encoding")
WARNINGS = ("invalid_phone", "duplicate_phone", "invalid_date", "invalid_number", "invalid_boolean")


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that is not sent, or is sent without a value (then it is a warning)."""

    segment: str
    file: str
    line: int
    reason: str
    field: str
    customer_id: str
    email: str | None


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

    rows_read = contacts_mapped + rows_merged + rows_filtered + the sum of rows_rejected.
    """

    rows_read: int = 0
    rows_merged: int = 0
    rows_filtered: int = 0
    rows_rejected: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    contacts_mapped: int = 0

    @classmethod
    def of(cls, rows_read: int, reasons: Counter[str]) -> Self:
        """The counts of rows that ended for these reasons."""
        return cls(
            rows_read=rows_read,
            rows_merged=reasons["merged"],
            rows_filtered=reasons["filtered"],
            rows_rejected={reason: reasons[reason] for reason in NOT_SENT if reasons[reason]},
            warnings={reason: reasons[reason] for reason in WARNINGS if reasons[reason]},
            contacts_mapped=reasons["contact"],
        )
