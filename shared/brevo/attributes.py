"""The account's attributes: which can be written, of which type they are, and which options they have.

Brevo ignores a value that does not fit its attribute without a word, so the account decides how values are judged.
https://developers.brevo.com/reference/get-attributes, https://developers.brevo.com/reference/create-contact (Nov. 2026)
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.config.mapping import ATTRIBUTE_PATTERN, PHONE_ATTRIBUTES, AttributeType
from shared.errors import ConfigurationError, shown

Kind = AttributeType | Literal["read_only", "unknown"]

# Brevo's names for the types of normal attributes. Where it names none, the attribute is a text.
_KINDS: dict[str, AttributeType] = {
    "text": "text",
    "id": "text",
    "date": "date",
    "float": "number",
    "boolean": "boolean",
    "multiple-choice": "multiple_choice",
}
_MADE_AS: dict[AttributeType, str] = {
    "text": "text",
    "phone": "text",
    "date": "date",
    "number": "float",
    "boolean": "boolean",
}


@dataclass(frozen=True, slots=True)
class AccountAttribute:
    """One attribute. `options` gives, for what a cell may hold, what is sent: of a category the label or the value."""

    name: str
    kind: Kind
    options: Mapping[str, str] = field(default_factory=dict)
    described: str = ""


# Asks for an account's attributes, by the setting that holds its key.
AskAttributes = Callable[[str], Mapping[str, AccountAttribute]]


def read_attribute(name: str, category: str, kind: str, enumeration: Any, choices: Any) -> AccountAttribute:
    """The attribute as Brevo describes it."""
    name = name.upper()
    if category == "category":
        return AccountAttribute(name, "category", _category_options(enumeration))
    if category != "normal":
        return AccountAttribute(name, "read_only", described=category)
    if name in PHONE_ATTRIBUTES:
        return AccountAttribute(name, "phone")
    found: Kind = _KINDS.get(kind or "text", "unknown")
    options = {choice: choice for choice in _texts(choices)} if found == "multiple_choice" else {}
    return AccountAttribute(name, found, options, described=kind)


def _category_options(enumeration: Any) -> dict[str, str]:
    """What is sent for each label, and for each value that is no label.

    The value is sent, since all reports say that Brevo takes it; some say that a label is ignored
    (sendinblue/APIv3-python-library#65). `valueStr` is the value as it is: `value` is 0 for one that is no number.
    https://developers.brevo.com/changelog/2026/5/1
    """
    entries = [entry for entry in enumeration if isinstance(entry, dict)] if isinstance(enumeration, list) else []
    values = {_written(entry, "label").strip(): _written(entry, "valueStr", "value") for entry in entries}
    values = {label: value for label, value in values.items() if label and value}
    return values | {value: value for value in values.values() if value not in values}


def _written(entry: Mapping[str, Any], *names: str) -> str:
    """The first of these that says anything; empty where none does."""
    found = (entry.get(name) for name in names)
    return next((str(each) for each in found if each is not None and each != ""), "")


def _texts(items: Any) -> Iterable[str]:
    return [item for item in items if isinstance(item, str) and item.strip()] if isinstance(items, list) else []


def fault_of(name: str, given: AttributeType | None, known: AccountAttribute | None) -> ConfigurationError | None:
    """Why values of the type cannot be sent to the attribute; None where they can, or where there is none yet."""
    if known is None:
        return None
    if known.kind == "read_only":
        return ConfigurationError(
            "attribute_read_only",
            f"Brevo's attribute {name} is {_article(known.described)}, which nobody can write.",
            "Take it out of the mapping, or map the column to an attribute of another name.",
        )
    if known.kind == "unknown":
        return ConfigurationError(
            "attribute_type",
            f"Brevo's attribute {name} has the type {known.described[:30]}, which cannot be sent.",
            "Take it out of the mapping, or map the column to an attribute of another type.",
        )
    if given is None or given == known.kind or {given, known.kind} == {"text", "phone"}:
        return None
    return ConfigurationError(
        "attribute_type",
        f"The mapping gives the attribute {name} the type {given}, and in the Brevo account it has {known.kind}: Brevo "
        "would ignore the values.",
        "Leave the type (and format and time_zone, which are for dates) out of the mapping, or change it; or make an "
        "attribute of that type in Brevo.",
    )


def _article(category: str) -> str:
    return f"{'an' if category[:1] in 'aeiou' else 'a'} {category[:30]} one"


def made_as(name: str, given: AttributeType | None) -> tuple[AccountAttribute, str]:
    """A missing attribute as it is to be made, and Brevo's name for its type; text where no type is given.

    Raises ConfigurationError for a name that none can have, and for a type that needs options.
    """
    if not re.fullmatch(ATTRIBUTE_PATTERN, name):
        raise ConfigurationError(
            "attributes_missing",
            f"The Brevo account lacks the attribute {shown(name)}, and none can be made of this name: it has other "
            "signs than letters from A to Z, digits, _ and -, or more than 50.",
            'Name the attributes in the mapping instead of using "all", or rename the column in Customer Insights.',
        )
    kind: AttributeType = "phone" if name in PHONE_ATTRIBUTES else given or "text"
    if kind not in _MADE_AS:
        raise ConfigurationError(
            "attributes_missing",
            f"The Brevo account lacks the attribute {name}, and one of the type {kind} cannot be made without its "
            "options.",
            "Make it in Brevo, with its options.",
        )
    return AccountAttribute(name, kind), _MADE_AS[kind]
