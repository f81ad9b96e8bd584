"""What is cut between two chunks is whole in one of those that overlap."""

import pytest

from shared.storage.overlapping import overlapping


@pytest.mark.parametrize("size", range(1, 12))
def test_word_is_found_wherever_it_is_cut(size):
    data = b"xxxxneedlexxxx"
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert any(b"needle" in each for each in overlapping(chunks, len(b"needle")))


def test_nothing_is_found_in_no_chunks():
    assert list(overlapping([], 3)) == []
