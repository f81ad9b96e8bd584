"""The configuration's schema is as strict as its reading: a program that follows it is not refused."""

import re

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.config.models import Export
from shared.config.source import NullWord


@pytest.mark.parametrize("guard", ["max_profiles", "max_shrink", "max_rejected", "max_warnings", "max_removed"])
def test_what_is_said_of_a_guard_is_that_it_holds_a_run(guard):
    """A person can approve it: that nothing is sent would be no reason to look for a run that waits."""
    said = Export.model_json_schema()["properties"][guard]["description"]
    assert "for approval" in said


def test_words_of_blanks_alone_are_refused_by_schema_and_reading_alike():
    words = TypeAdapter(NullWord)
    pattern = re.compile(words.json_schema()["pattern"])
    letters = [chr(number) for number in range(0x10000) if not 0xD800 <= number < 0xE000]
    blanks = [letter for letter in letters if not pattern.search(letter)]
    assert len(blanks) == 25
    for letter in blanks:
        with pytest.raises(ValidationError, match="at least 1 character"):
            words.validate_python(letter)
    for letter in set(letters) - set(blanks):
        assert words.validate_python(letter) == letter
