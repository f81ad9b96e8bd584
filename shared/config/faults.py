"""What is wrong with a document, a line for each fault, in words for who wrote it: none of the validation library's."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.config.base import SETTING_PATTERN
from shared.config.mapping import ATTRIBUTE_PATTERN
from shared.config.models import DISPLAY_NAME_PATTERN, SEEN
from shared.config.source import CONTAINER_NAME
from shared.counting import counted
from shared.errors import did_you_mean, shown

_MOST_FAULTS = 500
# What pydantic adds to a path, which says nothing to the writer: of a word or an object, and of a key that is wrong.
_TAGS = {"a word", "an object", "[key]"}

_WHOLE_NUMBER = "must be a whole number, such as 12, without quotes"
_NUMBER = "must be a number, such as 0.5, without quotes"
_SWITCH = "must be true or false, without quotes"
_DATE = "must be a date such as 2026-11-24, in quotes"
_OBJECT = "must be an object: {…}"
_NO_FORM = "is not in a form that is known"

_PATTERNS = {
    SETTING_PATTERN: "takes the name of a setting: letters, digits and underscores, at most 128, with no digit first",
    ATTRIBUTE_PATTERN: "takes the name of an attribute: letters, digits, hyphens and underscores, 1 to 50",
    DISPLAY_NAME_PATTERN: "takes a name that can be seen, with no control characters and no < or >",
    SEEN: "takes a name that can be seen",
    CONTAINER_NAME: "takes the name of a container: 3 to 63 small letters, digits and single hyphens between them",
}

# By the library's own names of its faults. https://docs.pydantic.dev/latest/errors/validation_errors/
_SENTENCES: dict[str, str | Callable[[dict[str, Any]], str]] = {
    "missing": "is missing; add it",
    "extra_forbidden": "is not a known key; remove it or correct its name",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "list_type": "must be a list: […]",
    "string_type": "must be a text, in quotes",
    "string_unicode": "holds characters that are no text",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "greater_than": lambda limits: f"must be more than {limits['gt']:,g}",
    "greater_than_equal": lambda limits: f"must be {limits['ge']:,g} or more",
    "less_than_equal": lambda limits: f"must be {limits['le']:,g} or less",
    "string_too_short": lambda limits: f"must have {counted(limits['min_length'], 'character')} or more",
    "string_too_long": lambda limits: f"must have {counted(limits['max_length'], 'character')} or fewer",
    "too_short": lambda limits: f"must have {counted(limits['min_length'], 'entry', 'entries')} or more",
    "too_long": lambda limits: f"must have {counted(limits['max_length'], 'entry', 'entries')} or fewer",
    "literal_error": lambda limits: f"must be {limits['expected']}",
    "string_pattern_mismatch": lambda limits: _PATTERNS.get(limits["pattern"], _NO_FORM),
    "json_invalid": lambda limits: _json_fault(str(limits["error"])),
}


def field_problems(error: ValidationError, model: type[BaseModel], whole: str = "document") -> list[str]:
    """A line for each fault, with the path to its field; `whole` is the word for what has no path.

    Of many thousands of them only the number: their lines would take a hundred times the memory of what was typed.
    """
    if error.error_count() > _MOST_FAULTS:
        return [f"{whole}: has {error.error_count():,} faults, too many to list; is it a document of another kind?"]
    return [
        f"{_path(found['loc']) or whole}: {fault_sentence(found)}{_hint(found, model)}"
        for found in error.errors(include_url=False)
    ]


def fault_sentence(found: ErrorDetails) -> str:
    """What is wrong with the value, without the value: the checks of our own have their words themselves."""
    kind = found["type"]
    if kind in ("value_error", "form"):
        return found["msg"].removeprefix("Value error, ")
    sentence = _SENTENCES.get(kind, _NO_FORM)
    return sentence if isinstance(sentence, str) else sentence(found.get("ctx", {}))


def _hint(found: ErrorDetails, model: type[BaseModel]) -> str:
    if found["type"] == "extra_forbidden":
        *parents, name = found["loc"]
        return did_you_mean(str(name), _names_at(model, parents))
    if found["type"] == "literal_error" and isinstance(found["input"], str):
        return did_you_mean(found["input"], _quoted(found["ctx"]["expected"]))
    return ""


def _quoted(expected: str) -> list[str]:
    return expected.split("'")[1::2]


def _names_at(model: type[BaseModel], path: Iterable[int | str]) -> Iterator[str]:
    """The keys that are known where the path leads."""
    models = [model]
    for part in path:
        inner = [found for each in models for found in _models_in(_fields(each).get(str(part)))]
        models = inner or models  # a list's number, a dictionary's key or a tag leads no further
    return (name for each in models for name in _fields(each))


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _path(parts: tuple[int | str, ...]) -> str:
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _TAGS:
            path += f".{shown(part)}" if path else shown(part)
    return path


def _json_fault(words: str) -> str:
    if "recursion" in words:
        return "is nested too deeply"
    if "surrogate" in words:
        return "holds characters that are no text"
    return f"is not JSON ({words})"
