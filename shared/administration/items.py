"""A connection or an export as a caller sends it and gets it: its checks, its ETag, and what a save expects."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shared.config.base import Id
from shared.config.document import plain_json, validated
from shared.config.faults import field_problems
from shared.config.models import Connection, Document, Export
from shared.config.store import plain
from shared.errors import ConfigurationError, masked, one_line

ANY = "*"
MOST_ID_CHARACTERS = 50
CORRECT_IT = "Correct it; nothing was changed."
_ID: TypeAdapter[str] = TypeAdapter(Id)


class InvalidInput(ConfigurationError):
    """What was sent is wrong. `problems` has a line for each fault, which begins with the path to its field.

    Code `body_invalid` where its form is wrong, `not_possible` where the form is right but the world is another.
    """

    def __init__(self, problems: list[str], code: str = "not_possible") -> None:
        self.problems = [masked(one_line(each)) for each in problems]
        super().__init__(code, f"{'; '.join(problems)}."[:4000], CORRECT_IT)


def wrong_form(problem: str) -> InvalidInput:
    """The error for one fault of the form; `problem` begins with its field."""
    return InvalidInput([problem], "body_invalid")


@dataclass(frozen=True, slots=True)
class Saved[Item: (Connection, Export)]:
    """What was saved, with its new ETag, and what could not be checked.

    `members_stay` is how many contacts an export has put into a list that it leaves; None where it leaves none, or that
    is not known.
    """

    item: Item
    is_new: bool = False
    notes: tuple[str, ...] = ()
    members_stay: int | None = None

    @property
    def etag(self) -> str:
        """As `item_etag`."""
        return item_etag(self.item)


def parse_item[Item: BaseModel](model: type[Item], raw: Any, item_id: str) -> Item:
    """The item of this id; the body may repeat the id or leave it out. Raises InvalidInput."""
    check_id(item_id)
    if not isinstance(raw, dict):
        raise wrong_form("body: is not a JSON object")
    if raw.get("id", item_id) != item_id:
        raise InvalidInput([f"id: differs from {item_id}, the id that is saved"])
    return parse_strictly(model, {"id": item_id, **raw})


def parse_strictly[Item: BaseModel](model: type[Item], raw: Any) -> Item:
    """Without turning texts into numbers and the like. Raises InvalidInput."""
    try:
        return model.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        problems = field_problems(error, model, "body")
        no_fault_of_form = len(problems) == error.error_count() and all(map(_is_no_fault_of_form, error.errors()))
        raise InvalidInput(problems, "not_possible" if no_fault_of_form else "body_invalid") from None


def _is_no_fault_of_form(found: ErrorDetails) -> bool:
    """What no JSON Schema tells: a rule between values, and 12.0, which it takes for the integer that we want plain."""
    value = found["input"]
    return found["type"] == "value_error" or (
        found["type"] == "int_type" and isinstance(value, float) and value.is_integer()
    )


def parse_json(data: bytes) -> Any:
    """The value of a JSON text. Raises InvalidInput."""
    try:
        return plain_json(data)
    except ValueError as error:
        raise wrong_form(f"body: {error}") from None


def check_id(item_id: str) -> None:
    """Raises InvalidInput for what can be no id."""
    try:
        _ID.validate_python(item_id)
    except ValidationError:
        words = "id: takes 1 to 50 small letters, digits and hyphens, and begins and ends with a letter or digit"
        raise wrong_form(words) from None


def proposed_id(name: str, taken: Container[str], otherwise: str) -> str:
    """An id that says the name and is not taken; begun by `otherwise` where no letter of the name can be in an id."""
    plain_letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain_letters)[:MOST_ID_CHARACTERS].strip("-") or otherwise
    numbered = (f"{words[: MOST_ID_CHARACTERS - 5].strip('-')}-{number}" for number in count(2))
    return next(each for each in chain([words], numbered) if each not in taken)


def item_etag(item: Connection | Export | Document) -> str:
    """Changes when the item does, and not when another one does; of the document with any of them."""
    text = json.dumps(item.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_expected(what: str, current: Connection | Export | None, expected: str | None) -> None:
    """Checks that the caller has seen what is there. `expected`: an ETag, ANY, or None for what is to be new.

    Raises ConfigurationError: `already_there` or `changed_meanwhile`.
    """
    if expected is None and current is not None:
        raise ConfigurationError(
            "already_there",
            f"id: there is the {what} already.",
            "Choose another id; or, to change it, send its ETag as If-Match.",
        )
    if expected is not None and (current is None or expected not in (ANY, item_etag(current))):
        raise changed_meanwhile(what)


def is_saved_already(current: Connection | Export | None, new: Connection | Export, expected: str | None) -> bool:
    """True where a save is repeated, since its answer was lost: what it brings is there, and not what it expects.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
    """
    if current is None or expected == "":
        return False
    return expected not in (ANY, item_etag(current)) and item_etag(new) == item_etag(current)


def changed_meanwhile(what: str) -> ConfigurationError:
    """The error for an ETag that is not that of what is there now."""
    return ConfigurationError(
        "changed_meanwhile",
        f"If-Match: the {what} is not as you have seen it: somebody has changed or removed it meanwhile.",
        "Read it again, and make your change to what it is now.",
    )


def with_item(document: Document, kind: str, item: Connection | Export) -> Document:
    """The document with the item put in its place, or added. Raises InvalidInput where it does not fit in there."""
    items: list[Connection | Export] = getattr(document, kind)
    changed = [item if each.id == item.id else each for each in items]
    if item not in changed:
        changed.append(item)
    return _checked(document.model_copy(update={kind: changed}))


def without_item(document: Document, kind: str, item_id: str) -> Document:
    """The document without the item."""
    return document.model_copy(update={kind: [each for each in getattr(document, kind) if each.id != item_id]})


def _checked(document: Document) -> Document:
    try:
        return validated(plain(document), "configuration")
    except ConfigurationError as error:
        raise InvalidInput(getattr(error, "problems", [error.message])) from None
