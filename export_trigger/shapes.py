"""What requests and answers look like, for checking the one and describing the other."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from shared.administration.drafts import MOST_NAME_CHARACTERS
from shared.administration.ending import Members
from shared.brevo.connecting import CheckStep
from shared.config.base import Id
from shared.config.models import DISPLAY_NAME_PATTERN, DisplayName
from shared.operating.person import LONGEST_ADDRESS_CHARACTERS
from shared.runs.starting import Start
from shared.runs.trial import DEFAULT_CUSTOMERS, MOST_CUSTOMERS, MOST_ID_CHARACTERS


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _one_of(first: str, second: str) -> JsonDict:
    """That a body names one of two, in its description."""
    return {
        "oneOf": [
            {"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}}
            for one, other in ((first, second), (second, first))
        ]
    }


class StartBody(_Body):
    """How to start a run: without the quiet period, or through a guard."""

    now: bool = False
    accept: bool = False


class TrialBody(_Body):
    """Where a trial goes, and whom it takes: the first customers, 20 where nothing is said, or those with these ids."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["customers", "customer_ids"]}})

    list_id: int = Field(ge=1)
    customers: int = Field(default=DEFAULT_CUSTOMERS, ge=1, le=MOST_CUSTOMERS)
    customer_ids: list[Annotated[str, Field(min_length=1, max_length=MOST_ID_CHARACTERS)]] = Field(
        default_factory=list, min_length=1, max_length=MOST_CUSTOMERS
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if {"customers", "customer_ids"} <= self.model_fields_set:
            raise PydanticCustomError("one_of", 'takes "customers" or "customer_ids", not both')
        return self


class VerifyBody(_Body):
    """Whether the list is only compared, or made right."""

    repair: bool = False


class EndBody(_Body):
    """What becomes of an export's members: they stay, or are taken out of its list first; then through a guard too."""

    members: Members = "stay"
    accept: bool = False


class WhyBody(_Body):
    """The person to look for, by address or by customer id. It stands here, since URLs are written into logs."""

    model_config = ConfigDict(json_schema_extra=_one_of("email", "customer_id"))

    email: str | None = Field(default=None, min_length=3, max_length=LONGEST_ADDRESS_CHARACTERS)
    customer_id: str | None = Field(default=None, min_length=1, max_length=MOST_ID_CHARACTERS)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.email is None) == (self.customer_id is None):
            raise PydanticCustomError("one_of", 'name either "email" or "customer_id"')
        return self


class StartAllBody(_Body):
    """Which exports to start."""

    exports: Literal["all"]


class WebhookBody(_Body):
    """What was refreshed: an export's id, or a segment's name."""

    model_config = ConfigDict(json_schema_extra=_one_of("export", "segment"))

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

    agreed_by: str = Field(min_length=1, max_length=200, pattern=DISPLAY_NAME_PATTERN)


class ConnectBody(_Body):
    """With consent, the connection is saved as connected once every step has passed; without, it is only tested."""

    consent: ConsentBody | None = None


class FieldFault(BaseModel):
    """One fault of what was sent."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """A problem as RFC 9457 has it. Some kinds tell more: `errors`, `exports` and `ways_on`, or `steps`."""

    type: str = Field(pattern=r"^urn:segment-export:problem:[a-z0-9_]+$")
    title: str
    status: int
    detail: str
    errors: list[FieldFault] | None = None
    exports: list[str] | None = None
    ways_on: list[str] | None = None
    steps: list[CheckStep] | None = None


class Started(BaseModel):
    """The result of a request to start: the run, new or active already, or the reason why there is none."""

    export: str
    run_id: str | None
    is_new: bool
    reason: str | None
    status_url: str | None

    @classmethod
    def of(cls, start: Start) -> Self:
        """The answer to this start."""
        return cls(
            export=start.export,
            run_id=start.run_id or None,
            is_new=start.is_new,
            reason=start.reason or None,
            status_url=f"/api/runs/{start.run_id}" if start.run_id else None,
        )


class Health(BaseModel):
    """Says that the app is up, and in which version; `steps` has what was read from storage, where that was asked."""

    status: Literal["ok"]
    version: str
    steps: list[CheckStep] | None = None


# For the export's body: the list may be named instead of numbered.
LIST_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": MOST_NAME_CHARACTERS,
    "description": "The list's name, in place of list_id.",
}
