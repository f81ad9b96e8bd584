"""Rows of numbers in a file, column behind column: mapped into memory, so that only what is looked at is read."""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

type Numbers = NDArray[Any]
type Places = NDArray[np.intp]
type Flags = NDArray[np.bool_]

PARTS = 64
# The numbers with which each part begins, but for the first.
_BORDERS = np.arange(1, PARTS, dtype=np.uint64) * np.uint64(2**64 // PARTS)


@dataclass(frozen=True, slots=True)
class NumberFile:
    """`count` rows. `kinds` are the types of the columns, as numpy names them: wider ones first, so that each begins
    where it may.
    """

    path: Path
    kinds: tuple[str, ...]
    count: int

    @classmethod
    def write(cls, path: Path, kinds: tuple[str, ...], columns: Sequence[Numbers]) -> Self:
        """Writes these columns into the file."""
        with path.open("wb") as file:
            for kind, column in zip(kinds, columns, strict=True):
                file.write(np.ascontiguousarray(column, kind).data)
        return cls(path, kinds, len(columns[0]))

    @classmethod
    def empty(cls, path: Path, kinds: tuple[str, ...], count: int) -> Self:
        """Makes a file of so many rows of zeros, for `put`, or for what `column` gives to be written into."""
        with path.open("wb") as file:
            file.truncate(count * _width(kinds))
        return cls(path, kinds, count)

    @classmethod
    def open(cls, path: Path, kinds: tuple[str, ...]) -> Self:
        """A file that is there."""
        return cls(path, kinds, path.stat().st_size // _width(kinds))

    def put(self, place: int, columns: Sequence[Numbers]) -> None:
        """Writes rows from this place on, in the file's first columns.

        Into memory that is mapped for the first time it would take twice as long.
        """
        with self.path.open("r+b") as file:
            for number, column in enumerate(columns):
                kind = self.kinds[number]
                file.seek(self._offset(number) + place * _width((kind,)))
                file.write(np.ascontiguousarray(column, kind).data)

    def read(self, number: int) -> Numbers:
        """The column with this number, a copy."""
        return np.fromfile(self.path, self.kinds[number], self.count, offset=self._offset(number))

    def column(self, number: int, *, can_write: bool = False) -> Numbers:
        """The column with this number, as it lies in the file."""
        if not self.count:
            return np.zeros(0, self.kinds[number])
        access = mmap.ACCESS_WRITE if can_write else mmap.ACCESS_READ
        with self.path.open("r+b" if can_write else "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=access)
        return np.frombuffer(mapped, self.kinds[number], self.count, self._offset(number))

    def find(self, key: Sequence[Numbers]) -> tuple[Places, Flags]:
        """As `find_keys`, in the file as it lies."""
        return find_keys([self.column(number) for number in range(len(key))], key)

    def _offset(self, number: int) -> int:
        return self.count * _width(self.kinds[:number])


def find_keys(rows: Sequence[Numbers], key: Sequence[Numbers]) -> tuple[Places, Flags]:
    """Where each key stands, and whether it does. The key is the first column, in whose order the rows are, or the
    first two; keys are in that order too.
    """
    first, count = rows[0], len(rows[0])
    if not count:
        return np.zeros(len(key[0]), np.intp), np.zeros(len(key[0]), bool)
    places = np.minimum(_places(first, key[0]), count - 1)
    is_there = first[places] == key[0]
    if len(key) > 1 and is_there.any():
        second = rows[1]
        alike = np.flatnonzero(is_there)
        # Of two keys that begin alike one stands behind the other.
        for each in alike[second[places[alike]] != key[1][alike]]:
            behind = int(places[each]) + 1
            while behind < count and first[behind] == key[0][each] and second[behind] != key[1][each]:
                behind += 1
            is_there[each] = behind < count and first[behind] == key[0][each]
            places[each] = behind if is_there[each] else places[each]
    return places, is_there


def in_parts(first: Numbers) -> Iterator[tuple[int, slice]]:
    """The parts that these numbers, which are sorted, belong to by their first bits, each with where they stand."""
    for number, (start, end) in enumerate(pairwise(_part_starts(first))):
        if start < end:
            yield number, slice(start, end)


def _part_starts(first: Numbers) -> list[int]:
    return [0, *np.searchsorted(first, _BORDERS).tolist(), len(first)]


def _places(first: Numbers, key: Numbers) -> Places:
    """Where the keys would have to stand. Part by part, since what is searched stays in the processor's cache then."""
    starts = _part_starts(first)
    places = np.empty(len(key), np.intp)
    for number, part in in_parts(key):
        there = slice(starts[number], starts[number + 1])
        places[part] = np.searchsorted(first[there], key[part]) + there.start
    return places


def _width(kinds: tuple[str, ...]) -> int:
    return sum(np.dtype(kind).itemsize for kind in kinds)
