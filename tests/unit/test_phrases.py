"""The pages have a word for each state of a run and of a batch, and for each kind of a run's events."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from export_trigger.pages import phrases
from shared.runs.batch import BatchState
from shared.runs.kinds import Kind
from shared.runs.state import OpenState, State

ROOT = Path(__file__).parents[2]


def words_of(kind: Any) -> set[str]:
    """The words of a Literal, or of a union of some."""
    found = set()
    for each in get_args(getattr(kind, "__value__", kind)):
        found |= {each} if isinstance(each, str) else words_of(each)
    return found


@pytest.mark.parametrize(
    ("words", "kind"), [(phrases.STATES, State), (phrases.BATCHES, BatchState), (phrases.KINDS, Kind)]
)
def test_there_is_a_word_for_each(words, kind):
    assert set(words) == words_of(kind)


def test_progress_has_a_place_for_each_open_state():
    assert words_of(OpenState) <= set(phrases.PROGRESS)


def test_there_is_a_word_for_each_event_that_a_run_notes():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "shared").rglob("*.py"))
    noted = set(re.findall(r'add_event\(\s*[\w.]+, "(\w+)"', code))
    assert len(noted) > 10
    assert noted <= set(phrases.EVENTS)
