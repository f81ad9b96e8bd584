"""Exports with any settings, their accounts and their segments' files, at random; what a run of them must say."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

from shared.brevo.attributes import AccountAttribute
from shared.config.document import ReadyExport
from shared.config.models import Connection, Export
from shared.mapping.chosen import Chosen
from shared.mapping.conditions import Conditions
from shared.mapping.excluded import Excluded
from shared.mapping.leavers import DigestKey, Leavers, write_digests
from tests.property.by_the_docs import FORMATS, MONTHS, Attribute, Books, Judge, Rules
from tests.property.cells import BLANKS, DRINKS, NULL_WORDS, TIERS, cell, choices, number, option, phone, truth, word
from tests.property.odd_files import FOLDER, Row, SnapshotWriter

# Attributes of the account: type, and what cells are made by.
KINDS = {
    "text": word,
    "number": number,
    "boolean": truth,
    "category": option,
    "multiple_choice": choices,
    "phone": phone,
}
ACCOUNT = {
    "FIRSTNAME": "text",
    "NOM": "text",
    "SMS": "phone",
    "WHATSAPP": "phone",
    "LANDLINE_NUMBER": "phone",
    "HOME": "phone",
    "BORN": "date",
    "SEEN": "date",
    "WORTH": "number",
    "AGREES": "boolean",
    "TIER": "category",
    "DRINKS": "multiple_choice",
    "NOTE": "text",
}
OPTIONS = {
    "TIER": {label: value for value, label in TIERS.items()}
    | {value: value for value in TIERS if value not in TIERS.values()},
    "DRINKS": {drink: drink for drink in DRINKS},
}
ZONES = ("", "", "Europe/Bucharest", "America/New_York", "Asia/Kolkata")
FORMER = "PreviousCustomerId"
KEY = DigestKey.of(b"0123456789abcdef")


def date_text(rng: random.Random) -> str:
    """A day in any of the forms, right or wrong for its column."""
    y, m, d = rng.randint(1, 9999), rng.randint(1, 13), rng.randint(0, 31)
    half = rng.choice([" ", "\u202f"]) + rng.choice(["AM", "pm"])
    clock = f"{rng.randint(0, 24):02}:{rng.randint(0, 60):02}:{rng.randint(0, 60):02}"
    offset = rng.choice(["", "Z", "+02", "-0530", " +14:00", "+15:00", "+05:45"])
    name = MONTHS[m % 12]
    return rng.choice(
        (
            f"{m}/{d}/{y:04}",
            f"{m:02}/{d:02}/{y:04} {rng.randint(0, 13)}:05:09{half}",
            f"{d:02}.{m:02}.{y:04}",
            f"{d}/{m}/{y:04} {clock}",
            f"{d:02}{m:02}{y:04}",
            f"{y:04}{m:02}{d:02}",
            f"{y:04}{m:02}{d:02}T{clock.replace(':', '')}{offset}",
            f"{y:04}-{m:02}-{d:02}",
            f"{y:04}-{m:02}-{d:02}{rng.choice('T ')}{clock[: rng.choice([5, 8])]}{offset}",
            f"{y:04}-{m:02}-{d:02}T{clock}.1234567{offset}",
            f"{d} {name[:3]} {y:04}",
            f"{d}. {rng.choice([name, name.upper(), name[:3]])} {y:04}",
            f"{y:04}/{m}/{d} {clock}{offset}",
        )
    )


class World:
    """An export, its account and its segments, at random; what its run must say."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.by_customer = rng.random() < 0.25
        self.all_columns = rng.random() < 0.15
        self.attributes = self._attributes()
        self.columns = sorted({"CustomerId", "EMail", "Consent", *(each.column for each in self.attributes)})
        if self.by_customer and not self.all_columns:
            self.columns.append(FORMER)
        self.writer = SnapshotWriter(rng, self.columns, same_columns=self.all_columns)
        self.segments = ["Gold", "Silver", "Lapsed 2024"][: rng.choice([1, 1, 2, 3])]
        self.annotated = self._annotated() if self.writer.has_model else {}
        self.null_words = rng.choice(
            [list(NULL_WORDS), [], ["n/a", "0", "+40722123456", "null", "a@b.ro", "Ünbekannt"]]
        )
        self.only = rng.choice(
            [[], [], [("Consent", ["yes", "1"])], [("Consent", ["Einverständnis", "NULL", "Ο ΠΕΛΆΤΗΣ"])]]
        )
        self.rules = Rules(
            attributes=self.attributes,
            country=rng.choice(["RO", "RO", "DE", "US", None]),
            null_words=self.null_words,
            only=self.only,
            erase_empty=rng.random() < 0.4,
            booleans=rng.choice([{True: "Yes", False: "No"}, {True: "1", False: 'n"o'}]),
            date_format=rng.choice(["YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY"]),
            by_customer=self.by_customer,
            segments=self.segments,
        )
        people = rng.choice([5, 20, 60])
        for address in (f"p{n}@example.com" for n in range(people)):
            lot = rng.random()
            self.rules.left |= {address} if lot < 0.05 else set()
            self.rules.out |= {address} if 0.03 < lot < 0.09 else set()
        for name in self.segments:
            rows = [self._row(people) for _ in range(rng.choice([0, 1, 5, 30, 80]))]
            self.writer.segment(name, rows, self.annotated)
        self.memory = self.writer.done()
        self.most = rng.choice([0, 0, 0, 1, 7])

    def _attributes(self) -> list[Attribute]:
        rng = self.rng
        found: list[Attribute] = []
        for name, kind in ACCOUNT.items():
            if rng.random() < 0.45:
                continue
            column = name if self.all_columns else rng.choice([f"Col {name}", f"{name.title()}ä", name])
            if found and not self.all_columns and rng.random() < 0.1:
                column = rng.choice(found).column
            form, zone = (rng.choice(["", *FORMATS]), rng.choice(ZONES)) if kind == "date" else ("", "")
            found.append(Attribute(name, column, kind, form, zone))
        return found

    def _annotated(self) -> dict[str, str]:
        """The columns of dates whose format model.json has, as no field has it."""
        used = Counter(each.column for each in self.attributes)
        dates = [each for each in self.attributes if each.format and used[each.column] == 1]
        return {each.column: each.format for each in dates if self.rng.random() < 0.5}

    def _row(self, people: int) -> dict[str, str]:
        rng = self.rng
        n = rng.randrange(people)
        address = rng.choice(
            [f"p{n}@example.com"] * 6 + [f"P{n}@Example.com", f"\u00a0p{n}@example.com\u200b", f"p{n}@bücher.ro"]
        )
        address = rng.choice([address] * 15 + ["", "nobody", "a@b.ro", "n/a", "NULL", "x@y"])
        customer = rng.choice([f"C-{n}"] * 15 + [f" C-{n}\u200b", f"C-{rng.randrange(people)}", "", "NULL", 'C"\t;1'])
        cells = {"EMail": address, "CustomerId": customer}
        if FORMER in self.columns:
            formers = rng.sample(range(people), rng.choice([0, 0, 0, 1, 2]))
            cells[FORMER] = rng.choice([";", " ; "]).join(f"C-{each}" for each in formers)
        cells["Consent"] = rng.choice(
            [
                "yes",
                " YES\u00a0",
                "1",
                "no",
                "",
                "NULL",
                "Einversta\u0308ndnis",
                "EINVERSTÄNDNIS",
                "ο πελάτης",
                "ο πελάτησ ",
            ]
        )
        for each in self.attributes:
            lot = rng.random()
            make = date_text if each.kind == "date" else KINDS[each.kind]
            text = cell(rng) if lot < 0.15 else make(rng)
            if lot > 0.93:
                text = rng.choice(["", "0", "n/a", "null", "NULL", "+40722123456", "U\u0308nbekannt", "Ünbekannt"])
            cells[each.column] = f"{rng.choice(BLANKS)}{text}" if 0.15 < lot < 0.2 else text
        return cells

    @property
    def ready(self) -> ReadyExport:
        rng, rules = self.rng, self.rules
        connection = {
            "id": "brevo",
            "display_name": "Brevo",
            "api_key": {"setting": "KEY"},
            "date_format": rules.date_format,
            "boolean_words": {"true": rules.booleans[True], "false": rules.booleans[False]},
        }
        source: dict[str, Any] = {
            "container": "segments",
            "folder": FOLDER,
            "escape": self.writer.escape,
            "delimiter": self.writer.delimiter,
            "gaps_allowed": True,
            "null_words": self.null_words,
            "only": [{"column": column, "is": words} for column, words in self.only],
        }
        mapping: dict[str, Any] = {"email": "EMail", "attributes": {}}
        for each in self.attributes:
            written: dict[str, Any] = {"field": each.column}
            if each.kind == "phone" or rng.random() < 0.5:
                written["type"] = each.kind
            if each.format and each.column not in self.annotated:
                written["format"] = each.format
            if each.time_zone:
                written["time_zone"] = each.time_zone
            if each.name == "SMS":
                mapping["phone"] = each.column
            elif each.name == "NOM":
                mapping["last_name"] = {"field": each.column, "attribute": "NOM"}
            else:
                mapping["attributes"][each.name] = written
        if self.all_columns:
            self._map_all(mapping)
        export = {
            "id": "gold",
            "display_name": "Gold",
            "connection": "brevo",
            "list_id": 1,
            "source": source,
            "segments": self.segments,
            "mapping": mapping,
            "default_country": rules.country,
            "erase_empty": rules.erase_empty,
            "identify_by": "customer_id" if self.by_customer else "email",
        }
        return ReadyExport(Export.model_validate(export), Connection.model_validate(connection))

    def _map_all(self, mapping: dict[str, Any]) -> None:
        """All columns by their own names; HOME is a text then, and no date has a format but that of model.json."""
        mapping["attributes"] = "all"
        mapping.pop("phone", None)
        mapping.pop("last_name", None)
        account = [
            Attribute(
                each.name,
                each.column,
                "text" if each.name == "HOME" else each.kind,
                self.annotated.get(each.column, ""),
            )
            for each in self.attributes
        ]
        others = [Attribute(name.upper(), name, "text") for name in ("CustomerId", "Consent")]
        self.rules.attributes = [*account, *others]

    def account(self) -> dict[str, AccountAttribute]:
        kinds = {**ACCOUNT, "HOME": "text", "CUSTOMERID": "text", "CONSENT": "text"}
        return {
            name: AccountAttribute(name, kind, OPTIONS.get(name, {}))  # type: ignore[arg-type]
            for name, kind in kinds.items()
        }

    def conditions(self, folder: Path) -> Conditions:
        left, out = folder / "left", folder / "out"
        write_digests(left, sorted(self.rules.left), KEY)
        write_digests(out, sorted(self.rules.out), KEY)
        return Conditions(
            leavers=Leavers((left,), KEY) if self.rules.left else None,
            excluded=Excluded((out,), KEY) if self.rules.out else None,
            chosen=Chosen(self.most) if self.most else None,
        )

    def expected(self) -> tuple[Books, list[Row]]:
        """The books, and the rows that they are of."""
        judge = Judge(self.rules)
        rows = []
        for row in self.writer.rows:
            rows.append(row)
            if judge.judge(row) == "contact" and len(judge.books.contacts) == self.most:
                break
        return judge.books, rows
