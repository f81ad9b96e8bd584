"""Random worlds for a property, each by a seed of its own that a failure names."""

import random
from collections.abc import Callable
from pathlib import Path

from shared.errors import ExportError


def try_worlds(count: int, folder: Path, check: Callable[[random.Random, Path], None]) -> None:
    """Calls `check` for so many worlds, each with an empty folder; the seeds are new with each run."""
    seed = random.randrange(10**9)
    for place in range(seed, seed + count):
        own = folder / str(place)
        own.mkdir()
        try:
            check(random.Random(place), own)
        except (AssertionError, ExportError) as error:
            raise AssertionError(f"seed {place}") from error
