"""What Brevo keeps of each value is what a run says that it sends: of every type of attribute, for every kind of value.

The product's mapper writes the contacts, the sandbox's import takes them in, and rules written once more, value by
value, say what should be there. A value that is not there without a warning is a silent loss; none may be.
"""

import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.brevo_sandbox.applying import Applied
from local.brevo_sandbox.endpoints_account import _attribute
from local.brevo_sandbox.import_request import check_order
from local.brevo_sandbox.seeding import attribute_of
from local.brevo_sandbox.settings import SandboxSettings
from local.brevo_sandbox.state import Account
from shared.brevo.attributes import read_attribute
from shared.config.models import Connection, Export
from shared.mapping.chunk import Chunk
from shared.mapping.mapper import Mapper
from shared.mapping.phone_rule import judge_phone
from shared.mapping.plan import make_plan
from shared.mapping.results import RejectedRow
from shared.mapping.select import FileSource
from shared.staging.account import decided_by
from tests.property.cells import BLANKS, DRINKS, FALSE, NULL_WORDS, TIERS, TRUE, cell
from tests.property.verdicts import PHONES, REASONS, Verdict, drinks_in, number_in, tier_in
from tests.sizes import in_both_sizes

VALUES = 1_000_000
ROWS_IN_A_CHUNK = 10_000
COLUMNS = ("EMail", "Value")
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "NOTE": {"type": "text"},
    "BORN": {"type": "date"},
    "WORTH": {"type": "float"},
    "AGREES": {"type": "boolean"},
    "TIER": {
        "category": "category",
        "enumeration": [{"value": value, "label": label} for value, label in TIERS.items()],
    },
    "DRINKS": {"type": "multiple-choice", "multiCategoryOptions": DRINKS},
    "SMS": {"type": "text"},
    "WHATSAPP": {"type": "text"},
    "LANDLINE_NUMBER": {"type": "text"},
}
DATE_FORMATS = ("YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY", "YYYY-MM-DD")
MOODS: list[dict[str, Any]] = [
    {"ignores_false": False, "category_takes": "label_or_value", "long_text": "dropped"},
    {"ignores_false": True, "category_takes": "value", "long_text": "cut"},
    {"ignores_false": False, "category_takes": "value", "long_text": "dropped"},
    {"ignores_false": True, "category_takes": "label_or_value", "long_text": "cut"},
]


def verdicts(text: str, taken: dict[str, set[str]]) -> dict[str, Verdict]:
    text = text.strip("".join(BLANKS) + "\x07\x1b\n\u2028")
    if text in ("", *NULL_WORDS):
        return {name: Verdict() for name in ATTRIBUTES}
    found = {name: Verdict(warning=reason) for name, reason in REASONS.items()}
    for name, kept in (
        ("NOTE", text if len(text) <= 10_000 else None),
        ("BORN", day_in(text)),
        ("WORTH", number_in(text)),
        ("AGREES", True if text.lower() in TRUE else False if text.lower() in FALSE else None),
        ("TIER", tier_in(text)),
    ):
        if kept is not None:
            found[name] = Verdict(kept)
    found["DRINKS"] = drinks_in(text)
    number = judge_phone("RO", text)
    for name in PHONES:
        if number is None or len(number) > len("+") + 15:
            found[name] = Verdict(warning="invalid_phone")
        elif number in taken[name]:
            found[name] = Verdict(warning="duplicate_phone")
        else:
            taken[name].add(number)
            found[name] = Verdict(number.removeprefix("+"))
    return found


def day_in(text: str) -> str | None:
    clock = r"([01]\d|2[0-3]):[0-5]\d:00"
    found = re.fullmatch(rf"(\d{{4}})-(\d\d)-(\d\d)([T ]{clock}Z)?|(\d{{4}})(\d\d)(\d\d)", text, re.ASCII)
    try:
        return date(*[int(part) for part in found.group(1, 2, 3, 6, 7, 8) if part]).isoformat() if found else None
    except ValueError:
        return None


