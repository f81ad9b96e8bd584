"""The JSON document's models. Each refuses what it does not know, by name."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

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

from shared.config.base import Day, Id, Model, SettingReference, Share, Switch, fits, not_raw, twice_in, word_or_object
from shared.config.date_format import is_time_zone
from shared.config.mapping import Mapping
from shared.config.notifications import Notification
from shared.config.source import Source
from shared.errors import did_you_mean, shown
from shared.lifetimes import LONGEST_HOLD_HOURS, LONGEST_IMPORT_HOURS

Role = Literal["administrator", "contributor", "viewer"]
AccountDates = Literal["YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY"]
MOST_IMPORTS_AT_ONCE = 50
# No control characters, no markup, no marks that turn the direction of writing, and more than spaces.
_PLAIN = r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069<>]"
# Blanks of other scripts and marks of no width alone would be a link that nobody sees.
_UNSEEN = r"\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u2800\u3164\ufeff\uffa0"
SEEN = rf"[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069{_UNSEEN}<>]"
DISPLAY_NAME_PATTERN = rf"^{_PLAIN}*{SEEN}{_PLAIN}*$"
DisplayName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=DISPLAY_NAME_PATTERN)]
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


def _country(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # only where a country is named: it is slow to load

    if value not in SUPPORTED_REGIONS:
        raise ValueError("is not a country code of two letters, such as RO")
    return value


Country = Annotated[str, AfterValidator(_country), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})]


class Consent(Model):
    """Who agreed that data leaves for Brevo, and when."""

    agreed_by: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=SEEN)]
    agreed_on: Day


class BooleanWords(Model):
    """What Brevo gets for true and false."""

    true: Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=SEEN)]
    false: Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=SEEN)]

    @model_validator(mode="after")
    def _two_words(self) -> Self:
        if self.true.strip().casefold() == self.false.strip().casefold():
            raise ValueError("has one word for true and false, so a no would be sent as a yes")
        return self


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
        le=MOST_IMPORTS_AT_ONCE,
        strict=True,
        description="Imports that this account runs at the same time; Brevo advises 1.",
    )
    import_deadline_hours: float = Field(
        default=6,
        gt=0,
        le=LONGEST_IMPORT_HOURS,
        strict=True,
        description="How long Brevo may take for one import before the run fails.",
    )
    date_format: AccountDates | None = Field(
        default=None,
        description="The account's date format; left out, the one that its probe has shown, else YYYY-MM-DD.",
    )
    boolean_words: BooleanWords | None = Field(
        default=None, description="What Brevo gets for true and false; left out, Yes and No."
    )
    leavers: Literal["asked", "not_asked"] = Field(
        default="asked",
        description="Whether Brevo is asked before each run who left the list, so that nobody is put back.",
    )

    @property
    def dates_sent_as(self) -> AccountDates:
        """The date format that runs send."""
        return self.date_format or "YYYY-MM-DD"


class CronSchedule(Model):
    """A schedule of its own: a cron line of five fields at a place's local time."""

    cron: str
    time_zone: str = "UTC"

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        if not is_time_zone(self.time_zone):
            raise ValueError(f"time_zone {shown(self.time_zone)!r} is not known; use a name such as Europe/Bucharest")
        if len(self.cron.split()) != 5:
            raise ValueError("cron takes five fields: minute hour day month weekday")
        try:
            next(CronSim(self.cron, datetime.now(ZoneInfo(self.time_zone))))
        except CronSimError:
            raise ValueError(f"cron line {shown(self.cron)!r} cannot be read") from None
        except StopIteration:
            raise ValueError(f"cron line {shown(self.cron)!r} never fires") from None
        return self


Schedule = Annotated[
    Annotated[Literal["with_refresh", "off"], Tag("a word")] | Annotated[CronSchedule, Tag("an object")],
    Discriminator(word_or_object),
]


