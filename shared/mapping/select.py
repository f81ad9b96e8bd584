"""The plan as SQL: one SELECT that reads a chunk of a file, and two that write its contacts.

A row of the table `chunk` is one well-formed row; its `rowid` counts them from 0, in the file's order:

    fate           FATE's number: what becomes of the row
    email          the normalised address, where accepted
    email_cell     the trimmed address, where it is not plain
    phone          the digits of the E.164 number, where accepted
    phone_cell     the trimmed number, where it is not plain; one with no phone in the end is a refused number
    phone_lost     the number belongs to an earlier contact
    customer_id    the column CustomerId, where there is one
    f0, f1, ...    one column a field but the phone: NULL = empty, INVALID = not what its type says
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.config.date_format import DateFormat
from shared.errors import ConfigurationError, shown
from shared.mapping.date_rule import date_sql
from shared.mapping.plan import CUSTOMER_ID, Field, Only, Plan, find_column, locate
from shared.mapping.rule import Rule, literal

Fate = Literal["contact", "missing_email", "invalid_email", "duplicate_email", "merged", "undecided", "filtered"]
FATE: dict[Fate, int] = {
    "contact": 0,
    "missing_email": 1,
    "invalid_email": 2,
    "duplicate_email": 3,
    "merged": 4,
    "undecided": 5,
    "filtered": 6,
}
# What is not told row by row.
NO_FAULTS: tuple[Fate, ...] = ("contact", "merged", "filtered")

# What the engine reads at once. A chunk stays below it, or it holds a single row.
BUFFER_BYTES = 25_000_000
CHUNK_BYTES = 24_000_000
LONGEST_ROW_BYTES = 1_000_001

_NO_TEXT = "CAST(NULL AS VARCHAR)"

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


@dataclass(frozen=True, slots=True)
class FileSource:
    """The local file for the SELECT, its columns in their order, and how its cells are written.

    `name` is a segment file that is so; its rows, and those of others that are so too, may be in the local file.
    """

    path: str
    columns: tuple[str, ...]
    delimiter: str
    escape: str
    name: str = dataclasses.field(compare=False)
    # model.json's, by the column's name in small letters
    date_formats: Mapping[str, str] = dataclasses.field(default_factory=dict)


def load_sql(plan: Plan, source: FileSource, email: Rule, phone: Rule | None) -> str:
    """Reads one chunk into `chunk`. Only plain values are judged here; the others are left `undecided`."""
    at = locate(plan, source.columns, source.name)
    customer_id = find_column(CUSTOMER_ID, source.columns)
    raw = {"raw_email": _raw(f"c{at[plan.email_column]}", plan, "@")}
    if plan.phone:
        raw["raw_phone"] = _raw(f"c{at[plan.phone.column]}", plan, "0123456789")
    raw |= {f"v{i}": _trimmed(f"c{at[field.column]}", plan) for i, field in _values(plan)}
    raw |= {f"only{i}": _wanted(f"c{at[each.column]}", each) for i, each in enumerate(plan.only)}
    filtered = "".join(f"WHEN NOT only{i} THEN {FATE['filtered']} " for i in range(len(plan.only)))
    raw["customer_id"] = "NULL" if customer_id is None else f"c{customer_id}"
    forms = {i: _date_form(field, plan, source, at) for i, field in _values(plan)}
    values = "".join(f",\n    {_typed(field, f'v{i}', plan, forms[i])} AS f{i}" for i, field in _values(plan))
    return f"""CREATE OR REPLACE TEMP TABLE chunk AS
SELECT
    CAST(CASE {filtered}WHEN email IS NOT NULL THEN {FATE["contact"]}
        WHEN email_cell IS NULL THEN {FATE["missing_email"]}
        ELSE {FATE["undecided"]} END AS UTINYINT) AS fate,
    email, email_cell, CAST(substr(plain_phone, 2) AS UBIGINT) AS phone, phone_cell, false AS phone_lost,
    customer_id{values}
