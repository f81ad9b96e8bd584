"""Rows of any shape fit into the engine's memory: short ones, long ones, and those of many mapped cells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest

from shared.mapping import engine
from shared.mapping.mapper import Mapper
from shared.staging.reader import SnapshotReader
from tests.unit.loyal import reader_of

PIECE_ROWS = 100


@dataclass
class OneFile:
    """Rows of an address and so many cells."""

    cells: int
    cell: bytes
    rows: int
    address: bytes = b"p%d@ex.co"

    def chunks(self, container: str, name: str, etag: str) -> Iterator[bytes]:
        yield b"EMail" + b"".join(b",A%d" % number for number in range(self.cells)) + b"\n"
        behind = (b"," + self.cell) * self.cells + b"\n"
        for first in range(0, self.rows, PIECE_ROWS):
            numbers = range(first, min(first + PIECE_ROWS, self.rows))
            yield b"".join(
                (self.address % number if b"%" in self.address else self.address) + behind for number in numbers
            )


@pytest.fixture
def chunks(monkeypatch):
    """How many rows each chunk has, in an engine of its own, with its limit."""
    monkeypatch.setattr(engine, "duckdb", duckdb)
    rows: list[int] = []
    map_chunk = Mapper.map_chunk

    def noted(mapper, chunk, *others):
        rows.append(chunk.rows)
        return map_chunk(mapper, chunk, *others)

    monkeypatch.setattr(Mapper, "map_chunk", noted)
    return rows


def read(blobs: Any, folder, attributes: int) -> SnapshotReader:
    mapping = {"email": "EMail", "attributes": {f"A{number}": f"A{number}" for number in range(attributes)}}
    reader = reader_of(blobs, ["1.csv"], folder, mapping)
    for _ in reader.chunks():
        pass
    return reader


@pytest.mark.parametrize(
    ("cells", "characters", "rows"),
    [(1, 9_900, 1_300), (10, 300, 4_200), (60, 50, 4_100), (99, 9, 13_000), (200, 1, 10_000)],
)
def test_long_rows_and_many_cells_are_mapped(tmp_path, chunks, cells, characters, rows):
    reader = read(OneFile(cells, b"v" * characters, rows), tmp_path, cells)
    assert reader.counts.contacts_mapped == rows


@pytest.mark.parametrize(("address", "reason"), [(b"x", "invalid_email"), (b"a@b.co", "duplicate_email")])
def test_short_rows_are_mapped_so_many_at_once_as_the_memory_holds(tmp_path, chunks, address, reason):
    reader = read(OneFile(1, b"", 300_000, address), tmp_path, 0)
    assert reader.counts.rows_rejected[reason] >= 299_999
    assert max(chunks) < 240_000  # the framing gives some thousands of rows at once


def test_rows_as_they_are_mostly_fill_a_chunk(tmp_path, chunks):
    read(OneFile(12, b"v" * 12, 150_000), tmp_path, 6)
    assert chunks[0] > 140_000
