"""What all parts of the document are made of: a model that refuses what it does not know, ids, names of settings."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, LiteralString
from unicodedata import normalize

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

ID_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$"


def fits(pattern: str, fault: LiteralString) -> AfterValidator:
    """A check that says in words what is wrong with a text that does not fit; beside it, the schema has the pattern."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise PydanticCustomError("form", fault)
        return value

    return AfterValidator(check)


# Ids stand in paths of the API, so they hold only what needs no encoding and is the same in any case.
Id = Annotated[
    str,
    fits(ID_PATTERN, "takes small letters, digits and hyphens, at most 50, with no hyphen at either end"),
    WithJsonSchema({"type": "string", "pattern": ID_PATTERN}),
]
# The app's, the platform's and storage's own: what they hold would be sent to Brevo, or to a receiver of notices. The
# platform gives each setting a second time, behind APPSETTING_.
# https://learn.microsoft.com/azure/app-service/reference-app-settings
_OWN_SETTINGS = re.compile(
    "(APPSETTING_|AzureWeb|AzureFunctions|WEBSITES?_|FUNCTIONS_|APPLICATIONINSIGHTS_|APPINSIGHTS_|SEGMENT_STORAGE|AZURE_|IDENTITY_|MSI_|SCM_"
    "|SNAPSHOT_|OTEL_|[A-Z]+CONNSTR_|DOCKER_|CONTAINER_|MACHINEKEY_|MICROSOFT_PROVIDER_|DEPLOYMENT_STORAGE_).*"
    "|EXPORT_CONFIG|EXPORT_SCHEDULE|BREVO_BASE_URL|PUBLIC_URL|APP_SECRET|WEBHOOK_SECRET|(HTTPS?|ALL)_PROXY",
    re.IGNORECASE,
)


def _of_its_own(name: str) -> str:
    if _OWN_SETTINGS.fullmatch(name):
        raise ValueError(
            "is a setting of the app, of storage or of the platform; name one that is there for this alone"
        )
    return name


SETTING_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
SettingName = Annotated[str, StringConstraints(pattern=SETTING_PATTERN), AfterValidator(_of_its_own)]
Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# Strict, as all numbers here: `true` would be 1, which switches a guard off, and "100.000" a hundred.
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Switch = Annotated[bool, Field(strict=True)]


def _written_as_date(value: Any) -> date:
    """A number would be seconds since 1970, also one in quotes."""
    if isinstance(value, date):
        return value
    with suppress(TypeError, ValueError):
        if len(value) == len("2026-11-24") and value[7] == "-":  # no date of another form, such as 2026-W48-2
            return date.fromisoformat(value)
    raise PydanticCustomError("date_parsing", "is no date")


Day = Annotated[date, BeforeValidator(_written_as_date)]


def folded_name(name: str) -> str:
    """What names of columns are compared by: without case, and with an accent as one letter, however it is written."""
    return normalize("NFC", name).casefold()


class Model(BaseModel):
    """What all parts of the document have in common: unknown keys are refused, nothing changes later."""

    # An answer holds every field, those with a default too; without the last key its schema would say otherwise.
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


def twice_in(names: Iterable[str]) -> str:
    """The first name that was there before; empty where each is there once."""
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), "")  # type: ignore[func-returns-value]


def word_or_object(value: Any) -> str:
    """The tag of what was meant where either may stand, so that a fault is reported of that one only."""
    return "a word" if isinstance(value, str) else "an object"


class SettingReference(Model):
    """The name of the setting that holds a secret; never the secret."""

    setting: SettingName


def not_raw(what: str) -> Callable[[Any], Any]:
    """A check that refuses the secret itself where the name of its setting belongs. `what`: key, address, secret."""

    def check(value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(f'holds a raw {what}; write {{"setting": "NAME"}} and put the {what} into that setting')
        return value

    return check
