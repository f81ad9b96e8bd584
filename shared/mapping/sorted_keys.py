"""Keys in any number, sorted in files: those of a chunk are looked up in a time that hardly grows with them.

They lie in 64 parts by their first bits. A part is a few runs: files in the order of the keys, of which two are merged
once they are about as long as each other. One part at a time is in memory: of thirty million keys, a few megabytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

type Numbers = NDArray[np.uint64]
type Places = NDArray[np.intp]
type Flags = NDArray[np.bool_]

_PART_BITS = 6
# The numbers with which each part begins, but for the first.
_BORDERS = np.arange(1, 1 << _PART_BITS, dtype=np.uint64) << np.uint64(64 - _PART_BITS)
_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Run:
    """Some keys in a file, column behind column, in the order of the first one."""

    path: Path
    count: int

    def column(self, number: int) -> Numbers:
        return np.fromfile(self.path, np.uint64, self.count, offset=number * self.count * _NUMBER_BYTES)


class SortedKeys:
    """A table of `columns` numbers in files of the folder whose names begin with `name`.

    The first column, or the first two, are the key. It is taken for evenly spread over all numbers of 64 bits, as
    digests are, or the parts differ in size.
    """

    def __init__(self, folder: Path, name: str, columns: int) -> None:
        self._folder = folder
        self._name = name
        self._columns = columns
        self._parts: list[list[_Run]] = [[] for _ in range(1 << _PART_BITS)]
        self._written = 0

    def add(self, rows: Sequence[Numbers]) -> None:
        """Takes in rows, which are given by columns, in the order of the first one."""
        for number, part in _in_parts(rows[0]):
            self._add(number, [column[part] for column in rows])

    def take(self, other: "SortedKeys") -> None:
        """Takes in all rows of another table, which is empty then."""
        for number, runs in enumerate(other._parts):
            while runs:
                self._add(number, other._taken(runs))

    def find(self, key: Sequence[Numbers]) -> tuple[Flags, Numbers]:
        """Looks for keys, which are given as rows are: which are there, and what their last column says."""
        found, last = np.zeros(len(key[0]), bool), np.zeros(len(key[0]), np.uint64)
        for number, part in _in_parts(key[0]):
            for run in self._parts[number]:
                places, is_there = _places(run, [column[part] for column in key])
                found[part] |= is_there
                last[part] = np.where(is_there, run.column(self._columns - 1)[places], last[part])
        return found, last

    def _add(self, number: int, rows: list[Numbers]) -> None:
        runs = self._parts[number]
        while runs and runs[-1].count < 2 * len(rows[0]):
            rows = _merged(self._taken(runs), rows)
        path = self._folder / f"{self._name}-{number}-{self._written}"
        self._written += 1
        with path.open("wb") as file:
            for column in rows:
                column.tofile(file)
        runs.append(_Run(path, len(rows[0])))

    def _taken(self, runs: list[_Run]) -> list[Numbers]:
        """The rows of the last run, which is there no more."""
        run = runs.pop()
        rows = [run.column(column) for column in range(self._columns)]
        run.path.unlink()
        return rows


def repeated(rows: Sequence[Numbers], turns: NDArray[np.int64]) -> Flags:
    """Which rows have the same numbers as one with an earlier turn. They are in the order of the first column."""
    first = rows[0]
    alike = first[1:] == first[:-1]
    flags = np.zeros(len(first), bool)
    if alike.any():
        # Only what may stand there twice is sorted by all of its numbers.
        doubtful = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
        order = doubtful[np.lexsort((turns[doubtful], *(column[doubtful] for column in reversed(rows))))]
        same = np.ones(len(order) - 1, bool)
        for column in rows:
            same &= column[order[1:]] == column[order[:-1]]
        flags[order[1:][same]] = True
    return flags


def _in_parts(first: Numbers) -> Iterator[tuple[int, slice]]:
    """The parts that these numbers, which are sorted, belong to, each with where its numbers stand."""
    starts = [0, *(int(place) for place in np.searchsorted(first, _BORDERS)), len(first)]
    for number, (start, end) in enumerate(pairwise(starts)):
        if start < end:
            yield number, slice(start, end)


def _merged(one: list[Numbers], other: list[Numbers]) -> list[Numbers]:
    columns = [np.concatenate(pair) for pair in zip(one, other, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return [column[order] for column in columns]


def _places(run: _Run, key: Sequence[Numbers]) -> tuple[Places, Flags]:
    """Where in the run each key stands, and whether it does."""
    first = run.column(0)
    places = np.minimum(np.searchsorted(first, key[0]), run.count - 1)
    is_there = first[places] == key[0]
    if len(key) > 1 and is_there.any():
        second = run.column(1)
        differs = is_there & (second[places] != key[1])
        # Of two keys that begin alike one stands behind the other.
        for each in np.flatnonzero(differs):
            behind = int(places[each]) + 1
            while behind < run.count and first[behind] == key[0][each] and second[behind] != key[1][each]:
                behind += 1
            is_there[each] = behind < run.count and first[behind] == key[0][each]
            places[each] = behind if is_there[each] else places[each]
    return places, is_there
