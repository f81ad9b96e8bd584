"""What one measured run shows, how many of them become a table, and which bars are held."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local.sample_data import ContactDigest, Expected

MOST_PEAK_BYTES = 350_000_000
MOST_IMPORTS = 16
_IMPORT = "POST /contacts/import"
_BOOKS = ("rows_read", "rows_merged", "rows_rejected", "warnings", "contacts_mapped")


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `seconds_importing`: how long the sandbox had an import at work or waiting, one at a time.

    `missing` and `unexpected` are numbers of contacts; `digest_is_right` covers every attribute.
    """

    status: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    import_requests: int
    all_requests: int
    bytes_sent: int
    contacts: int
    contacts_per_second: float
    seconds_to_first_import: float
    seconds_reading: float
    seconds_sending: float
    seconds_importing: float
    missing: int
    unexpected: int
    digest_is_right: bool
    books_are_right: bool

    @property
    def faults(self) -> list[str]:
        """The bars that were missed, in words."""
        checks = [
            (self.status.startswith("succeeded"), f"the run is {self.status}"),
            (self.peak_bytes <= MOST_PEAK_BYTES, f"peak of {self.peak_bytes / 1e6:.0f} MB over 350 MB"),
            (self.import_requests <= MOST_IMPORTS, f"{self.import_requests} imports, more than {MOST_IMPORTS}"),
            (not self.missing, f"{self.missing:,} contacts missing"),
            (not self.unexpected, f"{self.unexpected:,} contacts too many"),
            (self.digest_is_right, "the contacts in the list are not those of the segment"),
            (self.books_are_right, "the run's counts are not those of the segment"),
        ]
        return [words for held, words in checks if not held]


def result_of(
    usage: dict[str, Any],
    status: dict[str, Any],
    sandbox: dict[str, Any],
    requests: list[dict[str, Any]],
    imports: list[dict[str, Any]],
    members: tuple[int, ContactDigest],
    expected: Expected,
) -> Result:
    """Puts together what was measured, what the run says, what the sandbox saw and what should be."""
    at = {state: datetime.fromisoformat(text).timestamp() for state, text in status["times"].items()}
    first = min((each["at"] - each["seconds"] for each in requests if each["route"] == _IMPORT), default=0.0)
    count, digest = members
    ended = at[status["status"]]
    sent = at.get("delivering", ended)
    return Result(
        status=status["status"],
        wall_seconds=usage["wall_seconds"],
        cpu_seconds=usage["user_seconds"] + usage["system_seconds"],
        peak_bytes=usage["peak_bytes"],
        import_requests=sandbox["requests"].get(_IMPORT, 0),
        all_requests=sum(sandbox["requests"].values()),
        bytes_sent=status["bytes_sent"],
        contacts=count,
        contacts_per_second=status["contacts_confirmed"] / usage["wall_seconds"],
        seconds_to_first_import=max(0.0, first - usage["started_at"]),
        seconds_reading=sent - at["queued"],
        seconds_sending=ended - sent,
        seconds_importing=sum((each["completed_at"] or ended) - each["created_at"] for each in imports),
        missing=max(0, expected.contacts_mapped - count),
        unexpected=max(0, count - expected.contacts_mapped),
        digest_is_right=digest.hexdigest() == expected.digest.hexdigest(),
        books_are_right=_books_are_right(status, expected),
    )


def _books_are_right(status: dict[str, Any], expected: Expected) -> bool:
    rejected = sum(status["rows_rejected"].values())
    by_brevo = sum(status["contacts_rejected_by_brevo"].values())
    return (
        all(status[name] == getattr(expected, name) for name in _BOOKS)
        and status["rows_read"] == status["contacts_mapped"] + status["rows_merged"] + rejected
        and status["contacts_delivered"] == status["contacts_confirmed"] + by_brevo == status["contacts_mapped"]
    )


def machine() -> dict[str, Any]:
    """The machine and what the figures depend on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.process_cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def as_json(workload: dict[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """All of it for a program."""
    return {
        "machine": machine(),
        "workload": workload,
        "runs": [asdict(result) | {"faults": result.faults} for result in results],
    }


def as_table(workload: dict[str, Any], results: Sequence[Result]) -> str:
    """All of it for people: one column of figures, or the least, the median and the most of several runs."""
    found = machine()
    rows = [
        _row("wall time, s", [r.wall_seconds for r in results], 1),
        _row("  until the first import, s", [r.seconds_to_first_import for r in results], 1),
        _row("  reading, checking, staging, s", [r.seconds_reading for r in results], 1),
        _row("  sending until confirmed, s", [r.seconds_sending for r in results], 1),
        _row("    of it the sandbox imports, s", [r.seconds_importing for r in results], 1),
        _row("CPU time, user + system, s", [r.cpu_seconds for r in results], 1),
        _row("peak memory, MB (at most 350)", [r.peak_bytes / 1e6 for r in results], 0),
        _row(f"import requests (at most {MOST_IMPORTS})", [r.import_requests for r in results], 0),
        _row("all requests to Brevo", [r.all_requests for r in results], 0),
        _row("sent, MB", [r.bytes_sent / 1e6 for r in results], 1),
        _row("contacts a second", [r.contacts_per_second for r in results], 0),
        _row("contacts in the list", [r.contacts for r in results], 0),
        _row("contacts missing (none)", [r.missing for r in results], 0),
        _row("contacts too many (none)", [r.unexpected for r in results], 0),
        ["every attribute of every contact right", _yes(all(r.digest_is_right for r in results))],
        ["the books are right", _yes(all(r.books_are_right for r in results))],
    ]
    if len(results) > 1:
        rows.insert(0, ["", "least", "median", "most"])
    widths = [max(len(row[place]) for row in rows if place < len(row)) for place in range(max(map(len, rows)))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        for row in rows
    ]
    return "\n".join(
        [
            f"{workload['rows']:,} rows x {workload['columns']} columns in {workload['partitions']} files, "
            f"{workload['segment_bytes'] / 1e6:,.0f} MB, {workload['flaws']:.0%} of the rows at fault, "
            f"{len(results)} run{'s' * (len(results) != 1)}",
            f"{found['cpu']}, {found['cores']} cores, {found['system']}, Python {found['python']}, "
            f"DuckDB {found['duckdb']}; Azurite and the sandbox run beside it",
            "",
            *lines,
        ]
    )


def summary(workload: dict[str, Any], results: Sequence[Result]) -> str:
    """One line: what it took, and whether every bar was held."""
    faults = list(dict.fromkeys(words for result in results for words in result.faults))
    return (
        f"bench: {workload['rows']:,} rows in {statistics.median(r.wall_seconds for r in results):.1f} s, "
        f"{statistics.median(r.cpu_seconds for r in results):.1f} s of CPU, "
        f"peak {max(r.peak_bytes for r in results) / 1e6:.0f} MB, "
        f"{max(r.import_requests for r in results)} imports: {'; '.join(faults) if faults else 'every bar held'}"
    )


def _row(title: str, values: Sequence[float], digits: int) -> list[str]:
    if len(values) == 1:
        return [title, f"{values[0]:,.{digits}f}"]
    return [title, *(f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))]


def _yes(right: bool) -> str:
    return "yes" if right else "NO"