@dataclass
class Mood:
    """An account in one of its moods, with the plan of an export to it."""

    date_format: str
    moods: dict[str, Any]
    account: Account = field(default_factory=Account)
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.account.add_list("Gold", number=1)
        for name, document in ATTRIBUTES.items():
            self.account.add_attribute(attribute_of(name, document))
        self.settings = SandboxSettings(date_format=self.date_format.lower(), **self.moods)
        connection = {
            "id": "brevo",
            "display_name": "Brevo",
            "api_key": {"setting": "KEY"},
            "date_format": self.date_format,
        }
        self.export = Export.model_validate(
            {
                "id": "gold",
                "display_name": "Gold",
                "connection": "brevo",
                "list_id": 1,
                "source": {"container": "segments", "folder": "f"},
                "segments": ["Gold"],
                "mapping": {"email": "EMail", "attributes": dict.fromkeys(ATTRIBUTES, "Value")},
                "default_country": "RO",
            }
        )
        plan = make_plan(self.export, Connection.model_validate(connection), COLUMNS, "Gold_1.csv")
        described = [_attribute(attribute) for attribute in self.account.attributes]
        known = [
            read_attribute(
                each["name"],
                each["category"],
                each.get("type", ""),
                each.get("enumeration"),
                each.get("multiCategoryOptions"),
            )
            for each in described
        ]
        self.plan = decided_by(plan, self.export, {attribute.name: attribute for attribute in known})

    def check(self, cells: list[str], folder: Path) -> None:
        """Sends the cells and compares what is then there, value by value."""
        warned: dict[int, Counter[str]] = {}

        def on_rejected(row: RejectedRow) -> None:
            warned.setdefault(row.line, Counter())[row.reason] += 1

        mapper = Mapper(self.plan, folder, ["Gold_1.csv"], on_rejected)
        order = check_order({"listIds": [1]}, self.account)
        for first in range(0, len(cells), ROWS_IN_A_CHUNK):
            rows = []
            with Chunk(folder / "chunk.csv") as chunk:
                for number, text in enumerate(cells[first : first + ROWS_IN_A_CHUNK], start=first):
                    quoted = text.replace('"', '""')
                    chunk.add(f'a{number}@example.com,"{quoted}"\n'.encode(), 1, 0, number)
                source = FileSource(str(folder / "chunk.csv"), COLUMNS, ",", '"', "Gold_1.csv")
                mapped = mapper.map_chunk(chunk, source, 0, "Gold")
                rows += [json.loads(line.rstrip(b",\n")) for line in mapped.contacts.open("rb")]
            applied = Applied(self.account, order, self.settings)
            applied.apply(rows)
            assert (applied.unusable_values, applied.ignored_attributes, applied.rejected) == ({}, {}, {})
        mapper.close()
        self._compare(cells, warned)
        lost = {each.attribute: each.lost for each in mapper.fields}
        assert sum(lost.values()) == sum(sum(reasons.values()) for reasons in warned.values())

    def _compare(self, cells: list[str], warned: dict[int, Counter[str]]) -> None:
        taken: dict[str, set[str]] = {name: set() for name in PHONES}
        wrong = []
        for number, text in enumerate(cells):
            kept = self.account.attributes_of(self.account.contacts[f"a{number}@example.com"])
            kept |= {name: kept[name].lstrip("+") for name in PHONES & kept.keys()}
            expected = verdicts(text, taken)
            values = {name: verdict.kept for name, verdict in expected.items() if verdict.kept is not None}
            reasons = Counter(verdict.warning for verdict in expected.values() if verdict.warning)
            if kept != values or warned.get(number, Counter()) != reasons:
                wrong.append((text[:80], kept, values, warned.get(number), reasons))
            self.seen.update(expected[name].warning or f"{name} kept" for name in values.keys() | REASONS.keys())
        assert not wrong, (len(wrong), wrong[:3])


@pytest.mark.timeout(900)
@in_both_sizes
def test_brevo_keeps_what_is_said_to_be_sent_and_the_rest_is_a_warning(size, tmp_path):
    rng = random.Random()
    moods = [Mood(date_format, taken) for date_format, taken in zip(DATE_FORMATS, MOODS, strict=True)]
    values = VALUES if size == 1 else VALUES // 100
    rows = values // len(ATTRIBUTES) // len(moods) + 1
    for mood in moods:
        mood.check([cell(rng) for _ in range(rows)], tmp_path)
        assert {f"{name} kept" for name in ATTRIBUTES} | {*REASONS.values()} - {"text_too_long"} <= mood.seen.keys()
