"""What Brevo gets is the contacts of the segment, whether in bodies or in files, and each is found in its row again."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shared.brevo import body
from shared.brevo.body import ImportRequest, contact_texts
from shared.mapping import engine, select
from shared.segments.snapshot import find_snapshot
from shared.staging import parts, reader
from shared.staging.account import decided_by
from shared.staging.bodies import (
    StagedBody,
    body_name,
    customer_ids,
    pieces_of_body,
    read_origins,
    write_bodies,
    write_files,
    write_last_bodies,
    write_moved,
)
from shared.staging.parts import write_as_bodies, write_parts
from shared.staging.reader import SnapshotReader
from tests.property.by_the_docs import Judge, trimmed
from tests.property.tried import try_worlds
from tests.property.worlds import World
from tests.sizes import in_both_sizes

WORLDS = 40
STAGING = "run/staging"
REQUEST = ImportRequest(7, erase_empty=True, notify_url=lambda number: f"https://app.example/{number}")


@dataclass
class Pieces:
    """Storage that gives blobs in pieces of any size."""

    rng: random.Random
    blobs: dict[str, bytes] = field(default_factory=dict)
    blocks: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def write(self, container: str, name: str, data: bytes) -> None:
        self.blobs[name] = data

    def read(self, container: str, name: str) -> bytes:
        return self.blobs[name]

    def put_block(self, container: str, name: str, number: int, data: bytes) -> None:
        assert data, "storage takes no empty block"
        self.blocks[name, number] = data

    def commit_blocks(self, container: str, name: str, count: int, content_type: str) -> None:
        self.blobs[name] = b"".join(self.blocks[name, number] for number in range(count))

    def chunks(self, container: str, name: str, etag: str | None) -> Iterator[bytes]:
        data, at, size = self.blobs[name], 0, self.rng.choice([7, 100, 5_000])
        while at < len(data):
            yield data[at : at + size]
            at += size


class Written:
    """A world whose contacts are written down, beside what the docs say of them."""

    def __init__(self, rng: random.Random, folder: Path) -> None:
        self.world, self.storage = World(rng), Pieces(rng)
        self.blobs: Any = self.storage
        ready, memory = self.world.ready, self.world.memory
        source: Any = memory
        snapshot = find_snapshot(source, ready.export.source, ready.export.segments)
        self.reader = SnapshotReader(
            source,
            ready,
            snapshot,
            folder,
            planned=lambda plan: decided_by(plan, ready.export, self.world.account()),
            conditions=self.world.conditions(folder),
        )
        judge = Judge(self.world.rules)
        self.rows = []
        for row in self.world.writer.rows:
            if judge.judge(row) == "contact":
                self.rows.append((row.segment, row.file, row.line, trimmed(row.cells["CustomerId"]).replace("\n", " ")))
                if len(self.rows) == self.world.most:
                    break
        self.contacts = judge.books.contacts
        write_files(self.blobs, STAGING, self.reader.files)

    def check(self, numbers: list[int], *, is_file: bool) -> None:
        """The bodies or files with these numbers have all contacts, in their order, and their rows."""
        contacts: list[Any] = []
        rows: list[tuple[str, str, int, str]] = []
        for number in numbers:
            sent = json.loads(self.storage.blobs[body_name(STAGING, number)], parse_int=float)
            these = sent if is_file else sent["jsonBody"]
            assert [json.loads(text, parse_int=float) for _, text in self._texts(number)] == these
            found = read_origins(self.blobs, STAGING, number, set(range(len(these))))
            origins = [found[index] for index in range(len(these))]
            rows += [(each.segment, each.file.split("/")[-1], each.line, each.customer_id) for each in origins]
            contacts += these
        assert contacts == self.contacts
        assert rows == self.rows

    def check_moved(self, files: list[StagedBody]) -> None:
        """What moves of all files to the last bodies is found there, and by its addresses."""
        moved = [
            (each.number, write_moved(self.blobs, STAGING, each.number, dict(self._texts(each.number))))
            for each in files
        ]
        emails = {contact["email"] for contact in self.contacts}
        for number, moved_id in moved:
            name = body_name(STAGING, number)
            ids = customer_ids(self.blobs, f"{name.removesuffix('.json')}-{moved_id}.moved", emails)
            assert ids == customer_ids(self.blobs, name, emails)
        last = write_last_bodies(self.blobs, STAGING, REQUEST, moved, 500) if moved else []
        self.check([each.number for each in last], is_file=False)

    def _texts(self, number: int) -> list[tuple[int, str]]:
        return list(contact_texts(pieces_of_body(self.blobs, STAGING, number), range(10_000)))


def check_bodies(written: Written) -> None:
    bodies = list(write_bodies(written.blobs, STAGING, REQUEST, written.reader.chunks()))
    assert sum(each.contacts for each in bodies) == len(written.contacts)
    written.check([each.number for each in bodies], is_file=False)


def check_files(written: Written) -> None:
    files = list(write_parts(written.blobs, STAGING, written.reader.chunks()))
    assert [each.number for each in files] == list(range(1, len(files) + 1))
    sizes = [len(written.storage.blobs[body_name(STAGING, each.number)]) for each in files]
    assert [each.size_bytes for each in files] == sizes
    written.check([each.number for each in files], is_file=True)
    again = [each for file in files for each in write_as_bodies(written.blobs, STAGING, file.number, REQUEST)]
    written.check([each.number for each in again], is_file=False)
    written.check_moved(files)


@in_both_sizes
@pytest.mark.parametrize("check", [check_bodies, check_files])
def test_contacts_are_the_same_in_bodies_and_in_files(
    size: float, check: Callable[[Written], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "duckdb", duckdb)

    def check_written(rng: random.Random, folder: Path) -> None:
        monkeypatch.setattr(reader, "CHUNK_BYTES", rng.choice([2_000, select.CHUNK_BYTES]))
        monkeypatch.setattr(body, "LARGEST_BODY_BYTES", rng.choice([400, 1_500, 9_000]))
        monkeypatch.setattr(parts, "LARGEST_FILE_BYTES", rng.choice([300, 2_000, 100_000]))
        monkeypatch.setattr(parts, "_BLOCK_BYTES", rng.choice([200, 1_500, 100_000]))
        check(Written(rng, folder))

    try_worlds(int(WORLDS * size), tmp_path, check_written)
