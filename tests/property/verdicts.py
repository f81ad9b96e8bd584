"""What a value should become, value by value, in plain Python: numbers, categories and multiple choices."""

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.property.cells import DRINKS, TIERS

REASONS = {
    "NOTE": "text_too_long",
    "BORN": "invalid_date",
    "WORTH": "invalid_number",
    "AGREES": "invalid_boolean",
    "TIER": "invalid_category",
    "DRINKS": "invalid_multiple_choice",
}
PHONES = {"SMS", "WHATSAPP", "LANDLINE_NUMBER"}


@dataclass
class Verdict:
    """What a value should become: what the account then has, and the reason of the warning, if any."""

    kept: Any = None
    warning: str = ""


def number_in(text: str) -> float | None:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", text, re.ASCII | re.IGNORECASE):
        return None
    return float(text) if abs(float(text)) < float("inf") else None


def tier_in(text: str) -> str | None:
    """The label: by a label, else by a value."""
    labels = {label.lower(): label for label in TIERS.values()}
    values = {value.lower(): label for value, label in TIERS.items()}
    return labels.get(text.lower()) or values.get(text.lower())


def drinks_in(text: str) -> Verdict:
    known = {drink.lower(): drink for drink in DRINKS}
    parts = [part.strip(" \t\r\n\u00a0").lower() for part in parts_in(text, known)]
    chosen = [drink for drink in DRINKS if drink.lower() in parts]
    is_empty = re.fullmatch(r"\[[ \t\n\r]*\]", text) is not None
    all_known = bool(chosen) and all(not part or part in known for part in parts)
    return Verdict(chosen or None, "" if all_known or is_empty else "invalid_multiple_choice")


def parts_in(text: str, known: dict[str, str]) -> list[str]:
    if text.lower() in known:
        return [text]
    if text.startswith("["):
        try:
            return [
                part if isinstance(part, str) else json.dumps(part) for part in json.loads(text) if part is not None
            ]
        except ValueError:
            pass
    return [
        part
        for piece in text.split(";")
        for part in ([piece] if piece.strip(" \t\r\n\u00a0").lower() in known else piece.split(","))
    ]
