"""Whom a run takes out of a list: a file of millions of lines is read in little memory."""

import tracemalloc

import pytest

from shared.sync.removals import has_keys, keys_of, lines_of, numbers_of, without_numbers

FILE = b"12,7,8\n13,,\n14,9,10\n"


@pytest.mark.parametrize("size", range(1, len(FILE) + 1))
@pytest.mark.parametrize("data", [FILE, FILE.rstrip(b"\n"), b"12\n13\n14\n"])
def test_lines_are_whole_wherever_the_chunks_end(data, size):
    chunks = [data[first : first + size] for first in range(0, len(data), size)]
    assert list(numbers_of(lines_of(chunks))) == [12, 13, 14]


def test_keys_are_those_of_whom_we_have_put_there():
    assert keys_of(FILE, {12, 13}) == "7,8\n"
    assert [has_keys(each) for each in (FILE, b"13,,\n", b"13\n", b"")] == [True, False, False, False]
    assert list(without_numbers(FILE, [12, 14])) == [13]
    assert list(without_numbers(FILE, [])) == [12, 13, 14]


def test_numbers_of_many_take_less_memory_than_their_file():
    line = b"%d,12345678901234567890,12345678901234567890\n"
    chunks = [b"".join(line % number for number in range(first, first + 5000)) for first in range(0, 100_000, 5000)]
    tracemalloc.start()
    found = numbers_of(lines_of(chunks))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(found) == list(range(100_000))
    assert peak < sum(map(len, chunks)) / 2
