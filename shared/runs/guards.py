"""What stops a run that is probably a mistake, until a person lets it through with --accept."""

from shared.config.models import Export
from shared.errors import ConfigurationError, shown
from shared.mapping.results import RowCounts
from shared.runs.store import Success

ACCEPT = "If this is right, run the export again with --accept."


def check_gaps(gap: str) -> None:
    """`gap` says which numbers of the files are missing. Raises ConfigurationError unless it is empty."""
    if gap:
        raise ConfigurationError(
            "guard_gap_in_files",
            gap,
            "Let Customer Insights export the segment again, or set source.gaps_allowed where files are numbered so by "
            f"design. {ACCEPT}",
        )


def check_agreed(export: Export, counts: RowCounts) -> None:
    """Raises ConfigurationError where `source.only` leaves out every row: its words may not be the column's."""
    if counts.rows_filtered == counts.rows_read:
        columns = " and ".join(shown(each.column) for each in export.source.only)
        raise ConfigurationError(
            "guard_nobody_agreed",
            f"None of the {counts.rows_read:,} rows has what source.only asks for in {columns[:500]}.",
            f"Compare its words with those in the column. {ACCEPT}",
        )


def check_staged(
    export: Export, *, contacts: int, rows_read: int, rows_rejected: int, notes: list[str], before: Success | None
) -> None:
    """Checks a staged run before its first import. `rows_read` are those that were to be sent.

    Raises ConfigurationError.
    """
    if export.max_profiles is not None and contacts > export.max_profiles:
        raise ConfigurationError(
            "guard_max_profiles",
            f"The segment has {contacts:,} contacts, more than max_profiles ({export.max_profiles:,}).",
            f"Raise max_profiles. {ACCEPT}",
        )
    if rows_read and rows_rejected > export.max_rejected * rows_read:
        raise ConfigurationError(
            "guard_max_rejected",
            f"{rows_rejected:,} of {rows_read:,} rows are rejected, more than max_rejected ({export.max_rejected:g}).",
            " ".join([*notes[:1], f"Look at the rejected rows. {ACCEPT}"]),
        )
    if before is not None and contacts < (1 - export.max_shrink) * before.contacts:
        raise ConfigurationError(
            "guard_max_shrink",
            f"The segment has {contacts:,} contacts where the last run had {before.contacts:,}, "
            f"which is less than max_shrink ({export.max_shrink:g}) allows.",
            f"Look at the segment in Customer Insights. {ACCEPT}",
        )


def check_emptied(attributes: list[str], contacts: int) -> None:
    """`attributes` had values in the last run and have none now, which would erase them. Raises ConfigurationError."""
    if attributes:
        raise ConfigurationError(
            "guard_emptied",
            f"None of the {contacts:,} contacts has a value for {', '.join(attributes)[:500]}, which the last run had "
            "values for: erase_empty would erase them all in Brevo.",
            f"Look at the columns in Customer Insights. {ACCEPT}",
        )


def check_confirmed(export: Export, *, batch: int, contacts: int, rejected: int) -> None:
    """Checks a batch that Brevo has confirmed. Raises ConfigurationError."""
    if rejected > export.max_rejected * contacts:
        raise ConfigurationError(
            "guard_rejected_by_brevo",
            f"Brevo rejected {rejected:,} of the {contacts:,} contacts of batch {batch}, "
            f"more than max_rejected ({export.max_rejected:g}).",
            f"Look at the rejected rows. {ACCEPT}",
        )
