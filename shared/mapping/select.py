"""The plan as SQL: one SELECT that reads a chunk of a file, and two that write its contacts.

A row of the table `chunk` is one well-formed row; its `rowid` counts them from 0, in the file's order:

    fate           FATE's number: what becomes of the row
    email          the normalised address, where accepted
    email_cell     the trimmed address, where it is not plain
    customer_id    the column CustomerId, where there is one; trimmed where contacts are told apart by it
    previous_ids   then also the column PreviousCustomerId, and
    known_as       the former id under which Brevo has the customer, where it is to be kept
    phone0, ...    of each phone field the digits of the E.164 number, where accepted
    phone_cell0    the trimmed number, where it is not plain; one with no phone in the end is a refused number
    phone_lost0    the number belongs to an earlier contact
    f0, f1, ...    one column for each other field: NULL = empty, INVALID = not what its type says
"""

import dataclasses
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.config.date_format import DateFormat
from shared.errors import ConfigurationError, shown
from shared.mapping.date_rule import date_sql
from shared.mapping.fate import FATE, NO_FAULTS, Fate
from shared.mapping.option_rule import PARTLY, category_sql, choices_sql, no_choice_sql
from shared.mapping.plan import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID, Field, Only, Plan, find_column, locate
from shared.mapping.rule import Rule, literal

# What the engine reads at once. A chunk stays below it, or it holds a single row.
BUFFER_BYTES = 25_000_000
CHUNK_BYTES = 24_000_000
LONGEST_ROW_BYTES = 2_010_001  # a record of a million bytes, with its quotes doubled and its 5,000 cells quoted

CHOICES = "multiple_choice"
# A field without a type is a text where the account cannot be asked.
TEXTS = ("text", None)
# Characters. No page of the vendor's names a limit for contacts; users report this one. A longer text may be ignored
# without a word, so it is refused.
LONGEST_TEXT = 10_000
# A plus and the 15 digits that E.164 allows. The library's patterns have longer ones for Germany and a few more.
LONGEST_NUMBER = 16
_REFUSED: Mapping[str, str] = {
    "text": "text_too_long",
    "date": "invalid_date",
    "number": "invalid_number",
    "boolean": "invalid_boolean",
    "category": "invalid_category",
    CHOICES: "invalid_multiple_choice",
}

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


def load_sql(plan: Plan, source: FileSource, email: Rule, phone: Rule) -> str:
    """Reads one chunk into `chunk`. Only plain values are judged here; the others are left `undecided`."""
    at = locate(plan, source.columns, source.name)
    customer_id = find_column(CUSTOMER_ID, source.columns)
    phones = [k for k, _ in plan.phones]
    raw = {"raw_email": _raw(f"c{at[plan.email_column]}", plan, "@")}
    raw |= {f"raw_phone{k}": _raw(f"c{at[field.column]}", plan, "0123456789") for k, field in plan.phones}
    raw |= {f"v{i}": _trimmed(f"c{at[field.column]}", plan) for i, field in plan.values}
    raw |= {f"only{i}": _wanted(f"c{at[each.column]}", each) for i, each in enumerate(plan.only)}
    filtered = "".join(f"WHEN NOT only{i} THEN {FATE['filtered']} " for i in range(len(plan.only)))
    cell = "NULL" if customer_id is None else f"c{customer_id}"
    customer = _identity(cell, plan, source) if plan.ext_id else {"customer_id": cell}
    raw |= customer
    forms = {i: _date_form(field, plan, source, at) for i, field in plan.values}
    judged = [
        f"CAST(substr({_short(f'plain_phone{k}')}, 2) AS UBIGINT) AS phone{k}, phone_cell{k}, false AS phone_lost{k}"
        for k in phones
    ]
    judged += [f"{_typed(field, f'v{i}', plan, forms[i])} AS f{i}" for i, field in plan.values]
    cells = [
        f"CASE WHEN {_short(f'plain_phone{k}')} IS NULL THEN {_trimmed(f'raw_phone{k}', plan)} END AS phone_cell{k}"
        for k in phones
    ]
    plain = [f"{phone.quick(f'simple_phone{k}')} AS plain_phone{k}" for k in phones]
    simple = [f"{phone.simplified(f'raw_phone{k}')} AS simple_phone{k}" for k in phones]
    return f"""CREATE OR REPLACE TEMP TABLE chunk AS
SELECT
    CAST(CASE {filtered}WHEN email IS NOT NULL THEN {FATE["contact"]}
        WHEN email_cell IS NULL THEN {FATE["missing_email"]}
        ELSE {FATE["undecided"]} END AS UTINYINT) AS fate,
    {", ".join(["email", "email_cell", *customer, *judged])}
FROM (
    SELECT *, {", ".join([f"CASE WHEN email IS NULL THEN {_trimmed('raw_email', plan)} END AS email_cell", *cells])}
    FROM (
        SELECT *, {", ".join([f"{email.quick('simple_email')} AS email", *plain])}
        FROM (
            SELECT *, {", ".join([f"{email.simplified('raw_email')} AS simple_email", *simple])}
            FROM (
                SELECT {", ".join(f"{cell} AS {name}" for name, cell in raw.items())}
                FROM {_read_csv(source)}
            )
        )
    )
)"""


