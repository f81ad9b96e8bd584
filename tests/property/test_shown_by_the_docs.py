"""What is shown without a run is what a run does: previews with excluded segments, and the rows of one person."""

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shared.config.document import ReadyExport
from shared.config.models import Export
from shared.errors import ConfigurationError
from shared.mapping import engine
from shared.mapping.email_rule import judge_email
from shared.mapping.results import LEFT_OUT, NOT_SENT, WARNINGS
from shared.segments.snapshot import find_snapshot
from shared.staging.preview import preview
from shared.staging.search import Sought, SoughtAddress, SoughtCustomer, rows_with
from tests.property.by_the_docs import Judge, trimmed
from tests.property.odd_files import Row
from tests.property.tried import try_worlds
from tests.property.worlds import World
from tests.sizes import in_both_sizes

WORLDS = 80
PEOPLE = 60
UNREADABLE = ("malformed_row", "invalid_encoding")


class Excluding(World):
    """A world whose export leaves out who is in other segments, and nobody else."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        own, self.writer.rows = self.writer.rows, []
        self.excluded = ["Staff", "Complaints"][: rng.choice([0, 1, 2])]
        for name in self.excluded:
            self.writer.segment(name, [self._row(PEOPLE) for _ in range(rng.choice([0, 1, 3, 10]))], self.annotated)
        self.memory = self.writer.done()
        self.excluding, self.writer.rows = [row for row in self.writer.rows if not row.fault], own
        self.rules.left = set()
        self.rules.out = {address_of(self, row) or "" for row in self.excluding} - {""}
        if self.by_customer:
            ids = {value(self, row, "CustomerId") for row in self.excluding} - {""}
            self.rules.out_ids = ids

    @property
    def ready(self) -> ReadyExport:
        ready = super().ready
        export = ready.export.model_dump(by_alias=True, mode="json")
        export["exclude"] = {"segments": self.excluded, "list_ids": []}
        return ReadyExport(Export.model_validate(export), ready.connection)


def value(world: World, row: Row, column: str) -> str:
    text = trimmed(row.cells[column])
    return "" if text in world.null_words else text


def address_of(world: World, row: Row) -> str | None:
    return None if row.fault else judge_email(value(world, row, "EMail"))


def check_preview(world: Excluding) -> None:
    blobs: Any = world.memory
    try:
        found = preview(blobs, world.ready, lambda setting: world.account())
    except ConfigurationError as error:
        assert error.code == "exclude_unknown"
        assert not world.rules.out or len(world.excluded) > 1, "all of a segment's rows must be unreadable"
        return
    judge = Judge(world.rules)
    for row in world.writer.rows:
        judge.judge(row)
    books = judge.books
    assert found.rows_read == len(world.writer.rows)
    assert found.contacts_new == len(books.contacts)
    assert found.contacts_left_out == {reason: books.fates[reason] for reason in LEFT_OUT if books.fates[reason]}
    assert (found.rows_merged, found.rows_filtered) == (books.fates["merged"], books.fates["filtered"])
    assert found.rows_rejected == {reason: books.fates[reason] for reason in NOT_SENT if books.fates[reason]}
    assert sum(found.warnings.values()) == sum(row[3] in WARNINGS for row in books.rejected)
    first = [(contact["email"][0], set(contact["attributes"])) for contact in books.contacts[:5]]
    assert [(contact.email[0], set(contact.attributes)) for contact in found.contacts] == first


def check_persons(world: World) -> None:
    """A row that could not be read may be anybody's, and is passed over here."""
    ready, blobs = world.ready, world.memory
    source: Any = blobs
    snapshot = find_snapshot(source, ready.export.source, ready.export.segments)
    world.rules.left, world.rules.out = set(), set()
    judge = Judge(world.rules)
    fates = [(row, judge.judge(row)) for row in world.writer.rows]

    def found(sought: Sought) -> list[tuple[str, str, int, str]]:
        rows = rows_with(source, ready, snapshot, sought)
        of_rows = (row for row in rows if row.reason not in (*UNREADABLE, *WARNINGS))
        return [(row.segment, row.file, row.line, row.reason) for row in of_rows]

    for n in world.rng.sample(range(PEOPLE), 3):
        address = world.rng.choice([f"p{n}@example.com", f"p{n}@xn--bcher-kva.ro"])
        rows = [(row.segment, row.file, row.line, fate) for row, fate in fates if address_of(world, row) == address]
        shown = found(SoughtAddress(address))
        # Of who is known by the customer's id, other rows decide as well, and they are not looked at.
        length = 3 if world.by_customer else 4
        assert [row[:length] for row in shown] == [row[:length] for row in rows]
        of_customer = [row for row, _ in fates if not row.fault and trimmed(row.cells["CustomerId"]) == f"C-{n}"]
        shown = found(SoughtCustomer(f"C-{n}"))
        assert [row[:3] for row in shown] == [(row.segment, row.file, row.line) for row in of_customer]


@in_both_sizes
@pytest.mark.parametrize(("kind", "check"), [(Excluding, check_preview), (World, check_persons)])
def test_what_is_shown_is_what_a_run_does(
    size: float, kind: Any, check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "duckdb", duckdb)
    try_worlds(int(WORLDS * size), tmp_path, lambda rng, _: check(kind(rng)))
