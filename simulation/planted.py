"""Shows for each planted defect within how many histories the simulation finds it: `python -m simulation.planted`."""

import argparse
import importlib.machinery
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import CodeType, ModuleType

from simulation.defect import Defect
from simulation.defects import DEFECTS

MOST_HISTORIES = 5000
_MOST_MEDIAN = 1000


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


def _search(name: str, most: int) -> int:
    """Plays histories with the defect until one fails; prints how many it took and which invariant it was."""
    defect = next(each for each in DEFECTS if each.name == name)
    sys.meta_path.insert(0, _Planting(defect))
    from simulation.many import play_many

    for part in play_many(1, most, 1):
        if part.failures:
            first = part.failures[0]
            print(f"{first.seed}\t{first.name}\t{first.text}")
            return 0
    return 1


def main() -> int:
    """Returns the exit status: 1 where a defect was not found in time."""
    parser = argparse.ArgumentParser(prog="python -m simulation.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="these alone")
    parser.add_argument("--search", help=argparse.SUPPRESS)
    parser.add_argument("--histories", type=int, default=MOST_HISTORIES, help="how many to play for each")
    options = parser.parse_args()
    if options.search:
        return _search(options.search, options.histories)
    found: list[int] = []
    wanted = [each for each in DEFECTS if not options.names or each.name in options.names]
    began = time.monotonic()
    for defect in wanted:
        command = [sys.executable, "-m", "simulation.planted", "--search", defect.name]
        command += ["--histories", str(options.histories)]
        result = subprocess.run(command, capture_output=True, text=True)
        seed, name, text = (*result.stdout.strip().split("\t"), "", "", "")[:3]
        print(f"{defect.name:<28} {f'{int(seed):>5}' if seed else ' NONE'}  {name}: {text[:90]}", flush=True)
        if result.stderr:
            print(result.stderr, file=sys.stderr)
        found += [int(seed)] if seed else []
    median = statistics.median(found or [0])
    missed = len(wanted) - len(found)
    print(
        f"{len(found)} of {len(wanted)} found, the median after {median:.0f} histories, the last after "
        f"{max(found, default=0)}, in {time.monotonic() - began:.0f} s."
    )
    return 1 if missed or median > _MOST_MEDIAN else 0


if __name__ == "__main__":
    sys.exit(main())