class Exclude(Model):
    """Whom an export never sends: everybody who is in one of these segments or lists."""

    segments: list[SegmentName] = Field(
        default=[], max_length=20, description="Segments of the export's own source; the newest snapshot of each."
    )
    list_ids: list[Annotated[int, Field(ge=1, strict=True)]] = Field(
        default=[], max_length=20, description="Lists of the same Brevo account; blocked members count too."
    )

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        if twice_in(self.segments) or twice_in(map(str, self.list_ids)):
            raise ValueError("names a segment or list twice")
        return self


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
    sync_mode: Literal["full", "changes_only", "mirror", "mirror_exact"] = Field(
        default="full",
        description="Whether all contacts are sent or those that changed, and who is taken out of the list.",
    )
    identify_by: Literal["email", "customer_id"] = Field(
        default="email",
        description="What tells whose contact a row is: the address, or the CustomerId, which Brevo gets as EXT_ID.",
    )
    delivery: Literal["body", "file"] = Field(
        default="body",
        description="Whether contacts go to Brevo in bodies of 8 MB, or in files of 200 MB that Brevo fetches.",
    )
    erase_empty: Switch = Field(default=False, description="An empty value erases what Brevo has.")
    create_missing_attributes: Switch = Field(
        default=False, description="Make the mapped attributes that the account lacks."
    )
    leave_out_missing_attributes: Switch = Field(
        default=False, description="Send without the mapped attributes that the account lacks."
    )
    put_back_leavers: Switch = Field(default=False, description="Send who left the list as well, which puts them back.")
    exclude: Exclude = Field(default=Exclude(), description="Who is in these segments or lists is not sent.")
    max_profiles: int | None = Field(
        default=None, ge=1, strict=True, description="A larger segment is held for approval."
    )
    max_shrink: Share = Field(
        default=0.5,
        description="A segment that lost more than this share since the last successful run is held for approval.",
    )
    max_rejected: Share = Field(
        default=0.5,
        description="With more than this share of rows rejected, the run is held for approval; with more than this "
        "share of contacts rejected by Brevo, nothing more is sent.",
    )
    max_warnings: Share = Field(
        default=0.5,
        description="A mapped field that would lose more than this share of its values holds the run for approval.",
    )
    max_removed: Share = Field(
        default=0.3,
        description="With more than this share of our members to be removed, or all of them, the run is held for "
        "approval; with mirror_exact, of all members.",
    )
    hold_hours: float = Field(
        default=48,
        ge=1,
        le=LONGEST_HOLD_HOURS,
        strict=True,
        description="How long a plan, or a run that a guard has stopped, waits for a person to approve it.",
    )

    @property
    def mirrors(self) -> bool:
        """True where who is not in the segment may have to leave the list."""
        return self.sync_mode in ("mirror", "mirror_exact")

    @field_validator("segments")
    @classmethod
    def _no_segment_twice(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("names a segment twice")
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.create_missing_attributes and self.leave_out_missing_attributes:
            raise ValueError("choose create_missing_attributes or leave_out_missing_attributes, not both")
        if self.identify_by == "customer_id" and self.mirrors:
            raise ValueError(f'sync_mode "{self.sync_mode}" needs identify_by "email"; "changes_only" takes either')
        return self

    @model_validator(mode="after")
    def _does_not_exclude_itself(self) -> Self:
        if self.list_id in self.exclude.list_ids:
            raise ValueError(f"exclude.list_ids names the export's own list {self.list_id}")
        if own := next((name for name in self.exclude.segments if name in self.segments), ""):
            raise ValueError(f"exclude.segments names the export's own segment {own}")
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
            if twice := twice_in(sorted(ids)):
                raise ValueError(f"{kind} {twice} is there twice")
        known = {connection.id for connection in self.connections}
        for export in self.exports:
            if export.connection is not None and export.connection not in known:
                where = f"export {export.id} uses the connection {export.connection}"
                raise ValueError(f"{where}, which is not there{did_you_mean(export.connection, known)}")
        return self

    @model_validator(mode="after")
    def _notifications_are_for_exports(self) -> Self:
        known = {export.id for export in self.exports}
        for notification in self.notifications:
            for name in notification.exports if notification.exports != "all" else []:
                if name not in known:
                    where = f"notification {notification.id} is for the export {name}"
                    raise ValueError(f"{where}, which is not there{did_you_mean(name, known)}")
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

    def connection(self, connection_id: str | None) -> Connection | None:
        """The connection of this id, or None."""
        return next((connection for connection in self.connections if connection.id == connection_id), None)

    def connection_of(self, export: Export) -> Connection | None:
        """The connection that the export uses, or None where it is detached."""
        return self.connection(export.connection)

    def exports_at(self, key_setting: str, list_id: int) -> set[str]:
        """The exports that send to this list of the account whose key is in this setting."""
        return {
            export.id
            for export in self.exports
            if export.list_id == list_id
            and (connection := self.connection_of(export))
            and connection.api_key.setting == key_setting
        }
