"""A run's status, and tables, as text for people."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.cli.fitting import columns, width_of
from shared.cli.run_text import head_lines, held_lines, outcome, sync_lines, undo_lines, waiting_lines
from shared.counting import counted
from shared.runs.kinds import CHANGES_LIST
from shared.times import local_text

if TYPE_CHECKING:
    from shared.administration.exports import ListedExport
    from shared.mapping.results import RowCounts
    from shared.runs.problem import Problem
    from shared.runs.status import RunStatus
    from shared.staging.preview import Preview


# What a verification finds that is not as the segment wants it: others' members, and who has left, are no fault.
_WRONG = {"missing_in_list", "surplus_ours"}


def status_text(run: "RunStatus") -> str:
    """The whole story of a run in a few lines."""
    lines = [f"{run.run_id}  {outcome(run)}"]
    if run.error:
        lines += _problem("reason" if run.status == "skipped" else "error", run.error)
    lines += held_lines(run) if run.status == "held" else waiting_lines(run)
    if run.kind_words:
        lines.append(f"  kind       {run.kind_words}")
    lines += head_lines(run)
    lines += undo_lines(run) if run.kind in CHANGES_LIST else [*_snapshot(run), *_rows(run), *sync_lines(run)]
    lines += _reasons("list", run.list_differences)
    if run.kind == "verify" and run.status.startswith("succeeded") and not _WRONG & run.list_differences.keys():
        lines.append("  found      nobody is missing, and nobody whom this export has put there has left the segment")
    if run.batches:
        lines += _contacts(run)
    if run.allowance:
        lines.append(f"  account    {run.allowance} (e-mails and texts to send, not contacts)")
    lines += [f"  note       {note}" for note in run.notes]
    if run.rejected or run.warnings or run.contacts_left_out or run.list_differences:
        lines.append(f"  row by row: segment-export rejects {run.run_id}")
    return "\n".join(lines)


def _snapshot(run: "RunStatus") -> list[str]:
    files = ", ".join(
        f"{part.name} ({counted(part.rows, 'row')} in {counted(part.files, 'file')})" for part in run.segments
    )
    return [f"  snapshot   {run.snapshot}  {files}"] if run.snapshot else []


def _rows(run: "RunStatus") -> list[str]:
    return [
        f"  rows       {run.rows_read:,} read = {run.contacts_mapped:,} contacts"
        f" + {run.rows_merged:,} merged + {sum(run.rows_rejected.values()):,} rejected"
        + (f" + {run.rows_filtered:,} filtered by source.only" if run.rows_filtered else ""),
        *_rejections(run, is_sent=bool(run.contacts_delivered)),
    ]


def _rejections(counts: "RowCounts", *, is_sent: bool) -> list[str]:
    return [
        *_reasons("rejected", counts.rows_rejected),
        *_reasons("left out", counts.contacts_left_out, "contacts that were not sent"),
        *_reasons("warnings", counts.warnings, f"{'' if is_sent else 'would be '}sent without that value"),
    ]


def _contacts(run: "RunStatus") -> list[str]:
    return [
        f"  contacts   {run.contacts_delivered:,} delivered = {run.contacts_confirmed:,} confirmed"
        f" + {run.rejected_by_brevo:,} rejected by Brevo + {run.open_contacts:,} open",
        *_reasons("by Brevo", run.contacts_rejected_by_brevo),
        f"  traffic    {counted(run.batches, 'import')}, {counted(run.requests, 'request')},"
        f" {run.bytes_sent / 1e6:,.1f} MB",
    ]


def _problem(title: str, problem: "Problem") -> list[str]:
    advice = [f"  what to do {problem.advice}"] if problem.advice else []
    return [f"  {title:<10} {problem.message}", *advice]


def exports_text(exports: Sequence["ListedExport"]) -> str:
    """The exports as a table: the facts that the API gives too."""
    head = ("EXPORT", "CONNECTION", "LIST", "SCHEDULE", "LAST RUN", "AT", "LAST SUCCESS", "NEXT DUE", "WHY NOT NOW")
    return table(
        head,
        [
            (
                export.id,
                export.connection or "detached",
                export.list_id,
                export.schedule_text,
                export.last_run.status if export.last_run else "never",
                time_text(export.last_run.started_at if export.last_run else None),
                time_text(export.last_success.finished_at if export.last_success else None),
                time_text(export.next_due),
                export.why_not_running.text if export.why_not_running else _under_way(export),
            )
            for export in exports
        ],
    )


def _under_way(export: "ListedExport") -> str:
    return f"A run is under way. What it does: segment-export status {export.id}"


def time_text(time: str | None) -> str:
    """The time as this machine shows it; empty where there is none."""
    return local_text(time) if time else ""


def preview_text(preview: "Preview") -> str:
    """A preview for people."""
    lines = [
        f"{preview.export}: snapshot {preview.snapshot}, {preview.rows_read:,} rows,"
        f" {preview.contacts_mapped:,} contacts; nothing was sent"
    ]
    if preview.rows_merged:
        lines.append(f"  merged     {preview.rows_merged:,} (the same address in another segment)")
    if preview.rows_filtered:
        lines.append(f"  filtered   {preview.rows_filtered:,} (left out by source.only)")
    lines += _rejections(preview, is_sent=False)
    lines += [f"  note       {note}" for note in preview.notes]
    for contact in preview.contacts:
        values = "  ".join(f"{name}={value}" for name, value in contact.attributes.items())
        lines.append(f"  {contact.email}  {values}")
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table for standard output, which fits the terminal there; see `fitting.columns`."""
    return columns(head, rows, width_of(sys.stdout))


def _reasons(title: str, counts: dict[str, int], suffix: str = "") -> list[str]:
    if not counts:
        return []
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
    return [f"  {title:<10} {reasons}{f' ({suffix})' if suffix else ''}"]
