"""Keys sorted in files find what a dictionary finds, also keys that begin alike, and stay few files."""

import random

import numpy as np
import pytest

from shared.mapping import sorted_keys
from shared.mapping.number_file import PARTS, NumberFile
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


@pytest.fixture
def in_memory(monkeypatch):
    """Sets how many keys may be in memory before they are put into files."""

    def at_most(keys):
        monkeypatch.setattr(sorted_keys, "_MOST_IN_MEMORY", keys)

    return at_most


@pytest.mark.parametrize("most", [0, 30, 1000])
@pytest.mark.parametrize("seed", range(10))
def test_what_was_added_is_found_and_nothing_else(tmp_path, in_memory, seed, most):
    in_memory(most)
    dice = random.Random(seed)
    table, known = SortedKeys(tmp_path, "keys", "uint64", "uint64"), set()
    for _ in range(8):
        rows = {row[:2] for row in some_rows(dice, dice.randrange(60))} - known
        table.add(columns(rows)[:2])
        known |= rows
        high, low, _ = columns(some_rows(dice, 80))
        wanted = [(int(one), int(two)) in known for one, two in zip(high, low, strict=True)]
        assert table.find([high, low]).tolist() == wanted


@pytest.mark.parametrize("seed", range(10))
def test_a_key_is_found_in_a_file_where_it_stands(tmp_path, seed):
    dice = random.Random(seed)
    known = columns({row[:2]: row for row in some_rows(dice, 200)}.values())
    file = NumberFile.write(tmp_path / "known", ("uint64",) * 3, known)
    high, low, wanted = columns(some_rows(dice, 80))
    places, is_there = file.find([high, low])
    here = set(zip(known[0].tolist(), known[1].tolist(), strict=True))
    assert is_there.tolist() == [key in here for key in zip(high.tolist(), low.tolist(), strict=True)]
    assert (file.column(2)[places][is_there] == wanted[is_there]).all()


def test_nothing_is_found_in_an_empty_file(tmp_path):
    file = NumberFile.empty(tmp_path / "known", ("uint64", "uint8"), 0)
    assert file.find([numbers([1, 2])])[1].tolist() == [False, False]


def test_what_is_written_into_a_column_is_in_the_file(tmp_path):
    kinds = ("uint64", "uint32", "uint8")
    file = NumberFile.empty(tmp_path / "known", kinds, 3)
    for number in range(3):
        file.column(number, can_write=True)[1:] = (2 + number, 7)
    found = NumberFile.open(tmp_path / "known", kinds)
    assert [found.read(number).tolist() for number in range(3)] == [[0, 2, 7], [0, 3, 7], [0, 4, 7]]


def test_rows_that_are_put_into_a_file_stand_where_they_were_put(tmp_path):
    kinds = ("uint64", "uint32", "uint8")
    file = NumberFile.empty(tmp_path / "known", kinds, 4)
    file.put(1, [numbers([5, 6]), numbers([7, 8])])
    file.put(3, [numbers([2**64 - 1]), numbers([9])])
    found = NumberFile.open(tmp_path / "known", kinds)
    assert [found.read(number).tolist() for number in range(3)] == [[0, 5, 6, 2**64 - 1], [0, 7, 8, 9], [0, 0, 0, 0]]


@pytest.mark.parametrize("most", [0, 2, 1000])
def test_table_that_takes_another_one_has_the_rows_of_both_and_leaves_no_file_of_it(tmp_path, in_memory, most):
    in_memory(most)
    one, other = (SortedKeys(tmp_path, name, "uint64") for name in ("one", "other"))
    one.add([numbers([1, 5, 2**63])])
    other.add([numbers([2, 2**63])])
    other.add([numbers([2**64 - 1])])
    one.take(other)
    asked = numbers([1, 2, 3, 5, 2**63, 2**64 - 1])
    assert one.find([asked]).tolist() == [True, True, False, True, True, True]
    assert other.find([asked]).tolist() == [False] * 6
    assert [path.name for path in tmp_path.glob("other-*")] == []


@pytest.mark.full
def test_many_small_additions_end_in_few_files_whose_size_is_that_of_their_numbers(tmp_path, in_memory):
    in_memory(0)
    dice = random.Random(3)
    table = SortedKeys(tmp_path, "keys", "uint64", "uint64")
    for _ in range(100):
        table.add([np.sort(numbers(dice.getrandbits(64) for _ in range(50))), numbers(range(50))])
    files = list(tmp_path.iterdir())
    assert len(files) <= PARTS * 7
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


def test_a_large_table_is_in_files_but_for_its_last_keys(tmp_path, in_memory):
    in_memory(100)
    table, dice = SortedKeys(tmp_path, "keys", "uint64"), random.Random(5)
    for count in range(1, 60):
        table.add([np.sort(numbers(dice.getrandbits(64) for _ in range(10)))])
        in_files = sum(path.stat().st_size for path in tmp_path.iterdir()) // 8
        assert 0 <= count * 10 - in_files <= 100


def test_a_look_up_opens_one_part_of_a_run_at_a_time(tmp_path, monkeypatch, in_memory):
    in_memory(0)
    table = SortedKeys(tmp_path, "keys", "uint64")
    table.add([np.arange(1600, dtype=np.uint64) << np.uint64(53)])
    opened = []
    column = NumberFile.column

    def noted(*arguments):
        found = column(*arguments)
        opened.append(len(found))
        return found

    monkeypatch.setattr(NumberFile, "column", noted)
    assert table.find([numbers([5 << 53])]).tolist() == [True]
    assert opened
    assert max(opened) <= 2048 // PARTS