FROM (
    SELECT *,
        CASE WHEN email IS NULL THEN {_trimmed("raw_email", plan)} END AS email_cell,
        {f"CASE WHEN plain_phone IS NULL THEN {_trimmed('raw_phone', plan)} END" if phone else _NO_TEXT} AS phone_cell
    FROM (
        SELECT *,
            {email.quick("simple_email")} AS email,
            {phone.quick("simple_phone") if phone else _NO_TEXT} AS plain_phone
        FROM (
            SELECT *,
                {email.simplified("raw_email")} AS simple_email,
                {phone.simplified("raw_phone") if phone else _NO_TEXT} AS simple_phone
            FROM (
                SELECT {", ".join(f"{cell} AS {name}" for name, cell in raw.items())}
                FROM {_read_csv(source)}
            )
        )
    )
)"""


def contacts_sql(plan: Plan) -> str:
    """The chunk's contacts in their order. Shape: a JSON object, and a comma behind it."""
    numbers = {field.attribute: i for i, field in _values(plan)}
    parts = []
    for field in plan.fields:
        if field.type == "phone":
            value, empty = (
                "CASE WHEN NOT phone_lost THEN '\"+' || phone || '\"' END",
                "phone_cell IS NULL AND phone IS NULL",
            )
        else:
            column = f"f{numbers[field.attribute]}"
            value, empty = _json(field, column, plan), f"{column} IS NULL"
        part = f"{literal(_json_key(field.attribute))} || ({value})"
        if plan.erase_empty:
            part = f"coalesce({part}, CASE WHEN {empty} THEN {literal(_json_key(field.attribute) + '""')} END)"
        parts.append(part)
    attributes = f"concat_ws(',', {', '.join(parts)})" if parts else "''"
    return (
        f"SELECT concat('{{\"email\":\"', email, '\",\"attributes\":{{', {attributes}, '}}}},') "
        f"FROM chunk WHERE fate = {FATE['contact']}"
    )


def filled_sql(plan: Plan, attributes: set[str]) -> str:
    """Which of the attributes any contact of the chunk has something for, valid or not. Shape: one row of booleans."""
    columns = {field.attribute: f"f{i} IS NOT NULL" for i, field in _values(plan)}
    if plan.phone:
        columns[plan.phone.attribute] = "phone_cell IS NOT NULL OR phone IS NOT NULL"
    parts = ", ".join(f"coalesce(bool_or({columns[name]}), false)" for name in sorted(attributes))
    return f"SELECT {parts} FROM chunk WHERE fate = {FATE['contact']}"


def places_sql() -> str:
    """Where the chunk's contacts stand in it, in their order. Shape: rowid and customer id, tab-separated."""
    return (
        "SELECT concat(rowid, chr(9), CASE WHEN contains(customer_id, chr(10)) "
        "THEN replace(customer_id, chr(10), ' ') ELSE customer_id END) "
        f"FROM chunk WHERE fate = {FATE['contact']}"
    )


def copy_sql(lines: str, path: str) -> str:
    """Writes a SELECT of one text column to a file as it is, a line for each row."""
    return f"COPY ({lines}) TO {literal(path)} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x03')"


def rejected_sql(plan: Plan) -> str:
    """The chunk's rows that are not sent though they should be, and those that are sent without a value.

    Shape: rowid, reason, field, customer_id, email. Rows of NO_FAULTS are not there.
    """
    no_faults = ", ".join(str(FATE[fate]) for fate in NO_FAULTS)
    reasons = " ".join(f"WHEN {number} THEN '{name}'" for name, number in FATE.items())
    parts = [
        f"SELECT rowid, CASE fate {reasons} END, {literal(plan.email_column)}, customer_id, "
        f"coalesce(email, lower(email_cell)) FROM chunk WHERE fate NOT IN ({no_faults})"
    ]
    kinds = [
        (f"f{i} = {INVALID}", f"'invalid_{field.type}'", field.column)
        for i, field in _values(plan)
        if field.type != "text"
    ]
    if plan.phone:
        kinds.append(("phone_lost", "'duplicate_phone'", plan.phone.column))
        kinds.append(("phone_cell IS NOT NULL AND phone IS NULL", "'invalid_phone'", plan.phone.column))
    parts += [
        f"SELECT rowid, {reason}, {literal(column)}, customer_id, email FROM chunk "
        f"WHERE fate = {FATE['contact']} AND {condition}"
        for condition, reason, column in kinds
    ]
    return "\nUNION ALL\n".join(parts)


