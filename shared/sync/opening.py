"""Opens what is stored of a list: the export's own ledger with the intentions beside it, and those of other exports."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from shared.mapping.engine import open_engine
from shared.storage.blobs import Blob, Blobs
from shared.sync.ledger import DIGESTS_BY, FORGOTTEN, About, LedgerUnreadable, merged_sql, read_sql, write_ledger
from shared.sync.stored import Stored, fetch

_UNTIL_IT_RUNS = "Nobody is removed until it has run again."


@dataclass(frozen=True, slots=True)
class OpenedFiles:
    """What is known of a list, in files; `notes` say what is odd.

    `before` is what the export has put into the list, None where nothing is known; `others` are ledgers of its other
    exports. `is_whole` is False where one of those is gone or could not be read: then nobody can be removed. `unread`
    says why a part of the export's own could not be; empty where all of it was. `mode` is that of the run which has
    kept the ledger, `account` the id of its Brevo account; without a ledger, of that of a run which may have delivered.
    """

    before: Path | None
    others: tuple[Path, ...]
    notes: list[str]
    is_whole: bool
    unread: str = ""
    mode: str = ""
    account: str = ""


def open_files(blobs: Blobs, stored: Stored, folder: Path, wanted: About) -> OpenedFiles:
    """Fetches all of it into the folder. What cannot be read as `wanted` is left out, and a note says so.

    The intentions in `stored` are those that may have been delivered.

    Raises Conflict and NotFound where something has changed meanwhile.
    """
    with closing(open_engine(folder)) as db:
        own, own_unread = _read(db, blobs, [stored.ledger] if stored.ledger else [], folder / "ledger", wanted)
        notes = [f"The ledger of this list is not used: {why}. All contacts are sent." for why in own_unread]
        intentions, unread = _read(db, blobs, stored.intentions, folder / "intention", wanted)
        notes += [f"What a run before may have delivered is not known: {why}." for why in unread]
        own_unread += unread
        others, unread = _read(db, blobs, [*stored.others, *stored.others_intentions], folder / "other", wanted)
        notes += [f"The ledger of another export of this list is not used: {why}. Nobody is removed." for why in unread]
        notes += [f"Whom {export} has put into this list is not known. {_UNTIL_IT_RUNS}" for export in stored.forgotten]
        before = _merged(db, own, intentions, folder / "before", wanted)
    mode = own[0][1].mode if own else ""
    account = next((about.account for _, about in (*own, *intentions)), "")
    paths, is_whole = tuple(path for path, _ in others), not (unread or stored.forgotten)
    return OpenedFiles(before, paths, notes, is_whole, "; ".join(own_unread), mode, account)


type _Found = list[tuple[Path, About]]


def _read(
    db: duckdb.DuckDBPyConnection, blobs: Blobs, found: list[Blob], path: Path, wanted: About
) -> tuple[_Found, list[str]]:
    """Those that can be read, and why others cannot."""
    read: _Found = []
    unread = []
    for number, blob in enumerate(found):
        file = fetch(blobs, blob, path.with_suffix(f".{number}.parquet"))
        try:
            about = About.of(db, file)
            about.check(wanted)
        except LedgerUnreadable as error:
            unread.append(str(error))
            continue
        read.append((file, about))
    return read, unread


def _merged(db: duckdb.DuckDBPyConnection, own: _Found, intentions: _Found, path: Path, wanted: About) -> Path | None:
    """The ledger as it is to be compared with. Digests of another version of the engine say nothing."""
    if not own and not intentions:
        return None
    if not intentions and own[0][1].digests_by == DIGESTS_BY:
        return own[0][0]
    parts = [_select(file, about) for file, about in (*own, *intentions)]
    ledger, others = (parts[0], parts[1:]) if own else (read_sql(), parts)
    file = path.with_suffix(".parquet")
    write_ledger(db, merged_sql(ledger, others), file, wanted)
    return file


def _select(file: Path, about: About) -> str:
    if about.digests_by == DIGESTS_BY:
        return read_sql(file)
    return f"SELECT high, low, {FORGOTTEN} FROM ({read_sql(file)})"
