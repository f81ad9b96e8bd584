"""Files of 10 to 60 MB with a fault over each border of what is read at once: nobody is lost, nobody is invented."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.mapping.results import RejectedRow
from tests.property.one_file import FakeBlobs, reader_of

SEED = 20261128
HEADER = b"CustomerId,EMail,FirstName\n"
# Storage's pieces, the framing's pieces and windows, the engine's own borders, a chunk and the engine's buffer.
BORDERS = (4 * 1024 * 1024, 1 << 20, 8_000_000, 16_000_000, 24_000_000, 25_000_000)
FAULTS = (
    (b"C-0,short\n", "malformed_row"),
    (b'C-0,x@example.com,x,"surplus"\n', "malformed_row"),
    (b'C-0,x@example.com,"Ion" the tall\n', "malformed_row"),
    (b"C-0,\xe9@example.com,x\n", "invalid_encoding"),
    (b"C-0,x@example.com,\0\n", "invalid_encoding"),
    (b"C-0,x@example.com," + b"z" * 1_000_001 + b"\n", "malformed_row"),
    (b'C-0,,"' + b"C-6,not-a-customer@example.com,Evil\n" * 400 + b'"\n', "missing_email"),
    (b'C-0, "" ,"a ""quoted"" word"\n', "missing_email"),
    (b"\n\n\n", ""),
)
EMAIL = re.compile(r'"email":"p(\d+)@')


class Written:
    """One file, and what must become of it."""

    def __init__(self, chance: random.Random, size_bytes: int) -> None:
        self.chance = chance
        self.parts = [HEADER]
        self.size_bytes = len(HEADER)
        self.line = 2
        self.faults: list[tuple[int, str]] = []
        self.line_of: list[int] = []  # of customer n
        for border in sorted(self.borders(size_bytes)):
            self.customers(border - chance.randint(0, 200))
            self.fault()
        self.customers(size_bytes)

    def borders(self, size_bytes: int) -> Iterator[int]:
        for border in BORDERS:
            yield from (
                at for at in range(border, size_bytes, border) if border > 1 << 20 or self.chance.random() < 0.2
            )

    def customers(self, up_to: int) -> None:
        while self.size_bytes < up_to:
            number = len(self.line_of)
            name = b'"a, b"' if number % 50 == 0 else b"n" * (number % 90)
            self.add(b"C-%d,p%d@example.com,%s\n" % (number, number, name))
            self.line_of.append(self.line - 1)

    def fault(self) -> None:
        record, reason = self.chance.choice(FAULTS)
        if reason:
            self.faults.append((self.line, reason))
        self.add(record)

    def add(self, record: bytes) -> None:
        self.parts.append(record)
        self.size_bytes += len(record)
        self.line += record.count(b"\n")


def read_and_compare(seed: int, size_bytes: int, folder: Path) -> None:
    chance = random.Random(seed)
    written = Written(chance, size_bytes)
    rejected: list[tuple[int, str]] = []

    def reject(row: RejectedRow) -> None:
        rejected.append((row.line, row.reason))

    blobs = FakeBlobs({"Gold_1.csv": b"".join(written.parts)}, chance, (4 * 1024 * 1024,))
    reader = reader_of(blobs, folder, reject)
    numbers = []
    for chunk in reader.chunks():
        contacts, places = chunk.contacts.read_text("utf-8"), chunk.places.read_text("utf-8")
        for number, place in zip(map(int, EMAIL.findall(contacts)), places.split("\n"), strict=False):
            numbers.append(number)
            if number % 97 == 0:
                assert chunk.origins.line(int(place.split("\t")[0])) == written.line_of[number]
    assert sorted(rejected) == sorted(written.faults)
    assert numbers == list(range(len(written.line_of)))
    assert reader.counts.rows_read == len(numbers) + len(rejected)


@pytest.mark.full
def test_file_with_a_fault_at_each_border_loses_nobody(tmp_path: Path) -> None:
    read_and_compare(SEED, 33_000_000, tmp_path)


@pytest.mark.full
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(20))
def test_200_files_with_a_fault_at_each_border_lose_nobody(part: int, tmp_path: Path) -> None:
    for number in range(10):
        seed = SEED + 1 + part * 10 + number
        read_and_compare(seed, random.Random(seed).randint(10_000_000, 60_000_000), tmp_path)
