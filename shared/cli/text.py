"""A run's status, and tables, as text for people."""

from collections.abc import Sequence
from typing import Any


def status_text(status: dict[str, Any]) -> str:
    """The whole story of a run in a few lines."""
    lines = [f"{status['run_id']}  {status['status'].replace('_', ' ')}"]
    if status["snapshot"]:
        files = ", ".join(
            f"{part['name']} ({count_text(part['rows'], 'row')} in {count_text(part['files'], 'file')})"
            for part in status["segments"]
        )
        lines.append(f"  snapshot   {status['snapshot']}  {files}")
    lines.append(
        f"  rows       {status['rows_read']:,} read = {status['contacts_mapped']:,} contacts"
        f" + {status['rows_merged']:,} merged + {sum(status['rows_rejected'].values()):,} rejected"
    )
    lines += _reasons("rejected", status["rows_rejected"])
    lines += _reasons("warnings", status["warnings"], "sent without that value")
    if status["batches"]:
        lines.append(
            f"  contacts   {status['contacts_delivered']:,} delivered = {status['contacts_confirmed']:,} confirmed"
            f" + {_rejected_by_brevo(status):,} rejected by Brevo + {_still_open(status):,} open"
        )
        lines += _reasons("by Brevo", status["contacts_rejected_by_brevo"])
        lines.append(
            f"  traffic    {count_text(status['batches'], 'import')}, {count_text(status['requests'], 'request')},"
            f" {status['bytes_sent'] / 1e6:,.1f} MB"
        )
    if status["allowance"]:
        lines.append(f"  contract   {status['allowance']} (e-mails to send, not contacts)")
    lines += [f"  note       {note}" for note in status["notes"]]
    if status["waiting"]:
        lines.append(f"  waiting    {status['waiting']}")
    if error := status["error"]:
        lines.append(f"  {'reason' if status['status'] == 'skipped' else 'error':<10} {error['message']}")
        if error["advice"]:
            lines.append(f"  what to do {error['advice']}")
    if status["rows_rejected"] or status["warnings"] or status["contacts_rejected_by_brevo"]:
        lines.append(f"  row by row: segment-export rejects {status['run_id']}")
    return "\n".join(lines)


def exports_text(found: list[dict[str, Any]]) -> str:
    """The exports as a table: the facts that the API gives too."""
    head = ("EXPORT", "CONNECTION", "LIST", "SCHEDULE", "LAST RUN", "AT", "LAST SUCCESS", "NEXT DUE", "WHY NOT NOW")
    return table(
        head,
        [
            (
                each["id"],
                each["connection"] or "detached",
                each["list_id"],
                each["schedule_text"],
                (each["last_run"] or {}).get("status", "never"),
                _minute((each["last_run"] or {}).get("started_at")),
                _minute((each["last_success"] or {}).get("finished_at")),
                _minute(each["next_due"]),
                (each["why_not_running"] or {}).get("text", "it runs"),
            )
            for each in found
        ],
    )


def _minute(time: str | None) -> str:
    return (time or "")[:16].replace("T", " ")


def preview_text(found: dict[str, Any]) -> str:
    """A preview for people."""
    lines = [
        f"{found['export']}: snapshot {found['snapshot']}, {found['rows_read']:,} rows,"
        f" {found['contacts_mapped']:,} contacts; nothing was sent"
    ]
    if found.get("rows_merged"):
        lines.append(f"  merged     {found['rows_merged']:,} (the same address in another segment)")
    lines += _reasons("rejected", found.get("rows_rejected", {}))
    lines += _reasons("warnings", found.get("warnings", {}), "sent without that value")
    lines += [f"  note       {note}" for note in found.get("notes", [])]
    for contact in found["contacts"]:
        values = "  ".join(f"{name}={value}" for name, value in contact["attributes"].items())
        lines.append(f"  {contact['email']}  {values}")
    return "\n".join(lines)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with columns as wide as they need to be."""
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _reasons(title: str, counts: dict[str, int], suffix: str = "") -> list[str]:
    if not counts:
        return []
    told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
    return [f"  {title:<10} {told}{f' ({suffix})' if suffix else ''}"]


def _rejected_by_brevo(status: dict[str, Any]) -> int:
    return sum(int(count) for count in status["contacts_rejected_by_brevo"].values())


def _still_open(status: dict[str, Any]) -> int:
    return int(status["contacts_delivered"]) - int(status["contacts_confirmed"]) - _rejected_by_brevo(status)


def count_text(number: int, what: str) -> str:
    """A number with what it counts, in the singular or plural."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
