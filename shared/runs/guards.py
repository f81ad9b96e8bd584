"""What holds a run that is probably a mistake, until a person approves it. With --accept it was approved beforehand."""

import hashlib
from collections.abc import Iterable, Iterator

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
_MARK_CHARACTERS = 12
_APPROVE = "If this is right, approve the run."
_ACCEPT = "If this is right, run the export again with --accept."
PLAN = Problem("plan", "It is a plan: nothing is sent until a person approves it.", "")


def why_held(
    app: App,
    ready: ReadyExport,
    before: Run,
    staged: Run,
    fields: list[FieldCounts],
    gaps: list[str],
    synced: Synced | Verified | None,
) -> Problem | None:
    """Why a run that is staged waits for a person: guards stop it, or it is a plan. None where it goes on.

    `before` is the run as it was before it was staged; where it was approved, with what was shown. `gaps` say which
    numbers of the snapshots' files are missing, `synced` how the run differs from what was known.
    """
    export, found = ready.export, list[ConfigurationError]()
    if before.is_approved:
        found += _beyond_what_was_shown(before, staged.counts, synced)
        found += stopped_by_gaps([] if before.accept else not_shown(before, gaps))
    elif staged.is_guarded:
        success = app.store.success(staged.export)
        removals = _stopped_by_removals(export, synced) if isinstance(synced, Synced) else ()
        found += stopped_by_segment(export, staged.counts, fields, gaps, staged.notes, success, removals)
    return problem_of(found) or (PLAN if staged.is_to_be_held else None)


def stopped_by_segment(
    export: Export,
    counts: RowCounts,
    fields: list[FieldCounts],
    gaps: list[str],
    notes: list[str],
    before: Success | None,
    removals: Iterable[ConfigurationError] = (),
) -> Iterator[ConfigurationError]:
    """What of the segment is probably not meant, and of the `removals` that it leads to.

    `before` is the last run that has succeeded. Lost values come last: a notice does not have the words of their code.
    """
    yield from stopped_by_gaps(gaps)
    if before and export.erase_empty:
        yield from _emptied(export, fields, counts.contacts_mapped, before)
    yield from _stopped_by_counts(export, counts, notes, before)
    yield from removals
    yield from _values_lost(export, fields, notes)


def problem_of(found: Iterable[ConfigurationError]) -> Problem | None:
    """What a person is shown who is to approve a run that these stop: all of it, under the code of the first."""
    problems = list(found)
    if not problems:
        return None
    advices = dict.fromkeys(each.advice.removesuffix(_APPROVE).strip() for each in problems)
    if any(each.advice.endswith(_APPROVE) for each in problems):
        advices[_APPROVE] = None
    message = " ".join(each.message for each in problems)
    return Problem.of(ConfigurationError(problems[0].code, message, " ".join(filter(None, advices))))


def not_shown(before: Run, gaps: list[str]) -> list[str]:
    """Those of the gaps that nobody was shown who has approved the run: an excluded segment has been written since.

    By their marks: what a run is held for may have more sentences than its row takes, and not those shown before it.
    """
    return [gap for gap, mark in zip(gaps, marks_of(gaps), strict=True) if mark not in before.gaps]


def marks_of(gaps: list[str]) -> list[str]:
    """A few letters for each of these sentences, by which a run's row has them: a name may be long, and they many."""
    return [hashlib.sha256(gap.encode()).hexdigest()[:_MARK_CHARACTERS] for gap in gaps]


def _beyond_what_was_shown(before: Run, now: Counts, synced: Synced | Verified | None) -> Iterator[ConfigurationError]:
    """A run that was approved would do more than it has shown."""
    shown = before.counts
    if more := synced.difference.not_shown if isinstance(synced, Synced) else 0:
        yield ConfigurationError(
            "plan_outgrown",
            f"{counted(more, 'contact')} would be sent beyond what was approved: they were left out then.",
            "Look at the numbers again, and approve the run once more.",
        )
    elif now.contacts_to_send > shown.contacts_to_send or now.contacts_to_remove > shown.contacts_to_remove:
        yield ConfigurationError(
            "plan_outgrown",
            f"{counted(now.contacts_to_send, 'contact')} would be sent and {now.contacts_to_remove:,} taken out of the "
            f"list: {shown.contacts_to_send:,} and {shown.contacts_to_remove:,} were approved.",
            "Look at the numbers again, and approve the run once more.",
        )


def _stopped_by_removals(export: Export, synced: Synced) -> Iterator[ConfigurationError]:
    """The run would take too many out of the list. Where that was not read, or not compared, it removes nobody."""
    found, is_exact = synced.difference, export.sync_mode == "mirror_exact"
    if found.members_before is None:
        return
    members = counted(found.members_before, "member")
    if is_exact and synced.is_first:
        yield ConfigurationError(
            "guard_first_mirror_exact",
            f"The first run with mirror_exact would take {found.to_remove:,} of {members} out of the list, no matter "
            "who has put them there.",
            _APPROVE,
        )
    look = "Look at the segment in Customer Insights."
    of, whose = (found.members_before, "members") if is_exact else (found.ours, OURS)
    too_many = list(stopped_by_share(export, found.to_remove, of, whose, look))
    if not too_many and found.ours_to_remove == found.ours:  # whatever share of the list they are
        too_many += stopped_by_share(export, found.ours_to_remove, found.ours, OURS, look)
    yield from too_many


