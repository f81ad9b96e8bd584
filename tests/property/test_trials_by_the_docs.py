"""A trial sends of the customers that are named what a run would send of them, and says nothing of others."""

import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shared.mapping import engine, select
from shared.mapping.chosen import Chosen
from shared.mapping.conditions import Conditions
from shared.mapping.results import RejectedRow
from shared.segments.snapshot import find_snapshot
from shared.staging import reader
from shared.staging.account import decided_by
from shared.staging.reader import SnapshotReader
from tests.property.by_the_docs import Judge, trimmed
from tests.property.tried import try_worlds
from tests.property.worlds import World
from tests.sizes import in_both_sizes

WORLDS = 80


def check(world: World, ids: tuple[str, ...], folder: Path) -> None:
    ready, blobs, given, rejected = world.ready, world.memory, world.conditions(folder), list[RejectedRow]()
    source: Any = blobs
    trial = SnapshotReader(
        source,
        ready,
        find_snapshot(source, ready.export.source, ready.export.segments),
        folder,
        planned=lambda plan: decided_by(plan, ready.export, world.account()),
        on_rejected=rejected.append,
        conditions=Conditions(leavers=given.leavers, excluded=given.excluded, chosen=Chosen(len(ids), ids)),
    )
    sent = [
        json.loads(line.rstrip(","), parse_int=float)
        for chunk in trial.chunks()
        for line in chunk.contacts.read_text("utf-8").split("\n")
        if line
    ]
    judge, contacts, rows, seen = Judge(world.rules), list[Any](), 0, set[str]()
    for row in world.writer.rows:
        fate = judge.judge(row)
        customer = "" if row.fault else trimmed(row.cells["CustomerId"])
        if customer in ids:
            seen.add(customer)
            rows += 1
            contacts += judge.books.contacts[-1:] if fate == "contact" else []
    reported = [(row.segment, row.file, row.line, row.reason, row.field, row.customer_id) for row in rejected]
    wanted = [row for row in judge.books.rejected if row[-1] in ids]
    assert set(reported) <= set(wanted)
    if seen == set(ids):  # it stops reading once it has all of them
        assert [each for each in contacts if each in sent] == sent
        return
    assert (sent, sorted(reported)) == (contacts, sorted(wanted))
    assert (trial.seen, trial.counts.rows_read, trial.counts.contacts_new) == (seen, rows, len(contacts))


@in_both_sizes
def test_trial_sends_what_a_run_would(size: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "duckdb", duckdb)

    def check_trial(rng: random.Random, folder: Path) -> None:
        monkeypatch.setattr(reader, "CHUNK_BYTES", rng.choice([3_000, select.CHUNK_BYTES]))
        ids = tuple(f"C-{n}" for n in rng.sample(range(60), rng.choice([1, 3, 10])))
        check(World(rng), ids, folder)

    try_worlds(int(WORLDS * size), tmp_path, check_trial)
