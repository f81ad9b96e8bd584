"""What mapping gives: contacts ready to be sent, and rows that are not sent with their reason."""

from dataclasses import dataclass
from pathlib import Path

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
