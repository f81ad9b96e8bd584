"""Every record of a file is a contact, merged or rejected with its line, or the file fails with its line.

Files full of faults are read by the product, with borders of pieces, windows, chunks and the engine's buffer all over
them, and by a slow reader that knows no borders.
"""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ConfigurationError
from shared.mapping import select
from shared.mapping.mapper import Mapper
from shared.mapping.plan import Plan
from shared.mapping.results import RejectedRow
from shared.segments import framing
from shared.staging import reader
from tests.property import slow_reader
from tests.property.one_file import FakeBlobs, reader_of
from tests.property.slow_reader import QuoteOpenAt

SEED = 20261128
FILES_AT_ONCE = 100
LONGEST_RECORD_BYTES = 400
PIECE_SIZES = (1, 2, 3, 7, 50, 300, 2_000)
HEADER = b"CustomerId,EMail,FirstName\n"
FRAGMENTS = ["a", "Ana ", "é", "日本", " ", "x" * 30, "y" * 150, ";", "\\", "-", "'", "C-9,eve@example.com,Eve", "\t"]
EMAIL = re.compile(r"[a-z0-9]+@example\.com")


class Writer:
    """Writes files with every fault, at random."""

    def __init__(self, chance: random.Random, escape: str) -> None:
        self.chance = chance
        self.escape = escape
        self.people = 0
        # Each file has its own faults, so that most have few of them.
        self.trouble = 0.0

    def file(self) -> bytes:
        chance = self.chance
        self.trouble = chance.choice([0, 0, 0.003, 0.02, 0.2])
        line_ends = chance.choice([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]])
        parts = [b"\xef\xbb\xbf" * chance.choice([0, 0, 0, 1, 2]), b"\n" * chance.choice([0, 0, 0, 3]), HEADER]
        for _ in range(chance.choice([1, 3, 20, 100, chance.randint(1, 400)])):
            if chance.random() < 0.02:
                parts.append(chance.choice(line_ends).encode() * chance.choice([1, 1, 2, 70]))
            parts += [self.record(), chance.choice(line_ends).encode()]
        if chance.random() < 0.3:
            parts.pop()
        return b"".join(parts)

    def record(self) -> bytes:
        chance = self.chance
        self.people += 1
        email = f"p{self.people}@example.com"
        cells = [f"C-{self.people}", chance.choice([email] * 8 + ["", "nobody"]), self.text()]
        written = [self.cell(cell) for cell in cells]
        if chance.random() < self.trouble:
            written = self.wrong_count(written)
        record = ",".join(written).encode()
        if chance.random() < self.trouble:
            at = chance.randrange(len(record) + 1)
            spoilt = [b"\xff", b"\xe9", b"\0", b"\xc3", b'"', b'"', b'""', b' "', b'" ', b"\\", b"z" * 500]
            record = record[:at] + chance.choice(spoilt) + record[at:]
        return record

    def text(self) -> str:
        return "".join(self.chance.choice(FRAGMENTS) for _ in range(self.chance.choice([0, 1, 1, 1, 2, 5])))

    def wrong_count(self, cells: list[str]) -> list[str]:
        return self.chance.choice([cells[:2], cells[:1], [*cells, ""], [*cells, "", ""], [*cells, "x"], [*cells, '""']])

    def cell(self, value: str) -> str:
        chance = self.chance
        if chance.random() < 0.05:
            value = chance.choice(["\n", 'say "hi"', "a\nb,c\n", '"', "\r\n", "\n\n"]) + value
        if chance.random() < 0.03 and not set(value) & set(",\n\r") and not value.lstrip(" ").startswith('"'):
            return value + '5" pipe'  # a quote inside a cell without quotes is text
        if chance.random() < 0.1 or set(value) & set(',"\n\r'):
            inside = value.replace("\\", "\\\\") if self.escape == "\\" else value
            spaces = chance.choice(["", "", "", " ", "  "])
            return f'{spaces}"{inside.replace(chr(34), self.escape + chr(34))}"{chance.choice(["", "", " "])}'
        return value


