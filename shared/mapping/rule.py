"""What a value rule is: SQL for the bulk, longer SQL for the rest, a library's verdict for what SQL cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from unicodedata import normalize


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of value is judged. All but `judge` take a SQL expression and give one.

    `quick` is short, and decides the values that most rows have. `verdict` decides what it leaves: planning all of it
    takes DuckDB a tenth of a second, so it is made for the kinds of values that occur. What it leaves `judge` decides.
    """

    cleaned: Callable[[str], str]  # of a cell: without what does not matter
    simplified: Callable[[str], str]  # of what is cleaned: in the usual form. The next three take this.
    quick: Callable[[str], str]  # the normalised value where it is plain, else NULL
    kind: Callable[[str], str]  # which of `kinds` it is, or something else
    kinds: frozenset[str]
    # The normalised value, NULL where refused, '' where undecided, as all of another kind are.
    verdict: Callable[[str, Collection[str]], str]
    judge: Callable[[str], str | None]  # the library's verdict on one trimmed cell: normalised or None


def folded(text: str) -> str:
    """What words are compared by: without case, and with an accent as one letter, however it is written.

    A sigma that ends a word in small letters is one like others: of capitals nobody knows where it stands.
    """
    return f"replace(lower(nfc_normalize({text})), 'ς', 'σ')"


def folded_text(text: str) -> str:
    """The same of a text at hand."""
    return normalize("NFC", text).lower().replace("ς", "σ")


def literal(text: str) -> str:
    """The text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
