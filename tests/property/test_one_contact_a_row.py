"""By the customer's id, no row that is sent can merge, unblock or put back anybody, whatever is in the account.

A few customers and addresses meet in every way. What Brevo would make of the rows that are sent is said by its own two
rules: a row changes the contact that has its EXT_ID and the one that has its address.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from shared.config.models import BooleanWords
from shared.mapping.chunk import Chunk
from shared.mapping.conditions import Conditions
from shared.mapping.known import KnownContacts
from shared.mapping.mapper import Mapper
from shared.mapping.plan import Field, Plan
from shared.mapping.results import MappedChunk, RejectedRow
from shared.mapping.select import FileSource
from tests.property.tried import try_worlds
from tests.sizes import in_both_sizes

WORLDS = 200
COLUMNS = ("CustomerId", "EMail", "PreviousCustomerId", "Phone")
PLAN = Plan(
    email_column="EMail",
    fields=(Field("SMS", "Phone", "phone"),),
    default_country="RO",
    date_format="YYYY-MM-DD",
    boolean_words=BooleanWords(true="Yes", false="No"),
    erase_empty=False,
    ext_id="attributes",
)


@dataclass(frozen=True)
class Contact:
    """A contact of the account; empty texts where it has none."""

    number: int
    address: str
    ext_id: str
    phone: str
    blocked: bool
    left: bool


@dataclass(frozen=True)
class Sent:
    """A row as it is sent."""

    line: int
    ext_id: str
    address: str
    phone: str


class World:
    """An account, and the rows of two segments."""

    def __init__(self, rng: random.Random) -> None:
        ids = [f"C{n}" for n in range(rng.choice([3, 5, 8]))]
        addresses = [f"m{n}@example.com" for n in range(rng.choice([3, 5, 8]))]
        phones = [f"+4072200000{n}" for n in range(6)]
        self.lifts_block = rng.random() < 0.7
        free = [rng.sample(each, len(each)) for each in (addresses, ids, phones)]
        self.contacts = []
        for number in range(1, rng.choice([2, 4, 7])):
            shares = (0.9, 0.7, 0.4)
            held = [
                left.pop() if left and rng.random() < share else "" for left, share in zip(free, shares, strict=True)
            ]
            if held[0] or held[1]:
                self.contacts.append(Contact(number, *held, blocked=rng.random() < 0.25, left=rng.random() < 0.1))
        self.rows = [
            (
                rng.choice(ids),
                rng.choice(addresses),
                "; ".join(rng.sample(ids, rng.choice([0, 0, 1, 2]))),
                rng.choice(["", f"072200000{rng.randrange(6)}"]),
            )
            for _ in range(rng.choice([1, 3, 6, 12]))
        ]
        self.second_segment = rng.randrange(len(self.rows) + 1)
        self.chunk_rows = rng.choice([1, 3, 100])

    def run(self, folder: Path) -> tuple[list[Sent], list[RejectedRow], int]:
        """The rows that are sent, those that are rejected, and how many are merged."""
        known = KnownContacts(folder / "known", "key", self.lifts_block)
        known.path.write_text("".join(_line(known, contact) for contact in self.contacts))
        rejected: list[RejectedRow] = []
        sent: list[Sent] = []
        mapper = Mapper(PLAN, folder, ["Gold_1.csv"], rejected.append, Conditions(known=known))
        with Chunk(folder / "chunk.csv") as chunk:
            source = FileSource(str(folder / "chunk.csv"), COLUMNS, ",", '"', "Gold_1.csv")
            for segment, first, end in ((0, 0, self.second_segment), (1, self.second_segment, len(self.rows))):
                for start in range(first, end, self.chunk_rows):
                    chunk.clear()
                    for line in range(start, min(start + self.chunk_rows, end)):
                        chunk.add((",".join(self.rows[line]) + "\n").encode(), 1, 0, line)
                    sent += _sent(mapper.map_chunk(chunk, source, segment, "Gold"))
            for mapped in mapper.waited():
                sent += _sent(mapped)
        mapper.close()
        return sent, rejected, mapper.reasons["merged"]


def _line(known: KnownContacts, contact: Contact) -> str:
    phones = {"SMS": contact.phone.removeprefix("+")} if contact.phone else {}
    return known.line(
        contact.number,
        contact.address,
        contact.ext_id,
        phones,
        blocked=contact.blocked,
        left=contact.left,
        leaver="",
        out=False,
        excluded="",
    )


def _sent(mapped: MappedChunk) -> list[Sent]:
    contacts = [json.loads(line.rstrip(",")) for line in mapped.contacts.read_text().splitlines()]
    rows = [int(place.split("\t")[0]) for place in mapped.places.read_text().splitlines()]
    return [
        Sent(mapped.origins.line(row), values["EXT_ID"], contact["email"], values.get("SMS", ""))
        for row, contact in zip(rows, contacts, strict=True)
        for values in [contact["attributes"]]
    ]


def check(world: World, folder: Path) -> None:
    sent, rejected, merged = world.run(folder)
    not_sent = [row for row in rejected if row.outcome == "not_sent"]
    assert len(sent) + len(not_sent) + merged == len(world.rows)
    changed: set[int] = set()
    for row in sent:
        touched = {
            each.number: each for each in world.contacts if row.ext_id == each.ext_id or row.address == each.address
        }
        assert len(touched) <= 1, ("two contacts become one", row)
        assert not changed & touched.keys(), ("two rows change one contact", row)
        changed |= touched.keys()
        for each in touched.values():
            assert not each.left, ("who left is put back", row)
            assert not (world.lifts_block and each.blocked and each.address != row.address), ("a block is lifted", row)
        owners = {each.number for each in world.contacts if row.phone and each.phone == row.phone}
        assert owners <= touched.keys(), ("a number merges two contacts", row)
        customer, _, former, _ = world.rows[row.line]
        names = (customer, *former.split("; "))
        assert row.ext_id in names, row
        assert not any(each.left for each in world.contacts if each.ext_id and each.ext_id in names), ("who left", row)
    for name in ("ext_id", "address"):
        assert len({getattr(row, name) for row in sent}) == len(sent), name
    _check_that_nobody_is_lost(world, {row.line for row in sent})


def _check_that_nobody_is_lost(world: World, sent: set[int]) -> None:
    """The first row of a new customer and address is sent, and the first one of a contact that stays as it is."""
    known_ids = {each.ext_id: each for each in world.contacts if each.ext_id}
    known_addresses = {each.address for each in world.contacts}
    for line, (customer, address, former, _) in enumerate(world.rows):
        before = world.rows[:line]
        if any(row[0] == customer for row in before):
            continue
        own = known_ids.get(customer)
        has_left = any(known_ids[each].left for each in (customer, *former.split("; ")) if each in known_ids)
        is_own = own is not None and own.address == address and not has_left
        is_new = not known_ids.keys() & {customer, *former.split("; ")} and address not in known_addresses
        if is_own or (is_new and all(row[1] != address for row in before)):
            assert line in sent, (line, world.rows, world.contacts)


@in_both_sizes
def test_each_row_that_is_sent_changes_one_contact_that_it_may_change(size: float, tmp_path: Path) -> None:
    try_worlds(int(WORLDS * size), tmp_path, lambda rng, folder: check(World(rng), folder))
