"""Takes a person out of every ledger, and out of what undoes runs."""

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from shared.mapping.compared import key_numbers
from shared.mapping.engine import open_engine
from shared.mapping.leavers import DigestKey
from shared.storage.blob_changes import change_blob
from shared.storage.blobs import Blobs
from shared.sync.ledger import About, LedgerUnreadable, count, keys_sql, read_sql, without
from shared.sync.stored import LEDGERS, NUMBERS, UNDO, fetch
from shared.sync.undo import record_without

_Without = Callable[[Path, str, Path], Path | None]


def erase_from_ledgers(blobs: Blobs, key: DigestKey, identities: Iterable[str], folder: Path) -> int:
    """In how many files somebody with one of these addresses or ids was. Raises Conflict where one changes meanwhile.

    A file that cannot be read is deleted: it is of no use to anybody else either.
    """
    lines = "".join("{},{}\n".format(*key_numbers(key, each)) for each in identities)
    kinds: tuple[tuple[str, _Without], ...] = ((LEDGERS, _ledger_without), (UNDO, record_without))
    erased = sum(_erase(blobs, container, lines, folder, without_them) for container, without_them in kinds)
    return erased + _erase_keys(blobs, lines)


def _erase(blobs: Blobs, container: str, lines: str, folder: Path, without_them: _Without) -> int:
    changed = 0
    for blob in blobs.listing_if_there(container, ""):
        if not blob.name.endswith(".parquet"):
            continue
        path = fetch(blobs, blob, folder / "erased.parquet", container)
        try:
            kept = without_them(path, lines, folder)
        except LedgerUnreadable:
            blobs.delete(container, blob.name)
            changed += 1
            continue
        if kept:
            with kept.open("rb") as file:
                blobs.write_if(container, blob.name, file, blob.etag)
            changed += 1
    return changed


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


def _ledger_without(path: Path, lines: str, folder: Path) -> Path | None:
    """The ledger without these keys; None where none of them is in it. Raises LedgerUnreadable."""
    gone = keys_sql(lines, folder)
    with closing(open_engine(folder)) as db:
        About.of(db, path)
        if not count(db, f"({read_sql(path)}) SEMI JOIN ({gone}) USING (high, low)"):
            return None
    return without(path, lines, folder, forget_digests=False)
