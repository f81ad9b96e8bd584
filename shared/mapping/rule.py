"""What a value rule is: SQL for the bulk, a library's verdict for what SQL cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of value is judged: by SQL where SQL can tell, by the library for the rest.

    Shape: a value is accepted when `value` is not NULL, refused when `value` is NULL and `undecided` is
    false, and handed to `judge` when `undecided` is true. All three SQL expressions rest on `verdict`, which
    is long: DuckDB evaluates it once however often it stands in one SELECT, but parses and plans each copy
    (a tenth of a second for phone numbers). So a query does best to select `verdict` alone and to take the
    other two from its result, one SELECT further out.
    """

    value: str  # SQL expression: the normalised value where SQL accepts it, else NULL
    undecided: str  # SQL boolean expression (never NULL): only the library can tell
    judge: Callable[[str], str | None]  # the verdict for one undecided, trimmed value: normalised or None
    verdict: str  # SQL expression: the normalised value, NULL where refused, '' where undecided

    @classmethod
    def from_verdict(cls, verdict: str, judge: Callable[[str], str | None]) -> Rule:
        """The rule that follows from a verdict."""
        return cls(f"nullif({verdict}, '')", f"(({verdict}) IS NOT DISTINCT FROM '')", judge, verdict)


def literal(text: str) -> str:
    """The text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
