"""What the terminal prints fits into its width, whatever is in it."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cli.fitting import cells, columns, cut, fitted, width_of, wrapped
from shared.cli.progress import line

TEXTS = st.text(st.sampled_from("ab ,.-é世\u0301"), max_size=120)


@given(TEXTS, st.integers(20, 120), st.integers(0, 130))
def test_no_wrapped_line_is_wider_and_no_word_is_lost(text, width, indent):
    lines = wrapped(text, width, indent).split("\n")
    assert all(cells(each) <= width for each in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(TEXTS, st.integers(1, 120))
def test_cut_text_is_never_wider(text, width):
    assert cells(cut(text, width)) <= width


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), max_size=4), st.integers(20, 120))
def test_no_row_of_a_table_is_wider(rows, width):
    lines = columns(("ID", "A LONG NAME", "AT", "WHY"), rows, width).split("\n")
    assert all(cells(each) <= width for each in lines)


@given(TEXTS, st.integers(20, 120), st.integers(0, 9), st.floats(0, 1e6))
def test_progress_is_one_line_of_at_most_the_width(text, width, done, seconds):
    shown = line("/", done, 9, seconds, text, width)
    assert cells(shown) <= width
    assert "\n" not in shown


def test_what_is_wrapped_stands_below_the_text_behind_its_label():
    text = fitted("  error      The key was refused by the account.\n  what to do Set another one, and run it now.", 34)
    assert text.splitlines() == [
        "  error      The key was refused",
        "             by the account.",
        "  what to do Set another one, and",
        "             run it now.",
    ]


def test_narrow_table_wraps_cells_then_puts_the_last_column_below_then_each_row_into_a_block():
    head, rows = (
        ("EXPORT", "AT", "WHY"),
        [("high-value", "2026-11-28 18:04 EET", "There is no new snapshot since noon.")],
    )
    assert columns(head, rows, 56).splitlines() == [
        "EXPORT      AT          WHY",
        "high-value  2026-11-28  There is no new snapshot since",
        "            18:04 EET   noon.",
    ]
    assert columns(head, rows, 40).splitlines() == [
        "EXPORT      AT",
        "    WHY",
        "high-value  2026-11-28 18:04 EET",
        "    There is no new snapshot since noon.",
    ]
    assert columns(head, rows, 20).splitlines() == [
        "EXPORT  high-value",
        "AT      2026-11-28",
        "        18:04 EET",
        "WHY     There is no",
        "        new snapshot",
        "        since noon.",
    ]


def test_table_in_a_pipe_has_a_line_for_each_row():
    assert columns(("A", "B"), [("x", "long " * 50)], None).count("\n") == 1


@pytest.mark.parametrize(("typed", "width"), [("80", 80), ("300", 120), ("5", 20)])
def test_width_is_that_of_the_terminal_as_far_as_it_reads_well(monkeypatch, typed, width):
    stream = io.StringIO()
    assert width_of(stream) is None
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", typed)
    assert width_of(stream) == width
