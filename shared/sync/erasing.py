"""Takes a person out of every ledger."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from shared.mapping.compared import key_numbers
from shared.mapping.engine import open_engine
from shared.mapping.leavers import DigestKey
from shared.storage.blobs import Blobs
from shared.sync.ledger import LedgerUnreadable, count, read_sql, without
from shared.sync.stored import LEDGERS, fetch


def erase_from_ledgers(blobs: Blobs, key: DigestKey, identities: Iterable[str], folder: Path) -> int:
    """In how many files somebody with one of these addresses or ids was. Raises Conflict where one changes meanwhile.

    A ledger that cannot be read is deleted: it is of no use to anybody else either.
    """
    lines = "".join("{},{}\n".format(*key_numbers(key, each)) for each in identities)
    changed = 0
    for blob in blobs.listing_if_there(LEDGERS, ""):
        if not blob.name.endswith(".parquet"):
            continue
        path = fetch(blobs, blob, folder / "ledger.parquet")
        try:
            kept = without(path, lines, folder, forget_digests=False)
        except LedgerUnreadable:
            blobs.delete(LEDGERS, blob.name)
            changed += 1
            continue
        with closing(open_engine(folder)) as db:
            is_same = count(db, read_sql(path)) == count(db, read_sql(kept))
        if not is_same:
            with kept.open("rb") as file:
                blobs.write_if(LEDGERS, blob.name, file, blob.etag)
            changed += 1
    return changed