def stopped_by_share(export: Export, to_remove: int, of: int, whose: str, advice: str) -> Iterator[ConfigurationError]:
    """Too many are to be taken out of a list, or all `of` them."""
    if to_remove > export.max_removed * of:
        yield ConfigurationError(
            "guard_max_removed",
            f"{to_remove:,} of the list's {of:,} {whose} would be taken out of it, more than max_removed "
            f"({export.max_removed:g}) allows.",
            f"{advice} {_APPROVE}",
        )
    elif to_remove and to_remove == of:
        yield ConfigurationError(
            "guard_max_removed",
            f"{to_remove:,} of the list's {of:,} {whose} would be taken out of it: all of them, which is held whatever "
            f"max_removed ({export.max_removed:g}) allows.",
            f"{advice} {_APPROVE}",
        )


def stopped_by_gaps(gaps: list[str]) -> Iterator[ConfigurationError]:
    """Files may be missing, as their numbers show: `gaps` has a sentence for each segment that has any."""
    if gaps:
        yield ConfigurationError(
            "guard_gap_in_files",
            " ".join(gaps),
            "Let Customer Insights export the segment again, or set source.gaps_allowed where files are numbered so by "
            f"design. {_APPROVE}",
        )


def _stopped_by_counts(
    export: Export, counts: RowCounts, notes: list[str], before: Success | None
) -> Iterator[ConfigurationError]:
    yield from _nobody_agreed(export, counts)
    contacts = counts.contacts_mapped
    rows_read, rows_rejected = counts.rows_read - counts.rows_filtered, sum(counts.rows_rejected.values())
    if export.max_profiles is not None and contacts > export.max_profiles:
        yield ConfigurationError(
            "guard_max_profiles",
            f"The segment has {contacts:,} contacts, more than max_profiles ({export.max_profiles:,}).",
            f"Raise max_profiles. {_APPROVE}",
        )
    if rows_read and rows_rejected > export.max_rejected * rows_read:
        yield ConfigurationError(
            "guard_max_rejected",
            f"{rows_rejected:,} of {rows_read:,} rows are rejected, more than max_rejected ({export.max_rejected:g}).",
            " ".join([*notes[:1], f"Look at the rejected rows. {_APPROVE}"]),
        )
    if before is not None and contacts < (1 - export.max_shrink) * before.contacts:
        yield ConfigurationError(
            "guard_max_shrink",
            f"The segment has {contacts:,} contacts where the last run had {before.contacts:,}: it has lost "
            f"{100 * (1 - contacts / before.contacts):.0f} %, and max_shrink lets {100 * export.max_shrink:g} % pass.",
            f"Look at the segment in Customer Insights. {_APPROVE}",
        )


def _nobody_agreed(export: Export, counts: RowCounts) -> Iterator[ConfigurationError]:
    """`source.only` leaves out every row: its words may not be the column's."""
    if counts.rows_read and counts.rows_filtered == counts.rows_read:
        columns = " and ".join(shown(each.column) for each in export.source.only)
        yield ConfigurationError(
            "guard_nobody_agreed",
            f"None of the {counts.rows_read:,} rows has what source.only asks for in {columns[:500]}.",
            f"Compare its words with those in the column. {_APPROVE}",
        )


def _values_lost(export: Export, fields: list[FieldCounts], notes: list[str]) -> Iterator[ConfigurationError]:
    """Too many values of a mapped field are lost: the worst one is named.

    Not by its column, which is a customer's value where there is no header: the sentence may stand in a notice.
    """
    worst = max((field for field in fields if field.lost), key=lambda field: field.lost / field.filled, default=None)
    if worst and worst.lost > export.max_warnings * worst.filled:
        yield ConfigurationError(
            "guard_max_warnings",
            f"{worst.lost:,} of {worst.filled:,} values for {worst.attribute[:50]} would be lost, "
            f"more than max_warnings ({export.max_warnings:g}).",
            " ".join([*notes[:1], f"Look at the rejected rows. {_APPROVE}"]),
        )


def _emptied(export: Export, fields: list[FieldCounts], contacts: int, before: Success) -> Iterator[ConfigurationError]:
    """Empty values would erase too much: an attribute that had values in the last run has none now, or the share of
    contacts that have one fell by more than max_warnings. One that is mapped no more is not erased.
    """
    if not (contacts and before.contacts):
        return
    now = {each.attribute: each.filled for each in fields if before.filled.get(each.attribute)}
    shares = {name: filled / contacts / (before.filled[name] / before.contacts) for name, filled in now.items()}
    lost = [name for name, kept in shares.items() if not kept or kept < 1 - export.max_warnings]
    if lost:
        fewer = ", ".join(
            f"{name} ({before.filled[name] / before.contacts:.1%}, now {now[name] / contacts:.1%})"
            for name in sorted(lost)
        )
        yield ConfigurationError(
            "guard_emptied",
            f"Fewer of the {contacts:,} contacts have a value than in the last run, by more than max_warnings "
            f"({export.max_warnings:g}) allows: {fewer[:500]}. erase_empty would erase the others in Brevo.",
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
