"""No row of a table in README or the guides stands twice: the reader finds the older one, which is wrong by then."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.documented import GUIDES, ROOT
from tests.unit.code_and_bicep import constant, nodes

# Fewer are a value of a column, such as a reason, of which several rows tell.
_FEWEST_WORDS = 4


def tables(text: str) -> Iterator[list[list[str]]]:
    """The rows of each table, as their cells, without its head."""
    for table in re.findall(r"^\|.*\|\n\|[-:|]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE):
        yield [re.split(r"(?<!\\)\|", line.strip("|")) for line in table.splitlines()]


def twice(rows: list[list[str]]) -> set[str]:
    """What stands twice: a first cell, or words that an output has in italics, behind the same beginning."""
    seen: Counter[str] = Counter()
    group = ""
    for first, *_ in rows:
        group = group if not first.strip() else first.strip()
        beginning, _, words = group.partition(":")
        italics = re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", words)
        if first.strip():
            seen.update([f"{beginning}: {each}" for each in italics] or [group])
    return {what for what, count in seen.items() if count > 1 and len(what.split()) >= _FEWEST_WORDS}


@pytest.mark.parametrize("guide", [*GUIDES, "CHANGELOG.md"])
def test_no_row_of_a_table_stands_twice(guide):
    text = (ROOT / guide).read_text(encoding="utf-8")
    assert [found for rows in tables(text) if (found := twice(rows))] == []


def test_guides_have_tables_at_all():
    assert sum(len(rows) for guide in GUIDES for rows in tables((ROOT / guide).read_text(encoding="utf-8"))) > 300


@pytest.mark.parametrize("second", ["| `a`: *it is held* | 2 |", "| `a`: *is gone*, *it is held* | 2 |"])
def test_row_that_stands_twice_would_be_noticed(second):
    head, first = "| see | do |\n|---|---|\n", "| `a`: *it is held*, *less than allowed* | 1 |"
    assert [twice(rows) for rows in tables(f"{head}{first}\n{second}\n")] == [{"`a`: it is held"}]


def test_each_kind_of_event_of_a_runs_story_is_explained_to_who_is_called():
    calls = [call for call in nodes(ast.Call) if getattr(call.func, "attr", "") == "add_event"]
    kinds = {constant(call.args[1]) for call in calls if len(call.args) > 1} - {None}
    assert {"delivered", "notified", "removed"} <= kinds
    guide = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    story = guide[guide.index("- `story`, its start") : guide.index("- `segment-export rejects RUN`")]
    assert {kind for kind in kinds if f"`{kind}`" not in story} == set()
