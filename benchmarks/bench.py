"""`make bench`: the whole way of a million rows, beside the floor and what people use instead.

Each contender runs in a process of its own against a sandbox of its own, in turns, and its result is held against the
oracle before its figures count. `make bench-quick` takes fewer rows and each contender once.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import bars
from benchmarks.cold_start import ColdStart, cold_start
from benchmarks.judging import Judge
from benchmarks.machine import machine, machine_text
from benchmarks.plot import svg
from benchmarks.race import PER_SECOND, Result, contenders, per_contact
from benchmarks.table import NOTES, ratios, table
from benchmarks.workload import BenchError, Fingerprints, Workload, shipped_export, write_segment
from local.azurite import Azurite
from local.stack import CANNOT_START, REPOSITORY

OUTPUT = REPOSITORY / ".local" / "bench"
PER_CONTACT = "per_contact"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. The bars of a million rows are only judged where `all_bars`."""

    rows: int
    runs: int
    sample: int
    pairs: int
    all_bars: bool


FULL = Size(rows=1_000_000, runs=3, sample=100, pairs=9, all_bars=True)
QUICK = Size(rows=30_000, runs=1, sample=20, pairs=3, all_bars=False)


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured."""

    machine: dict[str, Any]
    workload: Workload
    size: Size
    titles: dict[str, str]
    runs: dict[str, list[Result]]
    cold: ColdStart

    def bars(self) -> list[bars.Bar]:
        """The bars that are judged at this size."""
        race = bars.of_the_race(self.runs) if self.size.all_bars else []
        return [*race, *bars.of_every_size(self.runs, self.cold)]

    def document(self) -> dict[str, Any]:
        """For a program."""
        return {
            "machine": self.machine,
            "workload": self.workload.document(),
            "titles": self.titles,
            "runs": {name: [run.document() for run in runs] for name, runs in self.runs.items()},
            "cold_start": self.cold.document(),
            "bars": [bar.document() for bar in self.bars()],
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 every bar held, 1 not, 130 stopped."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    size = QUICK if options.quick else FULL
    if options.rows:
        size = replace(size, rows=options.rows, sample=5, pairs=1)
    try:
        found = _measured(size)
    except (BenchError, *CANNOT_START) as error:
        print(f"bench: FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    written = _write(found, "quick" if options.quick else "full")
    report = f"{_report(found)}\n\n" + "\n".join(str(path.relative_to(REPOSITORY)) for path in written)
    print(json.dumps(found.document(), indent=2) if options.json else report)
    # With --json the line stands on standard error, so that the output is JSON and nothing else.
    print(_summary(found), file=sys.stderr if options.json else sys.stdout)
    return 0 if all(bar.is_met for bar in found.bars()) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.rows:,} rows, each contender once")
    parser.add_argument("--rows", type=int, help="with --quick: so many rows instead, and less of the rest")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    if options.rows is not None and (options.rows < 100 or not options.quick):
        parser.error("--rows begins at 100 and goes with --quick: the bars are of a million")
    return options


def _measured(size: Size) -> Found:
    host = machine()
    with (
        tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name,
        Azurite(Path(name) / "segments") as landed,
    ):
        folder = Path(name)
        _say(f"writing {size.rows:,} rows into Azurite")
        workload = write_segment(size.rows, landed.connection_string, Fingerprints())
        judge = Judge(workload, shipped_export()["list_id"])
        titles: dict[str, str] = {}
        runs: dict[str, list[Result]] = {}
        for number in range(1, size.runs + 1):
            for contender in contenders():
                _say(f"{contender.title}, run {number} of {size.runs}")
                titles[contender.name] = contender.title
                result = contender.runs(workload, judge, folder / f"{contender.name}-{number}")
                runs.setdefault(contender.name, []).append(result)
        _say(f"per contact, {size.sample} contacts")
        titles[PER_CONTACT] = "per contact (worked out)"
        runs[PER_CONTACT] = [per_contact(workload, folder / PER_CONTACT, size.sample)]
    _say("cold start")
    return Found(host, workload, size, titles, runs, cold_start(size.pairs))


def _write(found: Found, name: str) -> list[Path]:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    document = found.document()
    texts = {"json": json.dumps(document, indent=2), "svg": svg(document), "txt": f"{_report(found)}\n"}
    paths = [OUTPUT / f"{name}.{ending}" for ending in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def _report(found: Found) -> str:
    workload = found.workload.document()
    title = (
        f"{workload['rows']:,} rows x {workload['columns']} columns in {workload['partitions']} files, "
        f"{workload['segment_bytes'] / 1e6:,.0f} MB, {workload['flaws']:.0%} of the rows at fault; "
        f"{'medians of ' if found.size.runs > 1 else ''}{found.size.runs} run{'s' * (found.size.runs > 1)}"
    )
    unjudged = "" if found.size.all_bars else "\nThe other bars are of a million rows: make bench."
    return "\n\n".join(
        [
            f"{title}\n{machine_text(found.machine)}",
            table(found.titles, found.runs),
            ratios(found.titles, found.runs),
            NOTES.format(sample=found.size.sample, rate=PER_SECOND),
            "\n".join(bar.line() for bar in found.bars()) + unjudged,
        ]
    )


def _summary(found: Found) -> str:
    missed = [bar for bar in found.bars() if not bar.is_met]
    held = f"{len(missed)} of {len(found.bars())} bars MISSED" if missed else "every bar held"
    cpu, to_first, peak, imports = (
        median(getattr(run, what) for run in found.runs["ours"])
        for what in ("cpu", "to_first", "peak_of_a_process", "imports")
    )
    return (
        f"bench: {found.workload.rows:,} rows: {cpu:.1f} s of CPU, first import after {to_first:.1f} s, "
        f"peak {peak / 1e6:.0f} MB, {imports:.0f} imports: {held}"
    )


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
