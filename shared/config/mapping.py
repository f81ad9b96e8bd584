"""The mapping of an export: which column becomes which attribute, and of which type."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from shared.config.base import Column, Model, twice_in, word_or_object
from shared.config.date_format import DateForm, TimeZone
from shared.errors import shown

AttributeType = Literal["text", "date", "number", "boolean", "category", "multiple_choice", "phone"]

# Brevo knows these by name; each belongs to one contact only. https://developers.brevo.com/reference/create-contact
PHONE_ATTRIBUTES = frozenset(("SMS", "WHATSAPP", "LANDLINE_NUMBER"))
# What a contact is found by. An attribute of this name would be another contact, or change an address.
IDENTIFIERS = {
    "EMAIL": 'attribute EMAIL is the address itself; map it with "email"',
    "EXT_ID": "attribute EXT_ID tells Brevo which contact a row is, and takes no column",
}

# The keys of names and phone number, and which attribute each fills unless it names another one.
STANDARD = {"first_name": "FIRSTNAME", "last_name": "LASTNAME", "phone": "SMS"}
# Brevo stores attribute names in upper case, whatever is sent.
ATTRIBUTE_PATTERN = r"^[A-Za-z0-9_-]{1,50}$"
AttributeName = Annotated[str, StringConstraints(pattern=ATTRIBUTE_PATTERN, to_upper=True)]


class MappedField(Model):
    """A column of the segment, and the attribute that takes its value."""

    field: Column
    attribute: AttributeName | None = None
    type: AttributeType | None = Field(default=None, description="Left out: the type that the Brevo account has.")
    format: DateForm | None = Field(default=None, description="How this column writes dates, such as dd.MM.yyyy.")
    time_zone: TimeZone | None = Field(
        default=None, description="Where the day is to be taken of moments with an offset from UTC."
    )

    @model_validator(mode="after")
    def _dates_alone(self) -> Self:
        if self.type not in (None, "date") and (self.format or self.time_zone):
            raise ValueError('format and time_zone are for dates; write "type": "date" beside them, or leave it out')
        return self

    @property
    def own_type(self) -> AttributeType | None:
        """The type that the mapping gives. What has a format is a date."""
        return self.type or ("date" if self.format or self.time_zone else None)


def _mapped_field(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


def _no_type(value: MappedField) -> MappedField:
    if value.own_type not in (None, "text"):
        raise ValueError("takes no type: names and phone numbers are text")
    return value


def _no_attribute(value: MappedField) -> MappedField:
    if value.attribute is not None:
        raise ValueError("takes no attribute: its key is the attribute's name already")
    return value


_ColumnOrField = BeforeValidator(_mapped_field, json_schema_input_type=Column | MappedField)
StandardField = Annotated[MappedField, _ColumnOrField, AfterValidator(_no_type)]
AttributeField = Annotated[MappedField, _ColumnOrField, AfterValidator(_no_attribute)]


class Mapping(Model):
    """Which column becomes what. Every contact needs the e-mail address."""

    email: Column
    first_name: StandardField | None = None
    last_name: StandardField | None = None
    phone: StandardField | None = None
    attributes: Annotated[
        Annotated[dict[AttributeName, AttributeField], Tag("an object")] | Annotated[Literal["all"], Tag("a word")],
        Discriminator(word_or_object),
    ] = Field(default={}, description='Attributes by name, or "all" for every remaining column by its own name.')

    @field_validator("attributes", mode="before")
    @classmethod
    def _no_name_twice(cls, value: Any) -> Any:
        """Names that differ in case only would become one, and the other's column be lost without a word."""
        names = [str(name).upper() for name in value] if isinstance(value, dict) else []
        if twice := twice_in(names):
            raise ValueError(f"attribute {shown(twice)} is mapped twice")
        return value

    @property
    def phone_attribute(self) -> str | None:
        """The attribute that takes the phone number."""
        return (self.phone.attribute or STANDARD["phone"]) if self.phone else None

    def standard_fields(self) -> Iterator[tuple[str, str, MappedField]]:
        """Of names and phone number, as far as they are mapped: the key, the attribute that is filled, the field."""
        for key, default in STANDARD.items():
            if field := getattr(self, key):
                yield key, field.attribute or default, field

    def named_fields(self) -> dict[str, MappedField]:
        """Every field written out in the mapping but the e-mail address, by attribute name."""
        standard = {attribute: field for _, attribute, field in self.standard_fields()}
        return standard | (self.attributes if isinstance(self.attributes, dict) else {})

    @model_validator(mode="after")
    def _one_source_an_attribute(self) -> Self:
        names = [attribute for _, attribute, _ in self.standard_fields()]
        names += self.attributes if isinstance(self.attributes, dict) else []
        if twice := twice_in(names):
            raise ValueError(f"attribute {twice} is mapped twice")
        for name, fault in IDENTIFIERS.items():
            if name in names:
                raise ValueError(fault)
        return self
