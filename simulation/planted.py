"""Shows for each planted defect within how many histories the simulation finds it: `python -m simulation.planted`.

Seeds are played from 1 on, so the first seed that shows a defect is also the number of histories.
"""

import argparse
import importlib.machinery
import importlib.util
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType

from simulation.defect import Defect
from simulation.defects import DEFECTS

SEEDS = Path(__file__).with_name("planted.txt")
MOST_HISTORIES, MOST_MEDIAN = 5000, 1000
_HEADER = (
    "# Each planted defect, and a seed whose history shows it: at most as many histories are needed to find it.",
    "# `python -m simulation.planted --keep` writes them again after a change of the code or of the plans.",
)


class _Planting(MetaPathFinder):
    """Loads the modules that a defect changes from their changed texts."""

    def __init__(self, defect: Defect) -> None:
        self._defect = defect

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if all(edit.module != fullname for edit in self._defect.edits):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Changed(fullname, spec.origin, self._defect)
        return spec


class _Changed(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, defect: Defect) -> None:
        super().__init__(fullname, path)
        self._defect = defect

    def get_code(self, fullname: str) -> CodeType:
        text = changed(self._defect, fullname, self.get_data(self.path).decode())
        return compile(text, self.path, "exec")


def changed(defect: Defect, module: str, text: str) -> str:
    """The module's text with the defect in it. Raises ValueError where a text to be replaced does not stand there."""
    for edit in defect.edits:
        if edit.module == module:
            if text.count(edit.old) != 1:
                raise ValueError(f"{defect.name}: {edit.old!r} stands {text.count(edit.old)} times in {module}")
            text = text.replace(edit.old, edit.new)
    return text


@dataclass(frozen=True, slots=True)
class Found:
    """The first seed whose history shows a defect, 0 where none does, and how."""

    defect: str
    seed: int
    shown: str = ""


def search(name: str, first: int, most: int) -> Found:
    """Plays `most` seeds from `first` on with this defect until one fails. Raises RuntimeError where none is played."""
    command = [sys.executable, "-m", "simulation.planted", "--search", name]
    command += ["--first-seed", str(first), "--histories", str(most)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.stderr:
        raise RuntimeError(result.stderr)
    seed, _, shown = result.stdout.strip().partition("\t")
    return Found(name, int(seed or 0), shown)


def known_seeds() -> dict[str, int]:
    """Of each defect the first seed that has shown it."""
    lines = [line for line in SEEDS.read_text().splitlines() if not line.startswith("#")]
    return {name: int(seed) for name, seed in (line.split()[:2] for line in lines)}


def keep(results: list[Found]) -> None:
    """Writes the seeds down; what was not looked for, or not found, stays as it was."""
    seeds = known_seeds() | {found.defect: found.seed for found in results if found.seed}
    lines = [f"{each.name} {seeds[each.name]}" for each in DEFECTS if each.name in seeds]
    SEEDS.write_text("\n".join((*_HEADER, *lines, "")))


def _search_here(name: str, first: int, most: int) -> None:
    defect = next(each for each in DEFECTS if each.name == name)
    sys.meta_path.insert(0, _Planting(defect))
    from simulation.many import play_range

    for seed in range(first, first + most):
        if failures := play_range(range(seed, seed + 1)).failures:
            print(f"{seed}\t{failures[0].name}: {failures[0].text}")
            return


def main() -> int:
    """Returns the exit status: 1 where a defect was not found in time."""
    parser = argparse.ArgumentParser(prog="python -m simulation.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="these alone")
    parser.add_argument("--search", help=argparse.SUPPRESS)
    parser.add_argument("--first-seed", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--histories", type=int, default=MOST_HISTORIES, help="how many to play for each (5,000)")
    parser.add_argument("--keep", action="store_true", help="write the seeds to planted.txt, for the tests")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many to look for at once")
    options = parser.parse_args()
    if options.search:
        _search_here(options.search, options.first_seed, options.histories)
        return 0
    from simulation.many import machine  # with all of the real code, which a search changes first

    wanted = [each.name for each in DEFECTS if not options.names or each.name in options.names]
    began = time.monotonic()
    results: list[Found] = []
    with ThreadPoolExecutor(options.processes) as pool:
        for found in pool.map(lambda name: search(name, 1, options.histories), wanted):
            print(f"{found.defect:<32} {found.seed or 'NONE':>5}  {found.shown[:120]}", flush=True)
            results.append(found)
    seeds = [found.seed for found in results if found.seed]
    median = statistics.median(seeds or [0])
    if options.keep:
        keep(results)
    print(
        f"{len(seeds)} of {len(wanted)} found, the median after {median:.0f} histories, the last after "
        f"{max(seeds, default=0)}, in {time.monotonic() - began:.0f} s. {machine()}."
    )
    return 1 if len(seeds) < len(wanted) or median > MOST_MEDIAN else 0


if __name__ == "__main__":
    sys.exit(main())
