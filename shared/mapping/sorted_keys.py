"""Keys in any number, sorted in files: those of a chunk are looked up in a time that hardly grows with them.

They lie in parts by their first bits. A part is a few runs: files in the order of the keys, of which two are merged
once they are about as long as each other. One part at a time is in memory: of thirty million keys, a few megabytes.
What is looked up is found in the files as they lie, so that the keys before are never read again. The last few keys are
not in files yet: the fewer there are to write, to open and to merge, the better.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.mapping.number_file import PARTS, Flags, NumberFile, Numbers, find_keys, in_parts

# So many keys are in memory before they are put into files: three megabytes of addresses.
_MOST_IN_MEMORY = 250_000
# Odd, so that no two numbers become one; its bits have no pattern, so numbers that are alike are spread.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class SortedKeys:
    """Keys of one or two numbers, of these kinds, in files of the folder whose names begin with `name`.

    The first number is taken for evenly spread over all of 64 bits, as digests are, or the parts differ in size.
    """

    def __init__(self, folder: Path, name: str, *kinds: str) -> None:
        self._folder = folder
        self._name = name
        self._kinds = kinds
        self._parts: list[list[NumberFile]] = [[] for _ in range(PARTS)]
        self._written = 0
        self._last: list[list[Numbers]] = []

    def add(self, keys: Sequence[Numbers]) -> None:
        """Takes in keys, which are given by columns, in the order of the first one."""
        last = [np.array(column, kind) for column, kind in zip(keys, self._kinds, strict=True)]
        while self._last and len(self._last[-1][0]) < 2 * len(last[0]):
            last = _merged(self._last.pop(), last)
        self._last.append(last)
        if sum(len(run[0]) for run in self._last) > _MOST_IN_MEMORY:
            self._write_last()

    def take(self, other: "SortedKeys") -> None:
        """Takes in all keys of another table, which is empty then."""
        while other._last:
            self.add(other._last.pop())
        for number, runs in enumerate(other._parts):
            while runs:
                self._add(number, other._taken(runs))

    def find(self, keys: Sequence[Numbers]) -> Flags:
        """Which of these keys, given as in `add`, are there."""
        found = np.zeros(len(keys[0]), bool)
        for last in self._last:
            found |= find_keys(last, keys)[1]
        for number, part in in_parts(keys[0]):
            for run in self._parts[number]:
                found[part] |= run.find([column[part] for column in keys])[1]
        return found

    def _write_last(self) -> None:
        keys = self._last.pop()
        while self._last:
            keys = _merged(keys, self._last.pop())
        for number, part in in_parts(keys[0]):
            self._add(number, [column[part] for column in keys])

    def _add(self, number: int, rows: list[Numbers]) -> None:
        runs = self._parts[number]
        while runs and runs[-1].count < 2 * len(rows[0]):
            rows = _merged(self._taken(runs), rows)
        path = self._folder / f"{self._name}-{number}-{self._written}"
        self._written += 1
        runs.append(NumberFile.write(path, self._kinds, rows))

    def _taken(self, runs: list[NumberFile]) -> list[Numbers]:
        """The keys of the last run, which is there no more."""
        run = runs.pop()
        rows = [run.read(column) for column in range(len(self._kinds))]
        run.path.unlink()
        return rows


class SeenNumbers:
    """The whole numbers so far, in such files, each once."""

    def __init__(self, folder: Path, name: str) -> None:
        self._keys = SortedKeys(folder, name, "uint64")

    def repeats(self, numbers: Numbers) -> Flags:
        """Which of these were there before, among them too; remembers the others."""
        spread = numbers.astype(np.uint64) * _SPREAD
        order = np.argsort(spread)
        key = [spread[order]]
        is_again = repeated(key, order) | self._keys.find(key)
        self._keys.add([key[0][~is_again]])
        flags = np.zeros(len(order), bool)
        flags[order[is_again]] = True
        return flags


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


def _merged(one: list[Numbers], other: list[Numbers]) -> list[Numbers]:
    columns = [np.concatenate(pair) for pair in zip(one, other, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return [column[order] for column in columns]
