"""What holds a run that is probably a mistake, until a person approves it. With --accept it was approved beforehand."""

from collections.abc import Mapping

from shared.app import App
from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.counting import counted
from shared.errors import ConfigurationError, shown
from shared.mapping.results import FieldCounts, RowCounts
from shared.runs.batch import Batch
from shared.runs.counts import Counts
from shared.runs.problem import Problem
from shared.runs.state import Run
from shared.runs.store import Success
from shared.runs.synced import Synced
from shared.runs.verifying import Verified

OURS = "members whom we have put there"
_APPROVE = "If this is right, approve the run."
_ACCEPT = "If this is right, run the export again with --accept."
PLAN = Problem("plan", "It is a plan: nothing is sent until a person approves it.", "")


def why_held(
    app: App,
    ready: ReadyExport,
    before: Run,
    staged: Run,
    fields: list[FieldCounts],
    gap: str,
    synced: Synced | Verified | None,
) -> Problem | None:
    """Why a run that is staged waits for a person: a guard stops it, or it is a plan. None where it goes on.

    `before` is the run as it was before it was staged; where it was approved, with the numbers that were shown.
    `gap` says which numbers of the snapshot's files are missing, `synced` how the run differs from what was known.
    """
    try:
        if before.is_approved:
            _check_shown(before.counts, staged.counts, synced)
        if staged.is_guarded and not staged.is_approved:
            _check(ready.export, staged, fields, gap, app.store.success(staged.export))
            if isinstance(synced, Synced):
                _check_removals(ready.export, synced)
    except ConfigurationError as error:
        return Problem.of(error)
    return PLAN if staged.is_to_be_held else None


def _check(export: Export, staged: Run, fields: list[FieldCounts], gap: str, before: Success | None) -> None:
    """Raises ConfigurationError for the first guard that stops the run."""
    if not export.source.gaps_allowed:
        check_gaps(gap)
    check_agreed(export, staged.counts)
    if before and export.erase_empty:
        check_emptied(export, staged.filled, staged.counts.contacts_mapped, before)
    check_staged(export, staged.counts, staged.notes, before)
    check_warnings(export, fields, staged.notes)


def _check_shown(before: Counts, now: Counts, synced: Synced | Verified | None) -> None:
    """Raises ConfigurationError where a run that was approved would do more than it has shown."""
    more = synced.difference.not_shown if isinstance(synced, Synced) else 0
    if more:
        raise ConfigurationError(
            "plan_outgrown",
            f"{counted(more, 'contact')} would be sent beyond what was approved: they were left out then.",
            "Look at the numbers again, and approve the run once more.",
        )
    if now.contacts_to_send > before.contacts_to_send or now.contacts_to_remove > before.contacts_to_remove:
        raise ConfigurationError(
            "plan_outgrown",
            f"{counted(now.contacts_to_send, 'contact')} would be sent and {now.contacts_to_remove:,} taken out of the "
            f"list: {before.contacts_to_send:,} and {before.contacts_to_remove:,} were approved.",
            "Look at the numbers again, and approve the run once more.",
        )


def _check_removals(export: Export, synced: Synced) -> None:
    """Checks whom a run would take out of the list. Raises ConfigurationError."""
    found, is_exact = synced.difference, export.sync_mode == "mirror_exact"
    members = counted(found.members_before or 0, "member")
    if is_exact and synced.is_first:
        raise ConfigurationError(
            "guard_first_mirror_exact",
            f"The first run with mirror_exact would take {found.to_remove:,} of {members} out of the list, no matter "
            "who has put them there.",
            _APPROVE,
        )
    of, whose = (found.members_before or 0, "members") if is_exact else (found.ours, OURS)
    check_removed(export, found.to_remove, of, whose, "Look at the segment in Customer Insights.")


def check_removed(export: Export, to_remove: int, of: int, whose: str, advice: str) -> None:
    """Raises ConfigurationError where too many are to be taken out of a list, or all `of` them."""
    if to_remove and (to_remove == of or to_remove > export.max_removed * of):
        raise ConfigurationError(
            "guard_max_removed",
            f"{to_remove:,} of the list's {of:,} {whose} would be taken out of it, more than max_removed "
            f"({export.max_removed:g}) allows.",
            f"{advice} {_APPROVE}",
        )


def check_gaps(gap: str) -> None:
    """`gap` says which numbers of the files are missing. Raises ConfigurationError unless it is empty."""
    if gap:
        raise ConfigurationError(
            "guard_gap_in_files",
            gap,
            "Let Customer Insights export the segment again, or set source.gaps_allowed where files are numbered so by "
            f"design. {_APPROVE}",
        )


