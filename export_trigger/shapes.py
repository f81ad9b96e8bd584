"""What requests and answers look like, for checking the one and describing the other."""

from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from shared.access import ROLES
from shared.administration.exports import MOST_NAME_CHARACTERS
from shared.config.base import Id
from shared.config.models import DisplayName
from shared.runs.model import State, Trigger


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StartBody(_Body):
    """How to start a run: without the quiet period, or through a guard."""

    now: bool = False
    accept: bool = False


class StartAllBody(_Body):
    """Which exports to start."""

    exports: Literal["all"]


class WebhookBody(_Body):
    """What was refreshed: an export's id, or a segment's name."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}}
                for one, other in (("export", "segment"), ("segment", "export"))
            ]
        }
    )

    export: str | None = Field(default=None, max_length=100)
    segment: str | None = Field(default=None, max_length=100)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.export is None) == (self.segment is None):
            raise PydanticCustomError("one_of", 'name either "export" or "segment"')
        return self


class DuplicateBody(_Body):
    """The copy's id and name."""

    id: Id
    display_name: DisplayName | None = None


class ConsentBody(_Body):
    """Who agrees that data leaves for Brevo; kept in the configuration document only."""

    agreed_by: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f<>]*\S[^\x00-\x1f\x7f<>]*$")


class ConnectBody(_Body):
    """With consent, the connection is saved as connected once every step has passed; without, it is only tested."""

    consent: ConsentBody | None = None


class FieldFault(BaseModel):
    """One fault of what was sent."""

    field: str
    message: str


class Problem(BaseModel):
    """A problem as RFC 9457 has it. Some kinds tell more: `errors`, `exports` and `ways_on`, or `steps`."""

    type: str = Field(pattern=r"^urn:segment-export:problem:[a-z0-9_]+$")
    title: str
    status: int
    detail: str
    errors: list[FieldFault] | None = None
    exports: list[str] | None = None
    ways_on: list[str] | None = None
    steps: list["Step"] | None = None


class Step(BaseModel):
    """One step of a connection's test."""

    step: str
    ok: bool
    message: str


class ConnectAnswer(BaseModel):
    """The test of a connection, step by step; a step after a failed one is not tried."""

    connection: str
    connected: bool
    steps: list[Step]


class SeenConnection(BaseModel):
    """A connection; its settings are shown to administrators only."""

    id: str
    type: Literal["brevo"]
    display_name: str
    api_key: dict[str, str] | None = None
    available_to: list[Literal[*ROLES]] | None = None  # type: ignore[valid-type]
    consent: dict[str, str | date] | None = None


class Started(BaseModel):
    """What became of a wish to start."""

    export: str
    run_id: str | None
    is_new: bool
    reason: str | None
    status_url: str | None


class RunError(BaseModel):
    """What went wrong."""

    code: str
    message: str
    advice: str


class RunStatus(BaseModel):
    """A run with all its counts."""

    run_id: str
    export: str
    status: State
    trigger: Trigger
    started_by: str
    started_at: datetime | None
    finished_at: datetime | None
    snapshot: str | None
    segments: list[dict[str, Any]]
    rows_read: int
    rows_merged: int
    rows_rejected: dict[str, int]
    warnings: dict[str, int]
    contacts_mapped: int
    contacts_delivered: int
    contacts_confirmed: int
    contacts_rejected_by_brevo: dict[str, int]
    contacts_removed: int
    batches: int
    requests: int
    bytes_sent: int
    error: RunError | None


class LastRun(BaseModel):
    """An export's last run, however it ended."""

    run_id: str
    status: State
    trigger: Trigger
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None


class LastSuccess(BaseModel):
    """An export's last run that succeeded."""

    run_id: str
    finished_at: datetime


class Why(BaseModel):
    """Why an export does not run now."""

    code: str
    text: str


class Overview(BaseModel):
    """An export's facts, its ETag, and what the caller may do with it."""

    id: str
    display_name: str
    connection: str | None
    list_id: int
    segments: list[str]
    schedule: str | dict[str, str]
    schedule_text: str
    next_due: datetime | None
    last_run: LastRun | None
    last_success: LastSuccess | None
    why_not_running: Why | None
    permissions: list[str]
    etag: str


class Preview(BaseModel):
    """What a run would send: counts, and a few masked contacts."""

    export: str
    snapshot: str
    rows_read: int
    rows_merged: int
    rows_rejected: dict[str, int]
    warnings: dict[str, int]
    contacts_mapped: int
    notes: list[str]
    contacts: list[dict[str, Any]]


class AuditEntry(BaseModel):
    """One line of the audit trail."""

    at: datetime
    who: str
    what: str
    target: str
    detail: str


class Health(BaseModel):
    """Says that the app is up, and in which version."""

    status: Literal["ok"]
    version: str


# For the export's body: the list may be named instead of numbered.
LIST_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": MOST_NAME_CHARACTERS,
    "description": "The list's name, in place of list_id.",
}
