"""A list is compared in ranges of keys, since all at once does not fit a worker's memory: with the same result."""

import numpy as np
import pytest

from shared.mapping.compared import SEGMENT_KINDS, UNCHANGED
from shared.mapping.engine import open_engine
from shared.mapping.number_file import NumberFile
from shared.sync import difference
from shared.sync.difference import Comparison, Known
from shared.sync.ledger import About, write_ledger

MANY, LEFT = 2_000, 150
ABOUT = About("email", "key", "run")


@pytest.fixture
def files(tmp_path):
    """A segment of which some have left, the ledger and the list as they were before."""
    numbers = np.random.default_rng(7)
    high, low, digest = (numbers.integers(0, 2**64, MANY, dtype=np.uint64) for _ in range(3))
    db = open_engine(tmp_path)
    db.register("numbers", {"high": high, "low": low, "digest": digest})
    db.execute("CREATE TABLE all_of_them AS FROM numbers")
    write_ledger(db, "SELECT * FROM all_of_them", tmp_path / "before.parquet", ABOUT)
    members = "SELECT high, low, CAST(1 + rowid AS BIGINT) AS number, false AS blocked FROM all_of_them"
    db.execute(f"COPY ({members}) TO '{tmp_path}/members' (FORMAT parquet)")
    db.close()
    there = LEFT + np.argsort(high[LEFT:])
    columns = (high[there], low[there], digest[there], there, np.full(MANY - LEFT, UNCHANGED))
    NumberFile.write(tmp_path / "keys-00000", SEGMENT_KINDS, columns)
    return tmp_path


@pytest.mark.parametrize("members", [100, 700, 200_000])
@pytest.mark.parametrize("mode", ["mirror", "mirror_exact"])
def test_who_is_to_be_removed_is_the_same_in_any_number_of_ranges(files, monkeypatch, mode, members):
    monkeypatch.setattr(difference, "_RANGE_MEMBERS", members)
    known = Known(files / "before.parquet", (), files / "members")
    with Comparison(files, [files / "keys-00000"], known, mode) as comparison:
        found = comparison.difference()
    assert (found.to_remove, found.members_before, found.members_after) == (LEFT, MANY, MANY - LEFT)
    lines = (files / "removals").read_text().splitlines()
    assert [int(line.split(",")[0]) for line in lines] == list(range(1, LEFT + 1))
