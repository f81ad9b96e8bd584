"""The mapping of one export, compiled against the columns of a segment: which column feeds which attribute."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from shared.config.base import folded_name
from shared.config.date_format import DateFormat
from shared.config.mapping import IDENTIFIERS, PHONE_ATTRIBUTES, AttributeType
from shared.config.models import BooleanWords, Connection, Export
from shared.errors import ConfigurationError, did_you_mean, shown

CUSTOMER_ID = "CustomerId"
# The ids of profiles that were merged into the customer's, separated by `;`.
PREVIOUS_CUSTOMER_ID = "PreviousCustomerId"
# Each field is an expression of the SELECT; several hundred of them need more memory than an instance has.
MOST_FIELDS = 200
# Mapped columns without CustomerId by which a first row is a header.
_FEWEST_KNOWN = 2
# What accounts take that ignore JSON's false, and those that do not.
_BOOLEAN_WORDS = BooleanWords(true="Yes", false="No")


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of the contacts, and the column it comes from. Without a type it takes the account's, else a text.

    `options` are those of a category or multiple choice: what a cell may hold, and what is sent for it. Of dates: how
    the export says that the column writes them, and where the day of a moment is taken.
    """

    attribute: str
    column: str
    type: AttributeType | None = None
    format: DateFormat | None = None
    time_zone: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_unique(self) -> bool:
        """Whether no two contacts of the account may have the same value."""
        return self.attribute in PHONE_ATTRIBUTES


@dataclass(frozen=True, slots=True)
class Only:
    """A column, and the words of which a row must have one there to be sent."""

    column: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a row, whatever file it comes from.

    `date_format` is the account's. `source_format` is that of the files' dates, where neither the field nor model.json
    says otherwise. A cell that is one of `null_words` is empty. A row that does not fit all of `only` is filtered.
    Where contacts are identified by their customer's id, `ext_id` is where an import has it: among the attributes, or
    as a field of its own.
    """

    email_column: str
    fields: tuple[Field, ...]
    default_country: str | None
    date_format: str
    boolean_words: BooleanWords
    erase_empty: bool
    source_format: DateFormat | None = None
    null_words: tuple[str, ...] = ()
    only: tuple[Only, ...] = ()
    ext_id: Literal["attributes", "field"] | None = None

    @property
    def phones(self) -> list[tuple[int, Field]]:
        """The fields that hold phone numbers, numbered."""
        return list(enumerate(field for field in self.fields if field.type == "phone"))

    @property
    def values(self) -> list[tuple[int, Field]]:
        """The other fields, numbered."""
        return list(enumerate(field for field in self.fields if field.type != "phone"))

    @property
    def types(self) -> dict[str, AttributeType | None]:
        """The type of each attribute, as far as it is known."""
        return {field.attribute: field.type for field in self.fields}

    def with_types(self, kinds: Mapping[str, tuple[AttributeType, Mapping[str, str]]]) -> Self:
        """The plan with the account's types and options, of those attributes that `kinds` has."""
        return replace(
            self,
            fields=tuple(_typed(field, *kinds[field.attribute]) for field in self.fields if field.attribute in kinds),
        )


def _typed(field: Field, kind: AttributeType, options: Mapping[str, str]) -> Field:
    # A phone that goes to an attribute of texts is a phone all the same.
    return replace(field, type="phone" if field.type == "phone" else kind, options=tuple(options.items()))


def make_plan(export: Export, connection: Connection, columns: tuple[str, ...], where: str) -> Plan:
    """Resolves the export's mapping against the columns of the first file.

    `where` names that file. Raises ConfigurationError for a mapped column that is not there or is there twice.
    """
    mapping = export.mapping
    fields = [
        Field(
            name,
            field.field,
            "phone" if name == mapping.phone_attribute else _type(name, field.own_type),
            _format(field.format),
            field.time_zone,
        )
        for name, field in mapping.named_fields().items()
    ]
    if mapping.attributes == "all":
        fields += _remaining(columns, mapping.email, fields, where)
    plan = Plan(
        email_column=mapping.email,
        fields=tuple(fields),
        default_country=export.default_country,
        date_format=connection.dates_sent_as,
        boolean_words=connection.boolean_words or _BOOLEAN_WORDS,
        erase_empty=export.erase_empty,
        source_format=_format(export.source.date_format),
        null_words=tuple(export.source.null_words),
        only=tuple(Only(each.column, tuple(each.words)) for each in export.source.only),
        ext_id="attributes" if export.identify_by == "customer_id" else None,
    )
    locate(plan, columns, where)
    return plan


def _type(attribute: str, given: AttributeType | None) -> AttributeType | None:
    return "phone" if attribute in PHONE_ATTRIBUTES and given in (None, "text") else given


def _format(text: str | None) -> DateFormat | None:
    return DateFormat.of(text) if text else None


def check_size(plan: Plan) -> None:
    """Raises ConfigurationError for more fields than an instance has memory for."""
    if len(plan.fields) > MOST_FIELDS:
        raise ConfigurationError(
            "too_many_attributes",
            f"{len(plan.fields)} attributes are mapped, more than {MOST_FIELDS}.",
            'Name those that campaigns need in the mapping instead of using "all".',
        )


