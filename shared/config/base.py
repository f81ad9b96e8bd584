"""What all parts of the document are made of: a model that refuses what it does not know, ids, names of settings."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$")]
SettingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Model(BaseModel):
    """What all parts of the document have in common: unknown keys are refused, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def word_or_object(value: Any) -> str:
    """The tag of what was meant where either may stand, so that a fault is told of that one only."""
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
