"""The JSON document's models. Each refuses what it does not know, by name."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from shared.config.base import Column, Id, Model, SettingReference, Share, fits, not_raw, word_or_object
from shared.config.date_format import DateForm, TimeZone
from shared.config.notifications import Notification
from shared.config.source import Source
from shared.errors import shown
from shared.lifetimes import LONGEST_IMPORT_HOURS

Role = Literal["administrator", "contributor", "viewer"]
AttributeType = Literal["text", "date", "number", "boolean"]

# No control characters, no markup, no marks that turn the direction of writing, and more than spaces.
_PLAIN = r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069<>]"
_SEEN = r"[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069<>]"
DisplayName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=rf"^{_PLAIN}*{_SEEN}{_PLAIN}*$")]
# A segment's name is a part of its blobs' paths. `.` and `..` would lead to another folder, and a part cannot end with
# a dot. https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
SEGMENT_PATTERN = r"^([A-Za-z0-9_.-][A-Za-z0-9_. -]{0,98})?[A-Za-z0-9_-]$"
SegmentName = Annotated[
    str,
    fits(
        SEGMENT_PATTERN,
        "takes letters, digits, blanks, hyphens, dots and underscores, at most 100, "
        "with no blank at either end and no dot at the end",
    ),
    WithJsonSchema({"type": "string", "pattern": SEGMENT_PATTERN}),
]


# Brevo stores attribute names in upper case, whatever is sent.
AttributeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,50}$", to_upper=True)]


def _twice(names: Iterable[str]) -> str:
    """The first name that was there before; empty where each is there once."""
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), "")  # type: ignore[func-returns-value]


def _country(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # only where a country is named: it is slow to load

    if value not in SUPPORTED_REGIONS:
        raise ValueError("is not a country code of two letters, such as RO")
    return value


Country = Annotated[str, AfterValidator(_country), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})]


class Consent(Model):
    """Who agreed that data leaves for Brevo, and when."""

    agreed_by: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    agreed_on: date


class BooleanWords(Model):
    """What Brevo gets for true and false, where the account does not take JSON booleans."""

    true: str = Field(min_length=1, max_length=20)
    false: str = Field(min_length=1, max_length=20)


class Connection(Model):
    """A Brevo account, and who may use it."""

    id: Id
    type: Literal["brevo"] = "brevo"
    display_name: DisplayName
    api_key: Annotated[SettingReference, BeforeValidator(not_raw("key"))]
    available_to: list[Role] = Field(default=["administrator"], min_length=1, max_length=10)
    consent: Consent | None = None
    imports_at_once: int = Field(
        default=1,
        ge=1,
        le=50,
        description="Imports that this account runs at the same time; Brevo advises 1.",
    )
    import_deadline_hours: float = Field(
        default=6,
        gt=0,
        le=LONGEST_IMPORT_HOURS,
        description="How long Brevo may take for one import before the run fails.",
    )
    date_format: Literal["YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY"] = Field(
        default="YYYY-MM-DD", description="The account's date format."
    )
    boolean_words: BooleanWords | None = None


class MappedField(Model):
    """A column of the segment, and the attribute that takes its value."""

    field: Column
    attribute: AttributeName | None = None
    type: AttributeType = "text"
    format: DateForm | None = Field(default=None, description="How this column writes dates, such as dd.MM.yyyy.")
    time_zone: TimeZone | None = Field(
        default=None, description="Where the day is to be taken of moments with an offset from UTC."
    )

    @model_validator(mode="after")
    def _dates_alone(self) -> Self:
        if self.type != "date" and (self.format or self.time_zone):
            raise ValueError('format and time_zone are for dates; write "type": "date" beside them')
        return self


def _mapped_field(value: Any) -> Any:
    return {"field": value} if isinstance(value, str) else value


def _no_type(value: MappedField) -> MappedField:
    if value.type != "text":
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
        if twice := _twice(names):
            raise ValueError(f"attribute {shown(twice)} is mapped twice")
        return value

    @property
    def phone_attribute(self) -> str | None:
        """The attribute that takes the phone number."""
        return (self.phone.attribute or "SMS") if self.phone else None

    def named_fields(self) -> dict[str, MappedField]:
        """Every field written out in the mapping but the e-mail address, by attribute name."""
        standard = {
            field.attribute or default: field
            for field, default in (
                (self.first_name, "FIRSTNAME"),
                (self.last_name, "LASTNAME"),
                (self.phone, "SMS"),
            )
            if field is not None
        }
        return standard | (self.attributes if isinstance(self.attributes, dict) else {})

    @model_validator(mode="after")
    def _one_source_an_attribute(self) -> Self:
        names = [
            field.attribute or default
            for field, default in (
                (self.first_name, "FIRSTNAME"),
                (self.last_name, "LASTNAME"),
                (self.phone, "SMS"),
            )
            if field is not None
        ]
        names += self.attributes if isinstance(self.attributes, dict) else []
        if twice := _twice(names):
            raise ValueError(f"attribute {twice} is mapped twice")
        if "EMAIL" in names:
            raise ValueError('attribute EMAIL is the address itself; map it with "email"')
        return self


class CronSchedule(Model):
    """A schedule of its own: a cron line of five fields at a place's local time."""

    cron: str
    time_zone: str = "UTC"

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        try:
            zone = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"time_zone {shown(self.time_zone)!r} is not known; use a name such as Europe/Bucharest"
            ) from None
        if len(self.cron.split()) != 5:
            raise ValueError("cron takes five fields: minute hour day month weekday")
        try:
            next(CronSim(self.cron, datetime.now(zone)))
        except CronSimError:
            raise ValueError(f"cron line {shown(self.cron)!r} cannot be read") from None
        except StopIteration:
            raise ValueError(f"cron line {shown(self.cron)!r} never fires") from None
        return self


