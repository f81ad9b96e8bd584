"""Plays many histories, in as many processes as there are cores, each with a range of seeds at a time."""

import gc
import os
import platform
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from simulation.history import play
from simulation.patches import replaced
from simulation.scenes import plan_of

_CHUNK = 50


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed whose history violates an invariant."""

    seed: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """What came of a range of seeds."""

    histories: int
    calls: int
    virtual_hours: float
    failures: tuple[Failure, ...]


@contextmanager
def collected_late() -> Iterator[None]:
    """Leaves the garbage to the block: to look for it in the midst of histories takes an eighth of the time."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
        gc.unfreeze()


def play_range(seeds: range) -> Part:
    """Plays these seeds in this process."""
    failures, calls, hours = [], 0, 0.0
    with replaced(), collected_late():
        for seed in seeds:
            outcome = play(plan_of(seed))
            calls += len(outcome.log)
            hours += outcome.hours
            if found := outcome.violation:
                failures.append(Failure(seed, found.name, found.text))
            gc.collect(0)  # what the history has left: its memory serves the next one while it is at hand
    return Part(len(seeds), calls, hours, tuple(failures))


def play_many(first: int, histories: int, processes: int) -> Iterator[Part]:
    """Plays `histories` seeds from `first` on; yields part after part, in their order."""
    starts = range(first, first + histories, _CHUNK)
    ranges = [range(start, min(start + _CHUNK, first + histories)) for start in starts]
    if processes == 1:
        yield from map(play_range, ranges)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(play_range, ranges)


def machine() -> str:
    """The machine in a few words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {platform.system()}"