@pytest.fixture
def small_borders(monkeypatch: pytest.MonkeyPatch, chunk_bytes: int) -> None:
    """Borders every few hundred bytes, and of chunks every `chunk_bytes`.

    Each chunk costs the engine a dozen statements, which is most of what these tests take.
    """
    monkeypatch.setattr(framing, "LONGEST_RECORD_BYTES", LONGEST_RECORD_BYTES)
    monkeypatch.setattr(framing, "_PIECE_BYTES", 700)
    monkeypatch.setattr(framing, "_WINDOW_BYTES", 300)
    monkeypatch.setattr(framing, "_BYTES_PER_QUOTE", 8)
    monkeypatch.setattr(reader, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(select, "BUFFER_BYTES", chunk_bytes + 200)
    monkeypatch.setattr(select, "LONGEST_ROW_BYTES", 500)


def read_by_product(files: dict[str, bytes], escape: str, folder: Path, chance: random.Random) -> dict[str, Any]:
    """File -> line -> the reason of a rejected row, or the contact."""
    found: dict[str, dict[int, Any]] = {name: {} for name in files}

    def rejected(row: RejectedRow) -> None:
        assert row.line not in found[row.file], row
        found[row.file][row.line] = row.reason

    blobs = FakeBlobs(files, chance, PIECE_SIZES)
    reader = reader_of(blobs, folder, rejected, escape)
    paths = [path for _, path in reader.files]
    for chunk in reader.chunks():
        contacts = chunk.contacts.read_text("utf-8").splitlines()
        places = chunk.places.read_text("utf-8").split("\n")
        for contact, place in zip(contacts, places, strict=False):
            row = int(place.split("\t")[0])
            name = paths[chunk.origins.file(row)]
            line = chunk.origins.line(row)
            assert line not in found[name]
            found[name][line] = json.loads(contact.rstrip(","))
    assert reader.counts.rows_read == sum(map(len, found.values()))
    return found


def check(row: slow_reader.Row, found: Any, seen: set[str]) -> None:
    """One record as the slow reader sees it, and what became of it."""
    if row.fault:
        assert found == row.fault, row
        return
    email = row.cells[1].strip()
    if not email:
        assert found == "missing_email", row
    elif not EMAIL.fullmatch(email):
        assert found == "invalid_email" or found["email"] == email.lower(), row
    elif email in seen:
        assert found == "duplicate_email", row
    else:
        seen.add(email)
        assert found["email"] == email, row
        assert found["attributes"].get("FIRSTNAME", "") == row.cells[2].strip(), row


class NoMapper:
    """Maps nothing. The contacts of a file that fails are not compared, and each file would need an engine."""

    def __init__(self, plan: Plan, *_: object, every_row: bool) -> None:
        self.plan = plan
        self.reasons: Counter[str] = Counter()
        self.is_enough = False
        self.last_inside = False

    def map_chunk(self, *_: object) -> None:
        return

    def close(self) -> None:
        return


def check_that_it_fails(file: str, data: bytes, line: int, escape: str, folder: Path, chance: random.Random) -> None:
    blobs = FakeBlobs({file: data}, chance, PIECE_SIZES)
    with pytest.raises(ConfigurationError, match=f"{file}, line {line}: a quote is opened"):
        for _ in reader_of(blobs, folder, lambda _: None, escape).chunks():
            """Until it fails."""


def read_and_compare(
    files: int, seed: int, folder: Path, mapper: type[Mapper | NoMapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mapper` maps the files that fail."""
    chance = random.Random(seed)
    for _ in range(files // FILES_AT_ONCE):
        escape = chance.choice(['"', '"', '"', "\\"])
        writer = Writer(chance, escape)
        written = {f"Gold_{n}.csv": writer.file() for n in range(FILES_AT_ONCE)}
        expected = {
            name: slow_reader.read(data, 3, ",", escape, LONGEST_RECORD_BYTES) for name, data in written.items()
        }
        for name, rows in expected.items():
            if isinstance(rows, QuoteOpenAt):
                with monkeypatch.context() as patch:
                    patch.setattr(reader, "Mapper", mapper)
                    check_that_it_fails(name, written[name], rows.line, escape, folder, chance)
        readable = {name: rows for name, rows in expected.items() if not isinstance(rows, QuoteOpenAt)}
        found = read_by_product({name: written[name] for name in readable}, escape, folder, chance)
        seen: set[str] = set()
        for name, rows in readable.items():
            assert [row.line for row in rows] == sorted(found[name]), name
            for row in rows:
                check(row, found[name][row.line], seen)


@pytest.mark.parametrize(
    ("part", "files", "chunk_bytes"), [(0, 100, 5_000), (1, 300, 40_000), (2, 300, 40_000), (3, 300, 40_000)]
)
def test_every_record_of_1000_files_is_a_contact_or_rejected_with_its_line(
    part: int, files: int, small_borders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_and_compare(files, SEED + part, tmp_path, NoMapper, monkeypatch)


@pytest.mark.full
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("chunk_bytes", [5_000])
@pytest.mark.parametrize("part", range(50))
def test_every_record_of_100000_files_is_a_contact_or_rejected_with_its_line(
    part: int, small_borders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_and_compare(2_000, SEED + 1_000 + part, tmp_path, Mapper, monkeypatch)
