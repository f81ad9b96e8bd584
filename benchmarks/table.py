"""The figures as people read them: one row a contender, the spread of its runs, and what must be said beside it."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks.race import Result

Titles = Mapping[str, str]
Runs = Mapping[str, Sequence[Result]]

NOTES = """\
to 1st, to last: seconds from the start of the process until the first import arrived, and until the last was answered.
peak: the largest process, and all processes of the contender together where it has several. sent: requests' bodies.
The sandbox says at once that an import is done, so no time of Brevo's is in any figure; the naive script and pandas do
not ask. "ours" sends one import at a time (the default) and looks at each before the next: what lies between "to 1st"
and "to last" is mostly waiting. "imports in parallel" does not wait: imports_at_once of its connection is 50.
"by file" sends a link, by which the sandbox fetches all contacts at once: they are no part of "sent".
right: ours must be the oracle's list exactly. The others must miss no valid customer; "more" are rows at fault that
they import all the same, "other" customers whose values differ. The floor imports nothing: it must have parsed every
row. Worked out: per contact, from {sample} contacts; its wall is at the {rate} requests a second of a general plan,
none failing."""


def table(titles: Titles, runs: Runs) -> str:
    """Medians, one line a contender; below them least and most of several runs."""
    head = [
        "",
        "wall s",
        "CPU s",
        "peak MB",
        "imports",
        "requests",
        "sent MB",
        "contacts/s",
        "to 1st s",
        "to last s",
        "right",
    ]
    rows = [head]
    for name, results in runs.items():
        rows.append([titles[name], *_cells(results, median), _right(results)])
        if len(results) > 1:
            spread = [_cells(results, min), _cells(results, max)]
            rows.append(
                ["", *(f"{least}-{most}" if least != most else "" for least, most in zip(*spread, strict=True)), ""]
            )
    return aligned(rows)


def ratios(titles: Titles, runs: Runs) -> str:
    """CPU and wall of each to the floor's, of medians."""
    rows = [["to the floor's", "CPU", "wall", "to 1st", "to last"]]
    floor = runs["floor"]
    for name, results in runs.items():
        cells = []
        for what in ("cpu", "wall", "to_first", "to_last"):
            base = "cpu" if what == "cpu" else "wall"
            cells.append(f"{_median(results, what) / _median(floor, base):,.1f}x")
        rows.append([titles[name], *cells])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other: the first to the left, numbers to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cells(results: Sequence[Result], of: Callable[[list[float]], float]) -> list[str]:
    def pick(what: str, unit: float = 1.0) -> float:
        return of([float(getattr(result, what)) / unit for result in results])

    return [
        _seconds(pick("wall")),
        _seconds(pick("cpu")),
        _peak(pick("peak_of_a_process", 1e6), pick("peak_of_the_tree", 1e6)),
        f"{pick('imports'):,.0f}",
        f"{pick('requests'):,.0f}",
        f"{pick('bytes_sent', 1e6):,.1f}",
        f"{of([result.contacts / result.wall for result in results]):,.0f}",
        _seconds(pick("to_first")),
        _seconds(pick("to_last")),
    ]


def _right(results: Sequence[Result]) -> str:
    if faults := [result.fault for result in results if result.fault]:
        return f"NO: {faults[0]}"
    verdict = results[0].verdict
    if verdict is None:
        return "yes"
    if verdict.is_exact:
        return "exactly"
    return f"yes, {verdict.unexpected:,} more, {verdict.differing:,} other"


def _peak(process: float, tree: float) -> str:
    return f"{process:,.0f}" if tree - process < 1 else f"{process:,.0f}/{tree:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _median(results: Sequence[Result], what: str) -> float:
    return float(median(getattr(result, what) for result in results))
