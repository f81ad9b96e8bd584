"""The list as it is, in a file: who is written down twice is one member."""

import random

import duckdb

from shared.mapping.leavers import DigestKey
from shared.sync import members
from shared.sync.members import members_sql, write_members


def test_each_number_is_one_member_however_often_and_far_apart_it_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(members, "_AT_ONCE", 7)
    chance = random.Random(5)
    once = [(f"p{number}@example.com", number, number % 5 == 0) for number in range(1, 60)]
    # Some come again, of whom some are blocked then alone; those without a number are each somebody.
    again = [(address, number, number % 3 == 0) for address, number, _ in chance.choices(once, k=200)]
    nameless = [("", 0, False)] * 9
    given = once + again + nameless
    chance.shuffle(given)
    assert write_members(tmp_path / "list", given, DigestKey("key")) == len(once) + len(nameless)
    found = duckdb.sql(f"SELECT number, blocked FROM ({members_sql(tmp_path / 'list')})").fetchall()
    blocked = {number for _, number, is_blocked in given if is_blocked}
    assert sorted(found) == sorted([(number, number in blocked) for _, number, _ in once] + [(0, False)] * 9)
    assert [each.name for each in tmp_path.iterdir()] == ["list"], "what it needs on the way is gone"
