"""Whatever the audit trail and the versions of the configuration say was done, a page says in the viewer's language."""

import re
from pathlib import Path

import pytest

from export_trigger.pages.said import said
from export_trigger.pages.viewer import Viewer

ROMANIAN, ENGLISH = Viewer("ro", "Europe/Bucharest"), Viewer("en", "Europe/Bucharest")
_NOTED = re.compile(r'audit\.note(?:_start)?\(\s*app, caller, "([^"{}]+)"')
# Of an operation, as `_save` in shared/administration/exports.py says it.
_OF_EXPORTS = [f"{action} export" for action in ("add", "edit", "duplicate", "schedule", "detach")]
# Verbs and nouns of the actions that no Romanian text has.
_ENGLISH = re.compile(r"\b(add|edit|duplicate|schedule|detach|change|remove|connection|release|forget|clear|why)\b")


def noted():
    """Each action that is noted by its name."""
    files = Path("shared").rglob("*.py")
    return sorted({action for path in files for action in _NOTED.findall(path.read_text(encoding="utf-8"))})


def test_the_code_says_what_was_done_in_these_places():
    assert {"run export", "forget a person", "release imports", "why"} <= set(noted())


@pytest.mark.parametrize("action", [*noted(), *_OF_EXPORTS, "add connection", "change connection"])
def test_action_is_said_in_romanian(action):
    words = str(said(ROMANIAN, action))
    assert words != action
    assert not _ENGLISH.search(words)


@pytest.mark.parametrize("action", [*_OF_EXPORTS, "add connection", "change connection", "remove export", "connect"])
@pytest.mark.parametrize("name", ["gold", "a-b-1"])
def test_version_says_what_was_changed_then(action, name):
    words = str(said(ROMANIAN, f"{action} {name}"))
    assert words.endswith(f" {name}")
    assert not _ENGLISH.search(words)
    assert str(said(ENGLISH, f"{action} {name}")) == f"{action} {name}"


def test_what_an_operators_tool_has_done_is_said():
    assert str(said(ROMANIAN, "3 erased, 1 remain elsewhere, 0 not done")) == (
        "șterse: 3, rămase în altă parte: 1, neefectuate: 0"
    )
    assert str(said(ROMANIAN, "3 put back, 1 dropped")) == "puse înapoi: 3, eliminate: 1"
