"""Brevo's answers as what they should be: each has what it must have, and is about what was asked for."""

from typing import Any

from pydantic import BaseModel, Field, ValidationError

from shared.errors import TransientError

_AGAIN = "It is tried again."


# As large as a row of storage, and the engine, can hold.
_BEHIND_LARGEST = 2**63


class Numbered(BaseModel):
    """What has a number of Brevo's."""

    id: int = Field(lt=_BEHIND_LARGEST)


class Accepted(BaseModel):
    """Brevo has taken a request, and works on it as this process."""

    processId: int = Field(ge=1, lt=_BEHIND_LARGEST)  # noqa: N815 - Brevo's own name


def parsed[T: BaseModel](model: type[T], answer: Any) -> T:
    """The answer as the model has it. Raises TransientError where it lacks what it should have."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, found["loc"])) for found in error.errors()[:3])
        raise lacking(fields) from None


def lacking(fields: str) -> TransientError:
    """The error for an answer without what it should have, or with something else there."""
    return TransientError("brevo_garbled", f"Brevo's answer lacks what it should have ({fields[:100]}).", _AGAIN)


def parsed_of[T: Numbered](model: type[T], number: int, answer: Any) -> T:
    """The same for what has this number. Raises TransientError also where the answer is about another one."""
    found = parsed(model, answer)
    if found.id != number:
        raise TransientError("brevo_garbled", "Brevo's answer is not about what was asked for.", _AGAIN)
    return found
