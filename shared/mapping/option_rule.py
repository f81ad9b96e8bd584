"""Categories and multiple choices as SQL: what a cell holds, compared with the options that the account has.

An option is known by its label, and one of a category by its value too, without regard to case, to blanks at its ends
and to how an accent is written; by its own letters where another option differs by nothing else. A cell of choices is
one label, labels with `;` or `,` between them, or a JSON list of labels.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from shared.mapping.rule import folded, folded_text, literal

_BLANKS = "' \t\r\n' || chr(160)"
# In front of choices of which some are unknown. No list of choices begins with it.
PARTLY = "chr(2)"


def category_sql(cell: str, options: tuple[tuple[str, str], ...]) -> str:
    """What is sent for a trimmed cell; NULL where it is no option."""
    if not options:
        return "NULL"
    exact = " ".join(f"WHEN {literal(known)} THEN {literal(sent)}" for known, sent in options)
    alike = " ".join(f"WHEN {folded(literal(known))} THEN {literal(sent)}" for known, sent in options)
    return f"CASE {cell} {exact} ELSE CASE {folded(cell)} {alike} END END"


def choices_sql(cell: str, options: tuple[tuple[str, str], ...]) -> str:
    """The known ones of a trimmed cell's choices as a JSON list, in the account's order; with PARTLY in front where
    others are unknown, NULL where all are.
    """
    if not options:
        return "NULL"
    key = partial(_key, exact=_alike(options))
    labels = _list(literal(sent) for _, sent in options)
    keys = _list(key(literal(known)) for known, _ in options)
    parts = f"list_filter([{key('part')} FOR part IN {_parts(cell, keys, key)}], lambda part: part <> '')"
    chosen = f"list_filter({labels}, lambda label: list_contains(parts, {key('label')}))"
    unknown = f"list_filter(parts, lambda part: NOT list_contains({keys}, part))"
    verdict = (
        f"CASE WHEN len({chosen}) > 0 THEN CASE WHEN len({unknown}) > 0 THEN {PARTLY} ELSE '' END "
        f"|| CAST(to_json({chosen}) AS VARCHAR) END"
    )
    # A list of one list gives the parts a name, so that they are computed once.
    return f"list_transform([{parts}], lambda parts: {verdict})[1]"


def no_choice_sql(cell: str) -> str:
    """Whether the cell is an empty JSON list."""
    return f"regexp_full_match({cell}, '\\[\\s*\\]')"


def _alike(options: tuple[tuple[str, str], ...]) -> list[str]:
    """The labels that differ from another one by their case, or by how an accent is written, alone."""
    labels = {label: folded_text(label) for known, _ in options if (label := known.strip())}
    counts = Counter(labels.values())
    return sorted(label for label, key in labels.items() if counts[key] > 1)


def _parts(cell: str, keys: str, key: Callable[[str], str]) -> str:
    """A label may hold a comma or a semicolon: what is a label as it stands is not split."""
    by_comma = f"CASE WHEN list_contains({keys}, {key('part')}) THEN [part] ELSE string_split(part, ',') END"
    split = f"flatten([{by_comma} FOR part IN string_split({cell}, ';')])"
    listed = f"try(from_json({cell}, '[\"VARCHAR\"]'))"
    return (
        f"CASE WHEN list_contains({keys}, {key(cell)}) THEN [{cell}] "
        f"WHEN starts_with({cell}, '[') AND json_valid({cell}) THEN coalesce({listed}, [{cell}]) ELSE {split} END"
    )


def _key(text: str, exact: list[str]) -> str:
    """What labels are compared by."""
    trimmed = f"trim({text}, {_BLANKS})"
    if not exact:
        return folded(trimmed)
    return f"CASE WHEN {trimmed} IN ({', '.join(map(literal, exact))}) THEN {trimmed} ELSE {folded(trimmed)} END"


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"
