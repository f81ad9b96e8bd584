"""What is kept of an unforeseen error: where it was, and none of its words."""

import json

import pytest

from shared.errors import place_of


def outer():
    inner()


def inner():
    json.loads("{ana@example.com")


def test_place_names_each_line_that_led_there_and_no_word():
    with pytest.raises(ValueError, match="line 1") as caught:
        outer()
    place = place_of(caught.value)
    assert place.startswith("JSONDecodeError at decoder.py:")
    called = place.split(", called from ")[1].split(" < ")
    assert [line.split(":")[0] for line in called[-3:]] == ["test_errors.py"] * 3
    assert "ana" not in place


def test_place_of_an_error_that_was_never_raised_is_its_type():
    assert place_of(ValueError("ana@example.com")) == "ValueError"
