"""How a value of an import becomes the stored value of an attribute.

Source: https://developers.brevo.com/docs/synchronise-contact-lists (types and formats),
https://developers.brevo.com/reference/create-attribute (the types).
"""

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from local.brevo_sandbox.settings import DateFormat, SandboxSettings
from local.brevo_sandbox.state import PHONES, Attribute

Value = Any
Convert = Callable[[object], Value]

UNUSABLE = object()
"""Stands for a value that the attribute's type cannot hold: it is dropped without a word."""

_DATE_PATTERNS: dict[DateFormat, re.Pattern[str]] = {
    "yyyy-mm-dd": re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"),
    "dd-mm-yyyy": re.compile(r"(?P<day>\d{2})-(?P<month>\d{2})-(?P<year>\d{4})"),
    "mm-dd-yyyy": re.compile(r"(?P<month>\d{2})-(?P<day>\d{2})-(?P<year>\d{4})"),
}
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_PHONE = re.compile(r"(?:\+|00)?([1-9][0-9]{5,14})")
_PUNCTUATION = re.compile(r"[\s().-]")


def converter(attribute: Attribute, settings: SandboxSettings) -> Convert:
    """The function that turns an imported value into a stored one, or into `UNUSABLE`."""
    if attribute.name in PHONES:
        return phone
    if attribute.category == "category":
        return _options(attribute, labels=settings.category_takes == "label_or_value")
    match attribute.type:
        case "date":
            pattern = _DATE_PATTERNS[settings.date_format]
            return lambda value: _date(value, pattern)
        case "float":
            return _number
        case "boolean":
            return _boolean_but_false if settings.ignores_false else _boolean
        case "multiple-choice":
            return lambda value: _choices(value, attribute)
        case _:
            limit = settings.text_limit
            return _text if limit is None else _texts(limit, settings.long_text == "cut")


def phone(value: object) -> Value:
    """Digits with the country code: `+91…`, `0091…` and `91…` are one number.

    Source: https://help.brevo.com/hc/en-us/articles/360018727839
    """
    text = str(value) if isinstance(value, str | int) else ""
    found = _PHONE.fullmatch(text) or _PHONE.fullmatch(_PUNCTUATION.sub("", text))
    return found[1] if found else UNUSABLE


def _texts(limit: int, cuts: bool) -> Convert:
    # No page of the vendor's names a limit for contacts; users report 10,000 characters.
    def convert(value: object) -> Value:
        text = _text(value)
        if text is UNUSABLE or len(text) <= limit:
            return text
        return text[:limit] if cuts else UNUSABLE

    return convert


def _text(value: object) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else UNUSABLE


def _date(value: object, pattern: re.Pattern[str]) -> Value:
    found = pattern.fullmatch(value) if isinstance(value, str) and value.isascii() else None
    if found is None:
        return UNUSABLE
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"])).isoformat()
    except ValueError:
        return UNUSABLE


def _number(value: object) -> Value:
    if isinstance(value, str) and value.isascii() and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNUSABLE
    try:
        number = float(value)
    except OverflowError:
        return UNUSABLE
    return number if math.isfinite(number) else UNUSABLE


def _boolean(value: object) -> Value:
    if isinstance(value, bool):
        return value
    return _BOOLEANS.get(str(value).lower(), UNUSABLE) if isinstance(value, str | int) else UNUSABLE


def _boolean_but_false(value: object) -> Value:
    # Users report that `false` in `jsonBody` is ignored while "No" is not; a setting, so both can be tried.
    return UNUSABLE if value is False else _boolean(value)


def _options(attribute: Attribute, *, labels: bool) -> Convert:
    # The reference filters contacts by either; users report that a label is ignored (APIv3-python-library#65).
    known = dict(attribute.enumeration)
    if labels:
        known = {label: label for label in known.values()} | known
    return lambda value: known.get(str(value), UNUSABLE) if isinstance(value, str | int) else UNUSABLE


def _choices(value: object, attribute: Attribute) -> Value:
    chosen = value.split(",") if isinstance(value, str) else value
    if not isinstance(chosen, list):
        return UNUSABLE
    known = tuple(choice for choice in chosen if choice in attribute.options)
    return known or UNUSABLE