def contacts_sql(plan: Plan, doubtful: Collection[str], rows: str = "chunk") -> str:
    """The contacts of these rows in their order; only the attributes in `doubtful` have refused values.

    Shape: a JSON object, and a comma behind it.
    """
    columns = {field.attribute: f"f{i}" for i, field in plan.values}
    numbers = {field.attribute: k for k, field in plan.phones}
    parts = []
    for field in plan.fields:
        if field.type == "phone":
            k = numbers[field.attribute]
            value = f"CASE WHEN NOT phone_lost{k} THEN '\"+' || phone{k} || '\"' END"
            empty = f"phone_cell{k} IS NULL AND phone{k} IS NULL"
        else:
            column = columns[field.attribute]
            value, empty = _json(field, _valid(column, field, doubtful), plan), f"{column} IS NULL"
        part = f"{literal(_json_key(field.attribute))} || ({value})"
        if plan.erase_empty:
            part = f"coalesce({part}, CASE WHEN {empty} THEN {literal(_json_key(field.attribute) + '""')} END)"
        parts.append(part)
    ext_id = "to_json(coalesce(known_as, customer_id))"
    if plan.ext_id == "attributes":
        parts.insert(0, f"'\"EXT_ID\":' || {ext_id}")
    beside = f"\"ext_id\":', {ext_id}, '," if plan.ext_id == "field" else ""
    attributes = f"concat_ws(',', {', '.join(parts)})" if parts else "''"
    return (
        f"SELECT concat('{{\"email\":\"', email, '\",{beside}\"attributes\":{{', {attributes}, '}}}},') "
        f"FROM {rows} WHERE fate = {FATE['contact']}"
    )


def too_long_sql(plan: Plan) -> list[str]:
    """Statements that refuse the texts that are too long for Brevo."""
    return [
        f"UPDATE chunk SET f{i} = {INVALID} WHERE length(f{i}) > {LONGEST_TEXT}"
        for i, field in plan.values
        if field.type in TEXTS
    ]


def counts_sql(plan: Plan, *, refused_texts: bool) -> str:
    """How many of the chunk's contacts have something for each field, and of how many it is lost or partly lost.

    Shape: one row; the length of the longest text in bytes, which is at least that in characters; then two numbers for
    each of the plan's phones and values. Texts that are lost are counted only with `refused_texts`.
    """
    longest = ["max(0)", *(f"max(strlen(f{i}))" for i, field in plan.values if field.type in TEXTS)]
    parts = [f"coalesce(greatest({', '.join(longest)}), 0)"]
    for k, _ in plan.phones:
        parts += [
            f"count(*) FILTER (phone{k} IS NOT NULL OR phone_cell{k} IS NOT NULL)",
            f"count(*) FILTER (phone_lost{k} OR (phone_cell{k} IS NOT NULL AND phone{k} IS NULL))",
        ]
    for i, field in plan.values:
        can_be_lost = refused_texts or field.type not in TEXTS
        parts += [f"count(f{i})", f"count(*) FILTER ({_lost(f'f{i}', field)})" if can_be_lost else "0"]
    return f"SELECT {', '.join(parts)} FROM chunk WHERE fate = {FATE['contact']}"


def places_sql(row: str = "rowid", rows: str = "chunk") -> str:
    """Where the contacts of these rows stood, in their order. Shape: `row` and customer id, tab-separated."""
    return (
        f"SELECT concat({row}, chr(9), CASE WHEN contains(customer_id, chr(10)) "
        "THEN replace(customer_id, chr(10), ' ') ELSE customer_id END) "
        f"FROM {rows} WHERE fate = {FATE['contact']}"
    )


