"""The plan as SQL: one SELECT that reads a chunk of a file (`written.py`: what is made of it).

A row of the table `chunk` is one well-formed row; its `rowid` counts them from 0, in the file's order:

    fate           FATE's number: what becomes of the row
    email          the normalised address, where accepted
    email_cell     the trimmed address, where it is not plain
    customer_id    the column CustomerId, where there is one; trimmed where contacts are identified by it
    previous_ids   then also the column PreviousCustomerId, and
    known_as       the former id under which Brevo has the customer, where it is to be kept
    phone0, ...    of each phone field the digits of the E.164 number, where accepted
    phone_cell0    the trimmed number, where it is not plain; one with no phone in the end is a refused number
    phone_lost0    the number belongs to an earlier contact
    f0, f1, ...    one column for each other field: NULL = empty, INVALID = not what its type says
"""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.config.date_format import DateFormat
from shared.errors import ConfigurationError, shown
from shared.mapping.cells import trimmed, typed, wanted
from shared.mapping.fate import FATE
from shared.mapping.plan import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID, Field, Plan, find_column, locate
from shared.mapping.rule import Rule, literal

# What the engine reads at once. A chunk stays below it, or it holds a single row.
BUFFER_BYTES = 25_000_000
CHUNK_BYTES = 24_000_000
LONGEST_ROW_BYTES = 2_010_001  # a record of a million bytes, with its quotes doubled and its 5,000 cells quoted

# A plus and the 15 digits that E.164 allows. The library's patterns have longer ones for Germany and a few more.
LONGEST_NUMBER = 16


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
    # model.json's, of each column that it names; empty where it says nothing of its dates
    date_formats: Mapping[str, str] = dataclasses.field(default_factory=dict)


def load_sql(plan: Plan, source: FileSource, email: Rule, phone: Rule, usual: Mapping[str, Collection[str]]) -> str:
    """Reads one chunk into `chunk`. Only plain values are judged here; the others are left `undecided`.

    `usual` are, by the column of what is not plain, the kinds that many values before were of: plain ones by now.
    """
    at = locate(plan, source.columns, source.name)
    customer_id = find_column(CUSTOMER_ID, source.columns)
    phones = [k for k, _ in plan.phones]
    raw = {"raw_email": _raw(f"c{at[plan.email_column]}", plan, "@")}
    raw |= {f"raw_phone{k}": _raw(f"c{at[field.column]}", plan, "0123456789") for k, field in plan.phones}
    raw |= {f"v{i}": trimmed(f"c{at[field.column]}", plan) for i, field in plan.values}
    raw |= {f"only{i}": wanted(f"c{at[each.column]}", each) for i, each in enumerate(plan.only)}
    filtered = "".join(f"WHEN NOT only{i} THEN {FATE['filtered']} " for i in range(len(plan.only)))
    cell = "NULL" if customer_id is None else f"c{customer_id}"
    customer = _identity(cell, plan, source) if plan.ext_id else {"customer_id": cell}
    raw |= customer
    forms = {i: _date_form(field, plan, source, at) for i, field in plan.values}
    judged = [
        f"CAST(substr({_short(f'plain_phone{k}')}, 2) AS UBIGINT) AS phone{k}, phone_cell{k}, false AS phone_lost{k}"
        for k in phones
    ]
    judged += [f"{typed(field, f'v{i}', plan, forms[i])} AS f{i}" for i, field in plan.values]
    cells = [
        f"CASE WHEN {_short(f'plain_phone{k}')} IS NULL THEN {trimmed(f'raw_phone{k}', plan)} END AS phone_cell{k}"
        for k in phones
    ]
    email_plain = _plain(email, "simple_email", usual.get("email_cell", ()))
    plain = [f"{_plain(phone, f'simple_phone{k}', usual.get(f'phone_cell{k}', ()))} AS plain_phone{k}" for k in phones]
    simple = [f"{phone.simplified(f'clean_phone{k}')} AS simple_phone{k}" for k in phones]
    clean = [f"{phone.cleaned(f'raw_phone{k}')} AS clean_phone{k}" for k in phones]
    return f"""CREATE OR REPLACE TEMP TABLE chunk AS
SELECT
    CAST(CASE {filtered}WHEN email IS NOT NULL THEN {FATE["contact"]}
        WHEN email_cell IS NULL THEN {FATE["missing_email"]}
        ELSE {FATE["undecided"]} END AS UTINYINT) AS fate,
    {", ".join(["email", "email_cell", *customer, *judged])}
FROM (
    SELECT *, {", ".join([f"CASE WHEN email IS NULL THEN {trimmed('raw_email', plan)} END AS email_cell", *cells])}
    FROM (
        SELECT *, {", ".join([f"{email_plain} AS email", *plain])}
        FROM (
            SELECT *, {", ".join([f"{email.simplified('clean_email')} AS simple_email", *simple])}
            FROM (
                SELECT *, {", ".join([f"{email.cleaned('raw_email')} AS clean_email", *clean])}
                FROM (
                    SELECT {", ".join(f"{cell} AS {name}" for name, cell in raw.items())}
                    FROM {_read_csv(source)}
                )
            )
        )
    )
)"""


def _identity(cell: str, plan: Plan, source: FileSource) -> dict[str, str]:
    """What is read of the customer's ids where contacts are identified by them."""
    previous = find_column(PREVIOUS_CUSTOMER_ID, source.columns)
    return {
        "customer_id": trimmed(cell, plan),
        "previous_ids": "CAST(NULL AS VARCHAR)" if previous is None else trimmed(f"c{previous}", plan),
        "known_as": "CAST(NULL AS VARCHAR)",
    }


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
    return trimmed(cell, plan) if any(set(word) & set(signs) for word in plan.null_words) else cell


def _short(number: str) -> str:
    return f"CASE WHEN strlen({number}) <= {LONGEST_NUMBER} THEN {number} END"


def _plain(rule: Rule, simple: str, usual: Collection[str]) -> str:
    """The normalised value where it is plain, or of a usual kind and valid."""
    return f"coalesce({rule.quick(simple)}, nullif({rule.verdict(simple, usual)}, ''))" if usual else rule.quick(simple)


def _date_form(field: Field, plan: Plan, source: FileSource, at: Mapping[str, int]) -> DateFormat | None:
    """How the file writes the field's dates: as the field says, else model.json of that column, else the source."""
    column = source.columns[at[field.column]]
    named = tuple(source.date_formats)
    found = find_column(column, named)
    annotated = source.date_formats[named[found]] if found is not None else ""
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
