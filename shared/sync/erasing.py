"""Takes a person out of every ledger, and out of what undoes runs."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from shared.mapping.compared import key_numbers
from shared.mapping.engine import open_engine
from shared.mapping.leavers import DigestKey
from shared.storage.blob_changes import change_blob
from shared.storage.blobs import Blobs
from shared.sync.ledger import About, LedgerUnreadable, OtherSecret, count, keys_sql, read_sql, without
from shared.sync.stored import LEDGERS, NUMBERS, UNDO, export_of, fetch
from shared.sync.undo import record_without


class _Without(Protocol):
    """A file without somebody's keys, as `record_without` makes it."""

    def __call__(self, path: Path, keys: str, key_id: str, folder: Path) -> Path | None: ...


@dataclass
class Erased:
    """In how many files somebody was. `unsearched` are the exports of files that were made with another secret."""

    files: int = 0
    unsearched: set[str] = field(default_factory=set)


def erase_from_ledgers(blobs: Blobs, key: DigestKey, identities: Iterable[str], folder: Path) -> Erased:
    """Takes out somebody with one of these addresses or ids. Raises Conflict where a file changes meanwhile.

    A file that cannot be read is deleted: it is of no use to anybody else either. One that was made with another secret
    stays, since that may be put back.
    """
    erased = Erased()
    lines = "".join("{},{}\n".format(*key_numbers(key, each)) for each in identities)
    kinds: tuple[tuple[str, _Without], ...] = ((LEDGERS, _ledger_without), (UNDO, record_without))
    for container, without_them in kinds:
        _erase(blobs, container, partial(without_them, keys=lines, key_id=key.id, folder=folder), folder, erased)
    erased.files += _erase_keys(blobs, lines)
    return erased


def _erase(
    blobs: Blobs, container: str, without_them: Callable[[Path], Path | None], folder: Path, erased: Erased
) -> None:
    for blob in blobs.listing_if_there(container, ""):
        if not blob.name.endswith(".parquet"):
            continue
        path = fetch(blobs, blob, folder / "erased.parquet", container)
        try:
            kept = without_them(path)
        except OtherSecret:
            erased.unsearched.add(export_of(blob))
            continue
        except LedgerUnreadable:
            blobs.delete(container, blob.name)
            erased.files += 1
            continue
        if kept:
            with kept.open("rb") as file:
                blobs.write_if(container, blob.name, file, blob.etag)
            erased.files += 1


def _erase_keys(blobs: Blobs, lines: str) -> int:
    """Takes these keys out of the lists of whom runs remove and put back, which have them behind the numbers.

    The lines stay: a worker that goes on with such a list counts them.
    """
    keys = [f",{key}\n".encode() for key in lines.split()]

    def change(data: bytes | None) -> bytes | None:
        without = data or b""
        for key in keys:
            without = without.replace(key, b",,\n")
        return without if data and without != data else None

    names = [blob.name for blob in blobs.listing_if_there(LEDGERS, "") if blob.name.endswith(NUMBERS)]
    return sum(change_blob(blobs, LEDGERS, name, change) for name in names)


def _ledger_without(path: Path, keys: str, key_id: str, folder: Path) -> Path | None:
    """The ledger without these keys; None where none of them is in it. Raises as `record_without`."""
    gone = keys_sql(keys, folder)
    with closing(open_engine(folder)) as db:
        About.of(db, path).check_key(key_id)
        if not count(db, f"({read_sql(path)}) SEMI JOIN ({gone}) USING (high, low)"):
            return None
    return without(path, keys, folder, forget_digests=False)
