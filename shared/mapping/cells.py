"""A cell as it stands in a file, and the value that its field's type makes of it, as SQL."""

from shared.config.date_format import DateFormat
from shared.mapping.date_rule import date_sql
from shared.mapping.option_rule import category_sql, choices_sql, no_choice_sql
from shared.mapping.plan import Field, Only, Plan
from shared.mapping.rule import folded, literal

CHOICES = "multiple_choice"
# No parsed value can be this: a control character alone.
INVALID = "chr(1)"

# What nobody sees at the ends of a value: separators (Z*), control characters (Cc) and format characters (Cf). But NUL,
# for which the row is rejected, and tags, with which the flags of England, Scotland and Wales end.
INVISIBLE = r"(?:[\p{Z}\x01-\x1F\x7F-\x9F]|[^\P{Cf}\x{E0000}-\x{E007F}])"

# A number of so many characters, without an exponent, is less than the greatest double, 1.8e308.
_ALWAYS_DOUBLE = 308
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_JSON_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?$"
_TRUE = "('true', '1', 'yes', 'y', 't')"
_FALSE = "('false', '0', 'no', 'n', 'f')"
_DATE_FORMATS = {"YYYY-MM-DD": "%Y-%m-%d", "DD-MM-YYYY": "%d-%m-%Y", "MM-DD-YYYY": "%m-%d-%Y"}


def trimmed(cell: str, plan: Plan) -> str:
    """The cell without what is invisible at its ends; NULL where nothing is left, or a word that means empty."""
    empty = ", ".join(literal(word) for word in ("", *plan.null_words))
    text = without_invisible(cell)
    # The condition first, since most cells need nothing.
    return (
        f"CASE WHEN {cell} IN ({empty}) THEN NULL WHEN regexp_matches({cell}, '^{INVISIBLE}|{INVISIBLE}$') "
        f"THEN CASE WHEN {text} NOT IN ({empty}) THEN {text} END ELSE {cell} END"
    )


def without_invisible(cell: str) -> str:
    """A text without what is invisible at its ends."""
    return f"regexp_replace({cell}, '^{INVISIBLE}+|{INVISIBLE}+$', '', 'g')"


def wanted(cell: str, only: Only) -> str:
    """True where the cell is one of the words. One that means empty may be asked for, too."""
    words = ", ".join(folded(literal(word)) for word in only.words)
    word = folded(without_invisible(cell))
    if "".join(only.words).isascii():
        # Most cells need no more than that. Inside of others an accent may stand apart from its letter.
        plain = f"{cell} BETWEEN '!' AND '~' AND {cell}[-1] BETWEEN '!' AND '~'"
        word = f"CASE WHEN {plain} THEN lower({cell}) ELSE {word} END"
    return f"coalesce({word} IN ({words}), false)"


def typed(field: Field, cell: str, plan: Plan, form: DateFormat | None) -> str:
    """The value that the trimmed cell is by the field's type: NULL = empty, INVALID = not what its type says.

    `form` is how its file writes dates.
    """
    if field.type == "date":
        value = date_sql(cell, form, field.time_zone)
        if plan.date_format != "YYYY-MM-DD":
            value = f"strftime({value}, {literal(_DATE_FORMATS[plan.date_format])})"
        value = f"CAST({value} AS VARCHAR)"
    elif field.type == "number":
        double = f"CAST(to_json(try_cast({cell} AS DOUBLE)) AS VARCHAR)"
        value = (
            f"CASE WHEN strlen({cell}) <= {_ALWAYS_DOUBLE} AND regexp_matches({cell}, {literal(_JSON_NUMBER)}) "
            f"THEN {cell} "
            f"WHEN regexp_matches({cell}, {literal(_NUMBER)}) AND isfinite(try_cast({cell} AS DOUBLE)) "
            f"THEN {double} END"
        )
    elif field.type == "boolean":
        value = f"CASE WHEN lower({cell}) IN {_TRUE} THEN 'true' WHEN lower({cell}) IN {_FALSE} THEN 'false' END"
    elif field.type == "category":
        value = category_sql(cell, field.options)
    elif field.type == CHOICES:
        value = f"CASE WHEN NOT {no_choice_sql(cell)} THEN coalesce({choices_sql(cell, field.options)}, {INVALID}) END"
        return f"CASE WHEN {cell} IS NOT NULL THEN {value} END"
    else:
        return cell
    return f"CASE WHEN {cell} IS NOT NULL THEN coalesce({value}, {INVALID}) END"