def _values(plan: Plan) -> list[tuple[int, Field]]:
    return list(enumerate(field for field in plan.fields if field.type != "phone"))


def _read_csv(source: FileSource) -> str:
    # Types are named, never guessed: a phone number would become a float. Strict mode, or cells that do not fit vanish.
    # One buffer holds all of the chunk, and one scanner reads it: at the borders between two, rows were lost.
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(source.columns)))
    return (
        f"read_csv({literal(source.path)}, columns={{{columns}}}, auto_detect=false, header=false, "
        f"delim={literal(source.delimiter)}, quote='\"', escape={literal(source.escape)}, strict_mode=true, "
        f"parallel=false, buffer_size={BUFFER_BYTES}, max_line_size={LONGEST_ROW_BYTES})"
    )


def _raw(cell: str, plan: Plan, signs: str) -> str:
    """The cell as it stands in the file, since most of them are plain; trimmed where a null word could be plain too."""
    return _trimmed(cell, plan) if any(set(word) & set(signs) for word in plan.null_words) else cell


def _trimmed(cell: str, plan: Plan) -> str:
    """The cell without what is invisible at its ends; NULL where nothing is left, or a word that means empty."""
    empty = ", ".join(literal(word) for word in ("", *plan.null_words))
    text = _without_invisible(cell)
    # The condition first, since most cells need nothing.
    return (
        f"CASE WHEN {cell} IN ({empty}) THEN NULL WHEN regexp_matches({cell}, '^{INVISIBLE}|{INVISIBLE}$') "
        f"THEN CASE WHEN {text} NOT IN ({empty}) THEN {text} END ELSE {cell} END"
    )


def _without_invisible(cell: str) -> str:
    return f"regexp_replace({cell}, '^{INVISIBLE}+|{INVISIBLE}+$', '', 'g')"


def _wanted(cell: str, only: Only) -> str:
    """True where the cell is one of the words. One that means empty may be asked for, too."""
    words = ", ".join(f"lower({literal(word)})" for word in only.words)
    return f"coalesce(lower({_without_invisible(cell)}) IN ({words}), false)"


def _date_form(field: Field, plan: Plan, source: FileSource, at: Mapping[str, int]) -> DateFormat | None:
    """How the file writes the field's dates: as the field says, else model.json of that column, else the source."""
    column = source.columns[at[field.column]]
    annotated = source.date_formats.get(column.casefold())
    if field.type != "date" or field.format or not annotated:
        return field.format or plan.source_format
    try:
        return DateFormat.of(annotated)
    except ValueError as error:
        raise ConfigurationError(
            "model_json_invalid",
            f"{source.name}: model.json has the date format {shown(annotated)!r} for column {shown(column)!r}, "
            f"which {error}.",
            'Give the field a "format" in the mapping.',
        ) from None


def _typed(field: Field, cell: str, plan: Plan, form: DateFormat | None) -> str:
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
    else:
        return cell
    return f"CASE WHEN {cell} IS NOT NULL THEN coalesce({value}, {INVALID}) END"


def _json(field: Field, column: str, plan: Plan) -> str:
    """The field's value as JSON; NULL where it is empty or invalid."""
    if field.type == "text":
        return f"to_json({column})"
    valid = f"nullif({column}, {INVALID})"
    if field.type == "date":
        return f"'\"' || {valid} || '\"'"
    if field.type == "boolean" and plan.boolean_words:
        words = plan.boolean_words
        true, false = literal(words.true), literal(words.false)
        return f"to_json(CASE {column} WHEN 'true' THEN {true} WHEN 'false' THEN {false} END)"
    return valid


def _json_key(attribute: str) -> str:
    return f"{json.dumps(attribute, ensure_ascii=False)}:"
