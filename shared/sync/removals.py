"""Whom a run takes out of a list, a line for each: the contact's number, and its key.

Those who are to leave no matter who has put them there have no key: no other export keeps them.
"""

from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.mapping.engine import open_engine
from shared.mapping.rule import literal
from shared.sync.ledger import is_readable, kept_sql


def removals_sql(path: Path) -> str:
    """The removals of a file: `number`, `high`, `low`."""
    columns = "{'number': 'BIGINT', 'high': 'UBIGINT', 'low': 'UBIGINT'}"
    return f"SELECT * FROM read_csv({literal(str(path))}, columns={columns}, auto_detect=false, header=false)"


def numbers_of(lines: Iterable[bytes]) -> "array[int]":
    """The numbers in the lines of a file of removals: of millions, eight bytes each."""
    return array("q", (int(line.partition(b",")[0]) for line in lines))


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file that comes in chunks."""
    begun = b""
    for chunk in chunks:
        *lines, begun = (begun + chunk).split(b"\n")
        yield from lines
    yield from [begun] if begun else []


def without_numbers(before: bytes, left: Sequence[int]) -> "NDArray[np.int64]":
    """The numbers of a file that are not among those that are left of it."""
    return np.setdiff1d(np.asarray(numbers_of(BytesIO(before))), np.asarray(left))


def has_keys(data: bytes) -> bool:
    """Whether another export may keep any of those in a file of removals."""
    return any(line.partition(b",")[2].strip(b",\n") for line in BytesIO(data))


def keys_of(data: bytes, numbers: Container[int]) -> str:
    """The keys of those in the file that have these numbers and a key, in lines `high,low`."""
    parts = (line.rstrip(b"\n").partition(b",") for line in BytesIO(data))
    return "".join(f"{key.decode()}\n" for number, _, key in parts if int(number) in numbers and key.strip(b","))


def without_kept(path: Path, others: Sequence[Path], folder: Path) -> bytes:
    """The file without those whom other exports keep, by their ledgers. One that cannot be read keeps nobody."""
    left = folder / "left"
    with closing(open_engine(folder)) as db:
        readable = [each for each in others if is_readable(db, each)]
        kept = f"{removals_sql(path)} ANTI JOIN ({kept_sql(*readable)}) USING (high, low) ORDER BY number"
        db.execute(f"COPY ({kept}) TO {literal(str(left))} (FORMAT csv, HEADER false)")
    return left.read_bytes()
