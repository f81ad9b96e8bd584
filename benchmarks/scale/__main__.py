"""`make bench-scale`: how it grows. `python -m benchmarks.scale NAME...` measures only some of it."""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from benchmarks.bench import OUTPUT
from benchmarks.machine import machine, machine_text
from benchmarks.scale.daily_change import daily_change
from benchmarks.scale.due_at_once import due_at_once
from benchmarks.scale.finding import Finding
from benchmarks.scale.growth import growth, thirty_million
from benchmarks.scale.pages import pages
from benchmarks.scale.past_runs import past_runs
from benchmarks.scale.workers import workers
from benchmarks.workload import BenchError
from local.stack import CANNOT_START, REPOSITORY

_ALL: dict[str, Callable[[], Finding]] = {
    "daily-change": daily_change,
    "due-at-once": due_at_once,
    "workers": workers,
    "past-runs": past_runs,
    "pages": pages,
    "growth": growth,
}
# Takes as long as all the others together.
_ONLY_BY_NAME: dict[str, Callable[[], Finding]] = {"thirty-million": thirty_million}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 every bar held, 1 not, 130 stopped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    names = f"{', '.join(_ALL)} (default: all of these), {', '.join(_ONLY_BY_NAME)}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args(arguments)
    known = _ALL | _ONLY_BY_NAME
    if unknown := set(options.names) - known.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    host = machine()
    try:
        findings = [known[name]() for name in options.names or _ALL]
    except (BenchError, *CANNOT_START, subprocess.TimeoutExpired) as error:
        print(f"scale: FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("scale: stopped", file=sys.stderr)
        return 130
    bars = [bar for finding in findings for bar in finding.bars]
    missed = sum(not bar.is_met for bar in bars)
    document = {"machine": host, **{finding.name: finding.document() for finding in findings}}
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / "scale.json"
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        lines = [line for finding in findings for line in finding.lines]
        print("\n".join([machine_text(host), "", *lines, "", *(bar.line() for bar in bars), ""]))
        print(path.relative_to(REPOSITORY))
    words = f"{missed} of {len(bars)} bars MISSED" if missed else "every bar held"
    print(f"scale: {words}", file=sys.stderr if options.json else sys.stdout)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