def locate(plan: Plan, columns: tuple[str, ...], where: str) -> dict[str, int]:
    """The position of each mapped column among the file's columns.

    Raises ConfigurationError naming the file, the column, and the columns there are.
    """
    customer = [CUSTOMER_ID] if plan.ext_id else []
    mapped = (
        plan.email_column,
        *(field.column for field in plan.fields),
        *(each.column for each in plan.only),
        *customer,
    )
    return {column: _position(column, columns, where, mapped) for column in mapped}


def find_column(name: str, columns: tuple[str, ...]) -> int | None:
    """The position of a column by its exact name, else by its name in any case; None where none has it."""
    if columns.count(name) == 1:
        return columns.index(name)
    folded = [folded_name(column) for column in columns]
    return folded.index(folded_name(name)) if folded.count(folded_name(name)) == 1 else None


def columns_text(columns: tuple[str, ...], known: Iterable[str]) -> str:
    """The columns for an error text, or why they are not shown (see `why_hidden`)."""
    other = _other_delimiter(columns)
    if hidden := why_hidden(columns, known):
        return f"{hidden} Set source.delimiter to {other!r} if it separates the columns." if other else hidden
    if other:
        return f"the only column is {_one_line(columns[0])[:200]}: set source.delimiter to {other!r}."
    return f"the columns are: {names_text(columns)}."


def names_text(columns: Iterable[str]) -> str:
    """Names of columns for one line of text."""
    return ", ".join(map(_one_line, columns))[:2000]


def why_hidden(columns: tuple[str, ...], known: Iterable[str]) -> str:
    """Why a file's columns must not be shown, as a sentence; empty where they may be.

    A first row that is no header would show a person. So a header must have CustomerId or two of the `known` columns,
    or be one of them: one alone may be a customer's value, such as Email where a column says how to reach them.
    """
    if _looks_like_data(columns):
        return "its first row looks like a customer's, not like a header."
    names = _names(columns)
    if folded_name(CUSTOMER_ID) in names or len(names & set(map(folded_name, known))) >= min(_FEWEST_KNOWN, len(names)):
        return ""
    return "its first row may be a customer's and is not shown, since too few mapped columns are in it."


def _other_delimiter(columns: tuple[str, ...]) -> str:
    return next((sign for sign in ";\t|," if len(columns) == 1 and sign in columns[0]), "")


def _one_line(column: str) -> str:
    return "".join(letter for letter in " ".join(column.split()) if letter.isprintable())


def near_column(name: str, columns: tuple[str, ...], known: Iterable[str]) -> str:
    """` (did you mean …?)`; empty where no column is near, or where they may be the values of a first row."""
    return "" if why_hidden(columns, known) else did_you_mean(name, map(_one_line, columns))


def _names(columns: tuple[str, ...]) -> set[str]:
    """The names in small letters, also those of a header that another sign separates."""
    other = _other_delimiter(columns)
    return {folded_name(name.strip()) for name in (columns[0].split(other) if other else columns)} - {""}


def _looks_like_data(columns: tuple[str, ...]) -> bool:
    """By an address; and by many digits, which a name may have too, such as Spend_2024_2025, beside CustomerId."""
    if any("@" in column for column in columns):
        return True
    return CUSTOMER_ID.casefold() not in _names(columns) and any(sum(map(str.isdigit, name)) > 4 for name in columns)


def _position(name: str, columns: tuple[str, ...], where: str, mapped: Iterable[str]) -> int:
    found = find_column(name, columns)
    if found is not None:
        return found
    if folded_name(name) in map(folded_name, columns):
        raise ConfigurationError(
            "column_twice",
            f"{where} has the mapped column {shown(name)!r} more than once.",
            "Rename one of them in Customer Insights.",
        )
    raise ConfigurationError(
        "column_missing",
        f"{where} has no column {shown(name)!r}{near_column(name, columns, mapped)}.",
        f"Correct the mapping; {columns_text(columns, mapped)}",
    )


def _remaining(columns: tuple[str, ...], email: str, named: list[Field], where: str) -> list[Field]:
    """Every column that has a name and is not mapped yet, by that name in upper case."""
    if _looks_like_data(columns):
        raise ConfigurationError(
            "header_missing",
            f"{where} has no header: {columns_text(columns, ())}",
            "Let Customer Insights write model.json or header rows, or name the attributes in the mapping.",
        )
    # Before the columns are taken for mapped ones: the error says which of them are known.
    _position(email, columns, where, [email, *(field.column for field in named)])
    used = {find_column(name, columns) for name in (email, *(field.column for field in named))}
    taken = {field.attribute for field in named}
    found = []
    for place, column in enumerate(columns):
        if not column or place in used:
            continue
        attribute = column.upper()
        if attribute in IDENTIFIERS:
            raise ConfigurationError(
                "attribute_identifier",
                f"{where}: the column {shown(column)!r} would fill Brevo's {attribute}, by which a contact is found.",
                'Name the attributes in the mapping instead of using "all".',
            )
        if attribute in taken:
            raise ConfigurationError(
                "column_twice",
                f"{where}: two columns would fill the attribute {attribute[:50]}.",
                'Name the attributes in the mapping instead of using "all".',
            )
        taken.add(attribute)
        found.append(Field(attribute, column, _type(attribute, None)))
    return found