Schedule = Annotated[
    Annotated[Literal["with_refresh", "off"], Tag("a word")] | Annotated[CronSchedule, Tag("an object")],
    Discriminator(word_or_object),
]


class Export(Model):
    """Which segments go to which list, how, and when."""

    id: Id
    display_name: DisplayName
    connection: Id | None = Field(description="A connection's id; null means detached: the export is inactive.")
    list_id: int = Field(ge=1, strict=True)
    source: Source
    segments: list[SegmentName] = Field(min_length=1, max_length=200)
    mapping: Mapping
    default_country: Country | None = None
    schedule: Schedule = "with_refresh"
    sync_mode: Literal["full", "changes_only", "mirror"] = "full"
    erase_empty: bool = Field(default=False, description="An empty value erases what Brevo has.")
    create_missing_attributes: bool = Field(
        default=False, description="Make the mapped attributes that the account lacks."
    )
    leave_out_missing_attributes: bool = Field(
        default=False, description="Send without the mapped attributes that the account lacks."
    )
    max_profiles: int | None = Field(default=None, ge=1, description="A larger segment is not sent.")
    max_shrink: Share = Field(
        default=0.5, description="A segment that lost more than this share since the last run is not sent."
    )
    max_rejected: Share = Field(
        default=0.5, description="With more than this share of rows rejected, nothing more is sent."
    )

    @field_validator("segments")
    @classmethod
    def _no_segment_twice(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("names a segment twice")
        return value

    @field_validator("sync_mode")
    @classmethod
    def _only_full(cls, value: str) -> str:
        if value != "full":
            raise ValueError(f'"{value}" is not available yet; use "full"')
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.create_missing_attributes and self.leave_out_missing_attributes:
            raise ValueError("choose create_missing_attributes or leave_out_missing_attributes, not both")
        return self


_RAW_KEY = re.compile(r"xkeysib-", re.IGNORECASE)
# Of each kind. The faults of many more would take gigabytes to tell.
_MOST_ITEMS = 5_000


class Document(Model):
    """The whole configuration."""

    connections: list[Connection] = Field(default=[])
    exports: list[Export] = Field(default=[])
    notifications: list[Notification] = Field(default=[])

    @model_validator(mode="after")
    def _ids_and_references(self) -> Self:
        for kind, ids in (
            ("connection", [connection.id for connection in self.connections]),
            ("export", [export.id for export in self.exports]),
            ("notification", [notification.id for notification in self.notifications]),
        ):
            if twice := _twice(sorted(ids)):
                raise ValueError(f"{kind} {twice} is there twice")
        known = {connection.id for connection in self.connections}
        for export in self.exports:
            if export.connection is not None and export.connection not in known:
                raise ValueError(f"export {export.id} uses the connection {export.connection}, which is not there")
        return self

    @model_validator(mode="after")
    def _notifications_are_for_exports(self) -> Self:
        known = {export.id for export in self.exports}
        for notification in self.notifications:
            for name in notification.exports if notification.exports != "all" else []:
                if name not in known:
                    raise ValueError(f"notification {notification.id} is for the export {name}, which is not there")
        return self

    @model_validator(mode="before")
    @classmethod
    def _holds_no_key(cls, data: Any) -> Any:
        if _RAW_KEY.search(repr(data)):
            raise ValueError("holds a raw Brevo key; put it into a setting and name the setting")
        for kind in ("connections", "exports", "notifications"):
            items = data.get(kind) if isinstance(data, dict) else None
            if isinstance(items, list) and len(items) > _MOST_ITEMS:
                raise ValueError(f"has {len(items):,} {kind}, more than {_MOST_ITEMS:,}; divide them among apps")
        return data

    def export(self, export_id: str) -> Export | None:
        """The export of this id, or None."""
        return next((export for export in self.exports if export.id == export_id), None)

    def connection_of(self, export: Export) -> Connection | None:
        """The connection that the export uses, or None where it is detached."""
        return next((found for found in self.connections if found.id == export.connection), None)
