"""The plan as SQL: one SELECT that reads a file's rows, and one that writes contacts.

A row of the table `rows` is one data row that could be parsed:

    file, record   which file, and which of its good rows (both count from 0 and 1)
    fate           FATE's number: what becomes of the row
    email          the normalised address, where accepted
    email_cell     the address as it was, where not accepted (yet)
    phone, phone_cell      likewise; a cell with no phone is one that was refused
    customer_id    the column CustomerId, where there is one
    field          the mapped field that spoils the row, by its number
    f0, f1, ...    one column a field but the phone: NULL = empty, INVALID = not what its type says
"""

from dataclasses import dataclass
from typing import Literal

from shared.mapping.email_rule import email_rule
from shared.mapping.phone_rule import phone_rule
from shared.mapping.plan import CUSTOMER_ID, Field, Plan, find_column, locate
from shared.mapping.rule import Rule

Fate = Literal[
    "contact", "missing_email", "invalid_email", "duplicate_email", "merged", "invalid_encoding", "undecided"
]
FATE: dict[Fate, int] = {
    "contact": 0,
    "missing_email": 1,
    "invalid_email": 2,
    "duplicate_email": 3,
    "merged": 4,
    "invalid_encoding": 5,
    "undecided": 6,
}

# No parsed value can be this: a control character alone.
INVALID = "chr(1)"

# trim(x) alone takes spaces only; the regular expression first, since most cells need nothing.
_SPACE = r"\s\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"
_SPACE_CHARACTERS = "".join(
    map(chr, [9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F])
) + "".join(map(chr, [0x205F, 0x3000, 0xFEFF]))

_ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_JSON_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?$"
_TRUE = "('true', '1', 'yes', 'y', 't')"
_FALSE = "('false', '0', 'no', 'n', 'f')"
_DATE_FORMATS = {"YYYY-MM-DD": "%Y-%m-%d", "DD-MM-YYYY": "%d-%m-%Y", "MM-DD-YYYY": "%m-%d-%Y"}


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file for the SELECT: where its bytes come from, and its columns in their order."""

    number: int
    path: str
    columns: tuple[str, ...]
    delimiter: str
    name: str


def rules(plan: Plan) -> tuple[Rule, Rule | None]:
    """The rules for e-mail address and phone, over the columns that `load_sql` makes."""
    return email_rule("email_cell"), phone_rule("phone_cell", plan.default_country) if plan.phone else None


def create_sql(plan: Plan) -> str:
    """Makes the table `rows`."""
    fields = "".join(f", {name} VARCHAR" for name in _value_columns(plan))
    return (
        "CREATE TABLE rows (file USMALLINT, record UBIGINT, fate UTINYINT, field UTINYINT, email VARCHAR, "
        f"email_cell VARCHAR, phone VARCHAR, phone_cell VARCHAR, customer_id VARCHAR{fields})"
    )


def load_sql(plan: Plan, source: FileSource) -> str:
    """Reads one file into `rows`; what cannot be parsed lands in the temporary table `rejected_lines`."""
    at = locate(plan, source.columns, source.name)
    email, phone = rules(plan)
    customer_id = find_column(CUSTOMER_ID, source.columns)
    cells = {"email_cell": _trimmed(f"c{at[plan.email_column]}")}
    if plan.phone:
        cells["phone_cell"] = _trimmed(f"c{at[plan.phone.column]}")
    cells |= {f"v{i}": _trimmed(f"c{at[field.column]}") for i, field in _values(plan)}
    cells["customer_id"] = "NULL" if customer_id is None else _trimmed(f"c{customer_id}")
    numbered = ["email_cell", *(["phone_cell"] if phone else []), *(f"v{i}" for i, _ in _values(plan))]
    spoilt = " ".join(f"WHEN contains({cell}, chr(0)) THEN {number}" for number, cell in enumerate(numbered))
    values = "".join(f",\n    {_typed(field, f'v{i}', plan)}" for i, field in _values(plan))
    lines = [
        "INSERT INTO rows",
        f"SELECT {source.number}, record,",
        f"    CASE WHEN spoilt IS NOT NULL THEN {FATE['invalid_encoding']}",
        f"        WHEN email IS NOT NULL THEN {FATE['contact']}",
        f"        WHEN email_cell IS NULL THEN {FATE['missing_email']}",
        f"        WHEN email_undecided THEN {FATE['undecided']}",
        f"        ELSE {FATE['invalid_email']} END,",
        "    spoilt, email,",
        "    CASE WHEN email IS NULL THEN email_cell END,",
        "    phone, CASE WHEN phone IS NULL THEN phone_cell END,",
        f"    customer_id{values}",
        "FROM (",
        "    SELECT *,",
        f"        CASE {spoilt} END AS spoilt,",
        f"        {email.value} AS email,",
        f"        {email.undecided} AS email_undecided,",
        f"        {phone.value if phone else 'NULL'} AS phone{'' if phone else ', NULL AS phone_cell'}",
        "    FROM (",
        "        SELECT row_number() OVER () AS record,",
        "            " + ",\n            ".join(f"{cell} AS {name}" for name, cell in cells.items()),
        f"        FROM {_read_csv(source)}",
        "    )",
        ")",
    ]
    return "\n".join(lines)


def contacts_sql(plan: Plan, slice_rows: int) -> str:
    """Contacts of the rows from $first up to $last (rowid), `slice_rows` rows together.

    Shape: contacts (JSON objects joined by commas), places (file, record and customer id: tab-separated
    lines in the same order), count, bytes (of contacts).
    """
    numbers = {field.attribute: i for i, field in _values(plan)}
    parts = []
    for field in plan.fields:
        if field.type == "phone":
            value, empty = "to_json(phone)", "phone_cell IS NULL"
        else:
            column = f"f{numbers[field.attribute]}"
            value, empty = _json(field, column, plan), f"{column} IS NULL"
        part = f"{_text(_json_key(field.attribute))} || {value}"
        if plan.erase_empty:
            part = f"coalesce({part}, CASE WHEN {empty} THEN {_text(_json_key(field.attribute) + '""')} END)"
        parts.append(part)
    attributes = f"concat_ws(',', {', '.join(parts)})" if parts else "''"
    return "\n".join(
        [
            "SELECT string_agg(contact, ','), string_agg(place, chr(10)), count(*), sum(strlen(contact) + 1)",
            "FROM (",
            "    SELECT rowid AS row,",
            f"        '{{\"email\":\"' || email || '\",\"attributes\":{{' || {attributes} || '}}}}' AS contact,",
            "        file || chr(9) || record || chr(9) || coalesce(customer_id, '') AS place",
            "    FROM rows",
            f"    WHERE rowid >= $first AND rowid < $last AND fate = {FATE['contact']}",
            ")",
            f"GROUP BY row // {slice_rows}",
            f"ORDER BY row // {slice_rows}",
        ]
    )


def warnings_sql(plan: Plan) -> str:
    """Rows that are sent without one of their values.

    Shape: file, record, reason, column, customer_id, email.
    """
    kinds = [
        (f"f{i} = {INVALID}", f"'invalid_{field.type}'", field.column)
        for i, field in _values(plan)
        if field.type != "text"
    ]
    if plan.phone:
        reason = "CASE WHEN phone_cell = chr(1) THEN 'duplicate_phone' ELSE 'invalid_phone' END"
        kinds.append(("phone_cell IS NOT NULL AND phone IS NULL", reason, plan.phone.column))
    return "\nUNION ALL\n".join(
        f"SELECT file, record, {reason} AS reason, {_text(column)} AS field, customer_id, email FROM rows "
        f"WHERE fate = {FATE['contact']} AND {condition}"
        for condition, reason, column in kinds
    )


def spoilt_column(plan: Plan, number: int | None) -> str:
    """The column that `rows.field` names: the e-mail address first, the phone next, then the values."""
    columns = [
        plan.email_column,
        *([plan.phone.column] if plan.phone else []),
        *(field.column for _, field in _values(plan)),
    ]
    return columns[number] if number is not None else plan.email_column


def _values(plan: Plan) -> list[tuple[int, Field]]:
    return list(enumerate(field for field in plan.fields if field.type != "phone"))


def _value_columns(plan: Plan) -> list[str]:
    return [f"f{i}" for i, _ in _values(plan)]


def _read_csv(source: FileSource) -> str:
    # Types are named, never guessed: a phone number would become a float. Strict mode, or surplus columns
    # vanish. A longer line is rejected: escaped six-fold, a row then still fits into a body.
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(source.columns)))
    return (
        f"read_csv({_text(source.path)}, columns={{{columns}}}, auto_detect=false, header=false, "
        f"delim={_text(source.delimiter)}, quote='\"', escape='\"', strict_mode=true, store_rejects=true, "
        "rejects_table='rejected_lines', rejects_scan='rejected_scans', rejects_limit=0, max_line_size=1000000)"
    )


def _trimmed(cell: str) -> str:
    return (
        f"nullif(CASE WHEN regexp_matches({cell}, '^[{_SPACE}]|[{_SPACE}]$') "
        f"THEN trim({cell}, {_text(_SPACE_CHARACTERS)}) ELSE {cell} END, '')"
    )


def _typed(field: Field, cell: str, plan: Plan) -> str:
    if field.type == "date":
        day = f"try_cast(left({cell}, 10) AS DATE)"
        value = f"CASE WHEN regexp_matches({cell}, {_text(_ISO_DATE)}) THEN {day} END"
        if plan.date_format != "YYYY-MM-DD":
            value = f"strftime({value}, {_text(_DATE_FORMATS[plan.date_format])})"
        value = f"CAST({value} AS VARCHAR)"
    elif field.type == "number":
        double = f"CAST(to_json(try_cast({cell} AS DOUBLE)) AS VARCHAR)"
        value = (
            f"CASE WHEN regexp_matches({cell}, {_text(_JSON_NUMBER)}) THEN {cell} "
            f"WHEN regexp_matches({cell}, {_text(_NUMBER)}) AND isfinite(try_cast({cell} AS DOUBLE)) "
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
        return f"to_json(CASE {column} WHEN 'true' THEN {_text(words.true)} WHEN 'false' THEN {_text(words.false)} END)"
    return valid


def _json_key(attribute: str) -> str:
    import json

    return f"{json.dumps(attribute, ensure_ascii=False)}:"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
