"""Keys sorted in files find what a dictionary finds, also keys that begin alike, and stay few files."""

import random

import numpy as np
import pytest

from shared.mapping import sorted_keys
from shared.mapping.sorted_keys import SortedKeys, repeated


def numbers(values):
    return np.array(list(values), dtype=np.uint64)


def columns(rows):
    """Rows by columns, in the order of the first one."""
    found = sorted(rows, key=lambda row: row[0])
    return [numbers(column) for column in zip(*found, strict=True)] if found else [numbers([])] * 3


def some_rows(dice, count):
    """Keys that often begin alike, in every part and at its borders; the value tells the key."""
    heads = [0, 2**64 - 1, 2**58, 2**58 - 1, *(dice.getrandbits(64) for _ in range(6))]
    return [(head, low, head ^ low) for head, low in ((dice.choice(heads), dice.randrange(40)) for _ in range(count))]


@pytest.mark.parametrize("seed", range(10))
def test_what_was_added_is_found_with_its_value_and_nothing_else(tmp_path, seed):
    dice = random.Random(seed)
    table, known = SortedKeys(tmp_path, "keys", 3), {}
    for _ in range(8):
        rows = {row[:2]: row for row in some_rows(dice, dice.randrange(60)) if row[:2] not in known}
        table.add(columns(rows.values()))
        known |= rows
        high, low, _ = columns(some_rows(dice, 80))
        found, values = table.find([high, low])
        wanted = [(int(one), int(two)) in known for one, two in zip(high, low, strict=True)]
        assert found.tolist() == wanted
        assert (values[found] == (high ^ low)[found]).all()


def test_table_that_takes_another_one_has_the_rows_of_both_and_leaves_no_file_of_it(tmp_path):
    one, other = SortedKeys(tmp_path, "one", 1), SortedKeys(tmp_path, "other", 1)
    one.add([numbers([1, 5, 2**63])])
    other.add([numbers([2, 2**63, 2**64 - 1])])
    one.take(other)
    asked = numbers([1, 2, 3, 5, 2**63, 2**64 - 1])
    assert one.find([asked])[0].tolist() == [True, True, False, True, True, True]
    assert other.find([asked])[0].tolist() == [False] * 6
    assert [path.name for path in tmp_path.glob("other-*")] == []


@pytest.mark.full
def test_many_small_additions_end_in_few_files_whose_size_is_that_of_their_numbers(tmp_path):
    dice = random.Random(3)
    table = SortedKeys(tmp_path, "keys", 2)
    for _ in range(100):
        table.add([np.sort(numbers(dice.getrandbits(64) for _ in range(50))), numbers(range(50))])
    files = list(tmp_path.iterdir())
    assert len(files) <= 64 * 7
    assert sum(path.stat().st_size for path in files) == 100 * 50 * 2 * 8


@pytest.mark.parametrize("seed", range(10))
def test_a_row_repeats_the_one_with_the_first_turn(seed):
    dice = random.Random(seed)
    rows = [(high % 7, low % 3) for high, low, _ in some_rows(dice, 60)]
    order = sorted(range(60), key=lambda turn: (rows[turn][0], dice.random()))
    flags = repeated([numbers(rows[turn][place] for turn in order) for place in (0, 1)], np.array(order))
    assert flags.tolist() == [rows[turn] in rows[:turn] for turn in order]


def test_nothing_is_repeated_among_no_rows():
    assert repeated([numbers([])], np.array([], dtype=np.int64)).tolist() == []


def test_a_look_up_reads_one_part_of_a_run_at_a_time(tmp_path, monkeypatch):
    table = SortedKeys(tmp_path, "keys", 1)
    table.add([np.arange(1600, dtype=np.uint64) << np.uint64(53)])
    read = []
    from_file = np.fromfile

    def noted(*arguments, **named):
        found = from_file(*arguments, **named)
        read.append(len(found))
        return found

    monkeypatch.setattr(sorted_keys.np, "fromfile", noted)
    assert table.find([numbers([5 << 53])])[0].tolist() == [True]
    assert max(read) <= 32
