"""Plays histories of the real code of runs and notices in virtual time, and judges each by its invariants."""

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict

from simulation.history import log_lines, play
from simulation.many import Failure, machine, play_many
from simulation.patches import replaced
from simulation.scenes import plan_of
from simulation.shrink import shrink
from simulation.story import story

_SHOWN = 8


def main() -> int:
    """Returns the exit status: 1 where an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=20_000, help="how many to play (20,000)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first one's seed; the others follow it")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes to play them in")
    parser.add_argument("--seed", type=int, help="play this one alone, and tell its story")
    parser.add_argument("--log", action="store_true", help="with --seed: print every call instead")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(options.seed, with_log=options.log)
    return _many(options)


def _one(seed: int, *, with_log: bool) -> int:
    with replaced():
        plan = plan_of(seed)
        outcome = play(plan)
        if with_log:
            print("\n".join(log_lines(outcome.log)))
        elif outcome.violation is not None:
            print(f"Seed {seed} violates {outcome.violation.name}: {outcome.violation.text}. The shortest way to it:")
            plan = shrink(plan, outcome.violation.name)
            outcome = play(plan)
            print("\n".join(story(plan, outcome)))
    print(f"seed {seed}: {outcome.violation.name if outcome.violation else 'no violation'}, log {outcome.digest}")
    return 1 if outcome.violation else 0


def _many(options: argparse.Namespace) -> int:
    began = time.monotonic()
    played, calls, hours = 0, 0, 0.0
    failures: list[Failure] = []
    for part in play_many(options.first_seed, options.histories, options.processes):
        played += part.histories
        calls += part.calls
        hours += part.virtual_hours
        failures += part.failures
        if sys.stderr.isatty() or played % 1000 == 0:
            print(f"\r{played:,} of {options.histories:,}, {len(failures)} failed", end="", file=sys.stderr)
    took = time.monotonic() - began
    print(file=sys.stderr)
    if options.json:
        told = {"histories": played, "first_seed": options.first_seed, "seconds": round(took, 1), "machine": machine()}
        print(json.dumps({**told, "failures": [asdict(each) for each in failures]}))
        return 1 if failures else 0
    print(
        f"{played:,} histories (seeds {options.first_seed} to {options.first_seed + played - 1}), {calls:,} events in "
        f"{hours:,.0f} virtual hours, in {took:.1f} s: {played / took:.1f} a second. {machine()}."
    )
    for name, count in Counter(each.name for each in failures).most_common():
        seeds = [each.seed for each in failures if each.name == name][:_SHOWN]
        print(f"VIOLATED {name}: {count} histories, such as the seeds {', '.join(map(str, seeds))}")
    if not failures:
        print("No invariant was violated.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