def copy_sql(lines: str, path: str) -> str:
    """Writes a SELECT of one text column to a file as it is, a line for each row."""
    return f"COPY ({lines}) TO {literal(path)} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x03')"


def rejected_sql(plan: Plan, doubtful: Collection[str], row: str, silent: Collection[Fate] = NO_FAULTS) -> str:
    """The chunk's rows that are not sent though they should be, and those that are sent without a value.

    Only the attributes in `doubtful` have such values. Rows of `silent` fates are not there. Shape: `row`, reason,
    field, customer_id, email, attribute.
    """
    no_faults = ", ".join(str(FATE[fate]) for fate in silent)
    reasons = " ".join(f"WHEN {number} THEN '{name}'" for name, number in FATE.items())
    fault = f"CASE fate WHEN {FATE['missing_customer_id']} THEN '{CUSTOMER_ID}' ELSE {literal(plan.email_column)} END"
    parts = [
        f"SELECT {row}, CASE fate {reasons} END, {fault}, customer_id, "
        f"coalesce(email, lower(email_cell)), '' FROM chunk WHERE fate NOT IN ({no_faults})"
    ]
    kinds = [(_lost(f"f{i}", field), _REFUSED[field.type or "text"], field) for i, field in plan.values]
    for k, field in plan.phones:
        kinds.append((f"phone_lost{k}", "duplicate_phone", field))
        kinds.append((f"phone_cell{k} IS NOT NULL AND phone{k} IS NULL", "invalid_phone", field))
    parts += [
        f"SELECT {row}, '{reason}', {literal(field.column)}, customer_id, email, {literal(field.attribute)} FROM chunk "
        f"WHERE fate = {FATE['contact']} AND {condition}"
        for condition, reason, field in kinds
        if field.attribute in doubtful
    ]
    return "\nUNION ALL\n".join(parts)


def _identity(cell: str, plan: Plan, source: FileSource) -> dict[str, str]:
    """What is read of the customer's ids where contacts are told apart by them."""
    previous = find_column(PREVIOUS_CUSTOMER_ID, source.columns)
    return {
        "customer_id": _trimmed(cell, plan),
        "previous_ids": "CAST(NULL AS VARCHAR)" if previous is None else _trimmed(f"c{previous}", plan),
        "known_as": "CAST(NULL AS VARCHAR)",
    }


def _lost(column: str, field: Field) -> str:
    return (
        f"({column} = {INVALID} OR starts_with({column}, {PARTLY}))"
        if field.type == CHOICES
        else f"{column} = {INVALID}"
    )


def _valid(column: str, field: Field, doubtful: Collection[str]) -> str:
    """What is to be sent of the column; NULL where it is empty or refused."""
    if field.attribute not in doubtful:
        return column
    return f"nullif(ltrim({column}, {PARTLY}), {INVALID})" if field.type == CHOICES else f"nullif({column}, {INVALID})"


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


def _short(number: str) -> str:
    return f"CASE WHEN strlen({number}) <= {LONGEST_NUMBER} THEN {number} END"


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
    plain = f"{cell} BETWEEN '!' AND '~' AND {cell}[-1] BETWEEN '!' AND '~'"
    return f"coalesce(lower(CASE WHEN {plain} THEN {cell} ELSE {_without_invisible(cell)} END) IN ({words}), false)"


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
    elif field.type == "category":
        value = category_sql(cell, field.options)
    elif field.type == CHOICES:
        value = f"CASE WHEN NOT {no_choice_sql(cell)} THEN coalesce({choices_sql(cell, field.options)}, {INVALID}) END"
        return f"CASE WHEN {cell} IS NOT NULL THEN {value} END"
    else:
        return cell
    return f"CASE WHEN {cell} IS NOT NULL THEN coalesce({value}, {INVALID}) END"


def _json(field: Field, valid: str, plan: Plan) -> str:
    """A field's valid value as JSON; NULL where there is none."""
    if field.type == "date":
        return f"'\"' || {valid} || '\"'"
    if field.type == "boolean":
        true, false = literal(plan.boolean_words.true), literal(plan.boolean_words.false)
        return f"to_json(CASE {valid} WHEN 'true' THEN {true} WHEN 'false' THEN {false} END)"
    return valid if field.type in ("number", CHOICES) else f"to_json({valid})"


def _json_key(attribute: str) -> str:
    return f"{json.dumps(attribute, ensure_ascii=False)}:"
