"""Over days, a run sends who is new or has other values, and takes out who left, as docs/sync.md says.

The rows of random exports change from day to day, and so do their settings; each day plain dictionaries say who is to
be sent, with which values, and who is to be removed.
"""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from shared.errors import ExportError
from shared.mapping import engine, select
from shared.mapping.compared import Compared, keys_files
from shared.mapping.conditions import Conditions
from shared.mapping.results import WARNINGS
from shared.segments.snapshot import find_snapshot
from shared.staging import reader
from shared.staging.account import decided_by
from shared.staging.reader import SnapshotReader
from shared.sync.difference import MIRRORS, Comparison, Difference, Known, SyncMode
from shared.sync.ledger import About
from shared.sync.members import write_members
from shared.sync.removals import numbers_of
from shared.sync.verification import Verification
from tests.property.by_the_docs import Judge
from tests.property.odd_files import SnapshotWriter
from tests.property.tried import try_worlds
from tests.property.worlds import KEY, World
from tests.sizes import in_both_sizes

WORLDS = 30
DAYS = 3
_GONE = "gone"


@dataclass
class Today:
    """What a day's run must do. `values` are those of each contact; `either` may count as changed or not."""

    contacts: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, tuple[str, Any, Any]] = field(default_factory=dict)
    stays: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    either: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)


class Days(World):
    """A world whose rows and settings change, and a list that others change too."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.mode: SyncMode = rng.choice(["full", "changes_only", "mirror", "mirror_exact"])
        if self.by_customer:
            self.mode = rng.choice(["full", "changes_only"])
        self.known: dict[str, Any] = {}
        self.members: set[str] = {f"p{n}@example.com" for n in range(60) if rng.random() < 0.1}
        self.numbers: dict[str, int] = {}

    def next_day(self) -> None:
        rng = self.rng
        rows = {name: [row.cells for row in self.writer.rows if row.segment == name] for name in self.segments}
        has_model = self.writer.has_model
        self.writer = SnapshotWriter(rng, self.columns, same_columns=self.all_columns)
        self.writer.has_model = has_model
        if not has_model:
            self.writer.delimiter = self.writer.delimiter or ","
        for name in self.segments:
            self.writer.segment(name, self._changed(rows[name]), self.annotated)
        self.memory = self.writer.done()
        if rng.random() < 0.3:
            self._change_settings()
        for n in rng.sample(range(60), 6):
            self.members ^= {f"p{n}@example.com"}

    def _changed(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        rng, people = self.rng, 60
        kept = [dict(cells) for cells in rows if rng.random() > 0.08]
        for cells in kept:
            if rng.random() < 0.15:
                column = rng.choice(list(cells))
                cells[column] = self._row(people).get(column, cells[column])
            if rng.random() < 0.1:
                column = rng.choice(list(cells))
                cells[column] = rng.choice(["  {}", "{}\u200b", "{} "]).format(cells[column])
        kept += [self._row(people) for _ in range(rng.choice([0, 1, 4]))]
        if rng.random() < 0.2:
            rng.shuffle(kept)
        elif kept and rng.random() < 0.3:
            kept.append(kept.pop(rng.randrange(len(kept))))
        return kept

    def _change_settings(self) -> None:
        rng, rules = self.rng, self.rules
        lot = rng.randrange(6)
        if lot == 0:
            rules.erase_empty = not rules.erase_empty
        elif lot == 1:
            rules.booleans = rng.choice([{True: "Yes", False: "No"}, {True: "1", False: 'n"o'}])
        elif lot == 2:
            rules.date_format = rng.choice(["YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY"])
        elif lot == 3:
            rules.country = rng.choice(["RO", "DE", None])
        elif lot == 4:
            address = f"p{rng.randrange(20)}@example.com"
            rules.left ^= {address}
            rules.out ^= {f"p{rng.randrange(20)}@example.com"}
        elif not self.all_columns and len(self.attributes) > 1:
            self.attributes.pop(rng.randrange(len(self.attributes)))

    @property
    def manner(self) -> tuple[Any, ...]:
        """What is another mapping once it is another one."""
        rules = self.rules
        names = sorted((each.name, each.kind) for each in rules.attributes)
        return names, rules.erase_empty, tuple(rules.booleans.items())

    def today(self) -> Today:
        judge, day = Judge(self.rules), Today()
        for row in self.writer.rows:
            before = len(judge.books.rejected)
            fate = judge.judge(row)
            if fate == "left_list":
                day.stays.add(self._address(row.cells["EMail"]))
            if fate != "contact":
                continue
            contact = judge.books.contacts[-1]
            lost = [(*each[3:5], row.cells[each[4]]) for each in judge.books.rejected[before:] if each[3] in WARNINGS]
            self._compare(day, contact, lost)
        day.contacts = judge.books.contacts
        self._find_removed(day)
        return day

    def _address(self, cell: str) -> str:
        return cell.strip(" \u00a0\u200b").lower()

    def identity(self, contact: dict[str, Any]) -> str:
        return contact["attributes"]["EXT_ID"] if self.by_customer else contact["email"]

    def _compare(self, day: Today, contact: dict[str, Any], lost: list[Any]) -> None:
        who = self.identity(contact)
        text = json.dumps(contact, sort_keys=True)
        day.values[who] = (text, lost, self.manner)
        known = self.known.get(who, _GONE)
        if known == _GONE:
            day.new.add(who)
        elif known[0] != text:
            day.changed.add(who)
        elif known[1:] != day.values[who][1:]:
            day.either.add(who)

    def _find_removed(self, day: Today) -> None:
        if self.mode in MIRRORS:
            day.removed = self.members - day.values.keys() - day.stays
        if self.mode == "mirror":
            day.removed &= self.known.keys()

    def done(self, day: Today, sent: list[dict[str, Any]]) -> None:
        """The run is confirmed."""
        gone = dict.fromkeys(self.known.keys() - day.values.keys() - day.removed, _GONE)
        if self.mode in MIRRORS:
            gone = dict.fromkeys(gone.keys() & self.members, _GONE)
        self.known = {**day.values, **gone}
        self.members = (self.members - day.removed) | {each["email"] for each in sent}


def read(world: Days, folder: Path, compared: Compared) -> SnapshotReader:
    """A reading of the day's snapshot."""
    ready, blobs = world.ready, world.memory
    given = world.conditions(folder)
    conditions = Conditions(leavers=given.leavers, excluded=given.excluded, compared=compared)
    return SnapshotReader(
        blobs,  # type: ignore[arg-type]
        ready,
        find_snapshot(blobs, ready.export.source, ready.export.segments),  # type: ignore[arg-type]
        folder,
        planned=lambda plan: decided_by(plan, ready.export, world.account()),
        conditions=conditions,
    )


