"""What mapping gives: contacts ready to be sent, and rows that are not sent with their reason."""

from dataclasses import dataclass

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
class Slice:
    """A few contacts that stand next to each other, as UTF-8: JSON objects joined by commas, a line for each place."""

    contacts: bytes
    places: bytes
    count: int
