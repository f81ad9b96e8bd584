"""What becomes of a chunk's rows, as SQL: its contacts as JSON, where they stood, what is counted, what is rejected."""

import json
from collections.abc import Collection, Mapping

from shared.mapping.cells import CHOICES, INVALID, without_invisible
from shared.mapping.fate import FATE, NO_FAULTS, Fate
from shared.mapping.option_rule import PARTLY
from shared.mapping.plan import CUSTOMER_ID, Field, Plan
from shared.mapping.rule import literal

# A field without a type is a text where the account cannot be asked.
TEXTS = ("text", None)
# Characters. No page of the vendor's names a limit for contacts; users report this one. A longer text may be ignored
# without a word, so it is refused.
LONGEST_TEXT = 10_000
_REFUSED: Mapping[str, str] = {
    "text": "text_too_long",
    "date": "invalid_date",
    "number": "invalid_number",
    "boolean": "invalid_boolean",
    "category": "invalid_category",
    CHOICES: "invalid_multiple_choice",
}


def contacts_sql(plan: Plan, doubtful: Collection[str], rows: str) -> str:
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
    ids = ", ".join(str(FATE[fate]) for fate in ("missing_customer_id", "duplicate_customer_id"))
    fault = f"CASE WHEN fate IN ({ids}) THEN '{CUSTOMER_ID}' ELSE {literal(plan.email_column)} END"
    customer = without_invisible("customer_id")
    parts = [
        f"SELECT {row}, CASE fate {reasons} END, {fault}, {customer}, "
        f"coalesce(email, lower(email_cell)), '' FROM chunk WHERE fate NOT IN ({no_faults})"
    ]
    kinds = [(_lost(f"f{i}", field), _REFUSED[field.type or "text"], field) for i, field in plan.values]
    for k, field in plan.phones:
        kinds.append((f"phone_lost{k}", "duplicate_phone", field))
        kinds.append((f"phone_cell{k} IS NOT NULL AND phone{k} IS NULL", "invalid_phone", field))
    parts += [
        f"SELECT {row}, '{reason}', {literal(field.column)}, {customer}, email, {literal(field.attribute)} FROM chunk "
        f"WHERE fate = {FATE['contact']} AND {condition}"
        for condition, reason, field in kinds
        if field.attribute in doubtful
    ]
    return "\nUNION ALL\n".join(parts)


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
