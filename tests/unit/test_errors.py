"""What is kept of an unforeseen error: where it was, and none of its words."""

import json
import traceback

import pytest

from shared.errors import ConfigurationError, by_place, place_of


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


def test_known_error_leaves_a_function_without_the_frames_that_led_to_it():
    def deep(left):
        if not left:
            raise ConfigurationError("configuration_invalid", "exports.json: holds a raw Brevo key.")
        deep(left - 1)

    with pytest.raises(ConfigurationError) as raised, by_place("timer"):
        deep(20)
    assert "deep" not in "".join(traceback.format_exception(raised.value))