def check_agreed(export: Export, counts: RowCounts) -> None:
    """Raises ConfigurationError where `source.only` leaves out every row: its words may not be the column's."""
    if counts.rows_filtered == counts.rows_read:
        columns = " and ".join(shown(each.column) for each in export.source.only)
        raise ConfigurationError(
            "guard_nobody_agreed",
            f"None of the {counts.rows_read:,} rows has what source.only asks for in {columns[:500]}.",
            f"Compare its words with those in the column. {_APPROVE}",
        )


def check_staged(export: Export, counts: RowCounts, notes: list[str], before: Success | None) -> None:
    """Checks what a run would send, before its first import. Raises ConfigurationError."""
    contacts = counts.contacts_mapped
    rows_read, rows_rejected = counts.rows_read - counts.rows_filtered, sum(counts.rows_rejected.values())
    if export.max_profiles is not None and contacts > export.max_profiles:
        raise ConfigurationError(
            "guard_max_profiles",
            f"The segment has {contacts:,} contacts, more than max_profiles ({export.max_profiles:,}).",
            f"Raise max_profiles. {_APPROVE}",
        )
    if rows_read and rows_rejected > export.max_rejected * rows_read:
        raise ConfigurationError(
            "guard_max_rejected",
            f"{rows_rejected:,} of {rows_read:,} rows are rejected, more than max_rejected ({export.max_rejected:g}).",
            " ".join([*notes[:1], f"Look at the rejected rows. {_APPROVE}"]),
        )
    if before is not None and contacts < (1 - export.max_shrink) * before.contacts:
        raise ConfigurationError(
            "guard_max_shrink",
            f"The segment has {contacts:,} contacts where the last run had {before.contacts:,}: it has lost "
            f"{100 * (1 - contacts / before.contacts):.0f} %, and max_shrink lets {100 * export.max_shrink:g} % pass.",
            f"Look at the segment in Customer Insights. {_APPROVE}",
        )


def check_warnings(export: Export, fields: list[FieldCounts], notes: list[str]) -> None:
    """Checks how many values of each mapped field are lost. Raises ConfigurationError, which names the worst one."""
    worst = max((field for field in fields if field.lost), key=lambda field: field.lost / field.filled, default=None)
    if worst is None or worst.lost <= export.max_warnings * worst.filled:
        return
    raise ConfigurationError(
        "guard_max_warnings",
        f"{worst.lost:,} of {worst.filled:,} values of {worst.column[:100]} for {worst.attribute[:50]} would be lost, "
        f"more than max_warnings ({export.max_warnings:g}).",
        " ".join([*notes[:1], f"Look at the rejected rows. {_APPROVE}"]),
    )


def check_emptied(export: Export, filled: Mapping[str, int], contacts: int, before: Success) -> None:
    """Checks what empty values would erase. `filled` counts the contacts that have something for an attribute.

    Raises ConfigurationError where an attribute had values in the last run and has none now, or where the share of
    contacts that have one fell by more than max_warnings.
    """
    if not (contacts and before.contacts):
        return
    shares = {name: filled.get(name, 0) / contacts / (count / before.contacts) for name, count in before.filled.items()}
    lost = [name for name, kept in shares.items() if not kept or kept < 1 - export.max_warnings]
    if not lost:
        return
    shown = ", ".join(
        f"{name} ({before.filled[name] / before.contacts:.1%}, now {filled.get(name, 0) / contacts:.1%})"
        for name in sorted(lost)
    )
    raise ConfigurationError(
        "guard_emptied",
        f"Fewer of the {contacts:,} contacts have a value than in the last run, by more than max_warnings "
        f"({export.max_warnings:g}) allows: {shown[:500]}. erase_empty would erase the others in Brevo.",
        f"Look at the columns in Customer Insights. {_APPROVE}",
    )


def check_confirmed(export: Export, counts: Counts, batches: list[Batch]) -> None:
    """Checks what Brevo has rejected, once it was sent. Raises ConfigurationError.

    Of all contacts that it has had so far, also by earlier runs: in a run of changes the few that Brevo refuses each
    time may be all that is sent. Contacts that are sent once more are counted with the batch that they are sent in.
    """
    confirmed = [batch for batch in batches if batch.state == "confirmed"]
    rejected = sum(sum(batch.rejected.values()) for batch in confirmed)
    contacts = sum(batch.contacts - batch.moved for batch in confirmed) + counts.contacts_up_to_date
    if rejected > export.max_rejected * contacts:
        raise ConfigurationError(
            "guard_rejected_by_brevo",
            f"Brevo rejected {rejected:,} of the {contacts:,} contacts that it was sent so far, "
            f"more than max_rejected ({export.max_rejected:g}).",
            f"Look at the rejected rows. {_ACCEPT}",
        )