def run(world: Days, folder: Path, ledger: Path | None) -> tuple[list[dict[str, Any]], Difference, Path]:
    """One day's run: what it sends, whom it removes, and the next ledger."""
    reading = read(world, folder, Compared(KEY, folder, ledger, sends_all=world.mode == "full"))
    sent = [
        json.loads(line.rstrip(","), parse_int=float)
        for chunk in reading.chunks()
        for line in chunk.contacts.read_text("utf-8").split("\n")
        if line
    ]
    members = None
    if world.mode in MIRRORS:
        members = folder / "members"
        for each in sorted(world.members):
            world.numbers.setdefault(each, len(world.numbers) + 1)
        write_members(members, [(each, world.numbers[each], False) for each in sorted(world.members)], KEY)
    known = Known(ledger, (), members, is_settled=True)
    with Comparison(folder, keys_files(folder), known, world.mode) as comparison:
        difference = comparison.difference()
        comparison.write_next(folder / "next.parquet", About("email", KEY.id, "run"))
    return sent, difference, folder / "next.parquet"


def verify(world: Days, folder: Path, ledger: Path) -> None:
    """A verification behind the run, of a list that others have changed meanwhile."""
    day, rng = world.today(), world.rng
    blocked = {each for each in world.members if rng.random() < 0.2}
    list_now = {each: number for number, each in enumerate(sorted(world.members), start=1)}
    write_members(folder / "members", [(each, list_now[each], each in blocked) for each in list_now], KEY)
    reading = read(world, folder, Compared(KEY, folder))
    verification = Verification(folder, folder / "members", ledger)
    missing: list[bool] = []
    for number, _ in enumerate(reading.chunks()):
        missing += verification.missing(Compared(KEY, folder).keys_file(number))
    assert missing == [each["email"] not in world.members for each in day.contacts]
    wanted = set()
    for each, number in list_now.items():
        is_in = each in day.values or each in day.stays
        if not is_in:
            wanted.add(("surplus_ours" if each in world.known else "surplus_of_others", number))
        elif each in blocked:
            wanted.add(("blocked_in_list", number))
    assert set(verification.members()) == wanted
    verification.close()


def check(world: Days, folder: Path, ledger: Path | None) -> Path:
    sent, difference, after = run(world, folder, ledger)
    day = world.today()
    sure, maybe = day.new | day.changed, day.new | day.changed | day.either
    if world.mode == "full":
        sure = maybe = set(day.values)
    took = set(map(world.identity, sent))
    assert sure <= took <= maybe
    assert sent == [each for each in day.contacts if world.identity(each) in took]
    assert difference.new == len(day.new)
    assert len(day.changed) <= difference.changed <= len(day.changed | day.either)
    assert difference.new + difference.changed + difference.unchanged == len(day.values)
    numbers = numbers_of(difference.removals.read_bytes().splitlines()) if difference.removals else []
    assert sorted(numbers) == sorted(world.numbers[each] for each in day.removed)
    world.done(day, sent)
    if world.mode in MIRRORS:
        assert difference.members_after == len(world.members)
    return after


@in_both_sizes
def test_each_day_sends_what_the_docs_say(size: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "duckdb", duckdb)

    def check_days(rng: random.Random, of_world: Path) -> None:
        monkeypatch.setattr(reader, "CHUNK_BYTES", rng.choice([2_000, select.CHUNK_BYTES, select.CHUNK_BYTES]))
        world, ledger = Days(rng), None
        for number in range(DAYS):
            folder = of_world / str(number)
            folder.mkdir()
            try:
                ledger = check(world, folder, ledger)
                if not world.by_customer:
                    (folder / "verified").mkdir()
                    verify(world, folder / "verified", ledger)
            except (AssertionError, ExportError) as error:
                raise AssertionError(f"day {number}, {world.mode}") from error
            world.next_day()

    try_worlds(int(WORLDS * size), tmp_path, check_days)
