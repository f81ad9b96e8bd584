"""What becomes of each row of a snapshot is what docs/configure.md says, whatever the settings and the files are like.

Exports with any settings read files with any form; rules in plain Python, row by row, say which contacts there must be,
which rows are rejected, where and why, and what is counted.
"""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shared.mapping import engine, select
from shared.mapping.results import LEFT_OUT, NOT_SENT, WARNINGS, RejectedRow
from shared.segments.snapshot import find_snapshot
from shared.staging import reader
from shared.staging.account import decided_by
from shared.staging.reader import SnapshotReader
from tests.property.tried import try_worlds
from tests.property.worlds import World
from tests.sizes import in_both_sizes

WORLDS = 100


def check(world: World, folder: Path) -> None:
    ready = world.ready
    blobs: Any = world.memory
    rejected: list[RejectedRow] = []
    snapshot = find_snapshot(blobs, ready.export.source, ready.export.segments)
    run = SnapshotReader(
        blobs,
        ready,
        snapshot,
        folder,
        planned=lambda plan: decided_by(plan, ready.export, world.account()),
        on_rejected=rejected.append,
        conditions=world.conditions(folder),
    )
    contacts = [
        json.loads(line.rstrip(","), parse_int=float)
        for chunk in run.chunks()
        for line in chunk.contacts.read_text("utf-8").split("\n")
        if line
    ]
    books, rows = world.expected()
    assert contacts == books.contacts
    found = [
        (row.segment, row.file.split("/")[-1], row.line, row.reason, row.field, row.customer_id) for row in rejected
    ]
    assert Counter(found) == Counter(books.rejected)
    counts = run.counts
    left_out = {reason: books.fates[reason] for reason in LEFT_OUT if books.fates[reason]}
    warned = Counter(row[3] for row in books.rejected if row[3] in WARNINGS)
    assert counts.rows_read == len(rows)
    assert counts.contacts_new == len(books.contacts)
    assert counts.contacts_left_out == left_out
    assert counts.contacts_mapped == len(books.contacts) + sum(left_out.values())
    assert (counts.rows_merged, counts.rows_filtered) == (books.fates["merged"], books.fates["filtered"])
    assert counts.rows_rejected == {reason: books.fates[reason] for reason in NOT_SENT if books.fates[reason]}
    assert counts.warnings == dict(warned)
    assert {each.attribute: (each.filled, each.lost) for each in run.fields if each.filled} == {
        name: (books.filled[name], books.lost[name]) for name in books.filled
    }


@in_both_sizes
def test_each_row_becomes_what_the_docs_say(size: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "duckdb", duckdb)  # an engine of its own, with its limit and all that it plans

    def check_snapshot(rng: random.Random, folder: Path) -> None:
        monkeypatch.setattr(reader, "CHUNK_BYTES", rng.choice([700, 5_000, select.CHUNK_BYTES]))
        check(World(rng), folder)

    try_worlds(int(WORLDS * size), tmp_path, check_snapshot)
