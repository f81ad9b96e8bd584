"""The command `python -m simulation`."""

import argparse
import time

from simulation.history import log_lines, play
from simulation.patches import replaced
from simulation.plan import make_plan


def main() -> None:
    """Plays histories."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--histories", type=int, default=100)
    options = parser.parse_args()
    with replaced():
        if options.seed is not None:
            outcome = play(make_plan(options.seed))
            print("\n".join(log_lines(outcome.log)))
            print(outcome.violation, outcome.hours, outcome.digest)
            return
        began = time.perf_counter()
        found: dict[str, list[int]] = {}
        for seed in range(options.first_seed, options.first_seed + options.histories):
            outcome = play(make_plan(seed))
            if outcome.violation:
                found.setdefault(outcome.violation.name, []).append(seed)
        took = time.perf_counter() - began
        print(f"{options.histories} in {took:.1f} s, {options.histories / took:.1f} a second")
        for name, seeds in found.items():
            print(name, len(seeds), seeds[:8])


main()
