"""Ledgers as most histories have them: a document of JSON, compared by dictionaries instead of DuckDB.

What decides stays real: when each file is written and deleted, which of them count, and what is done with them. A key
is in its two numbers, as the real parts write it; a value is what is sent of a contact.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Self

from shared.app import App
from shared.config.document import ReadyExport
from shared.mapping.compared import Compared, key_numbers
from shared.mapping.leavers import DigestKey, as_sent
from shared.runs import ledgers
from shared.runs.ledgers import Opened
from shared.runs.state import Run
from shared.storage.blobs import Blob, Blobs
from shared.sync.difference import Difference, Known
from shared.sync.ledger import About
from shared.sync.opening import OpenedFiles
from shared.sync.stored import Stored, fetch

Values = dict[str, str | None]
LEAVING = "leaving"
"""Instead of a value, of those who have left the segment and are still in the list."""
_open_ledger = ledgers.open_ledger


def open_ledger(app: App, run: Run, ready: ReadyExport, folder: Path) -> Opened | None:
    """The real one, in the histories whose lists follow their segments."""
    return _open_ledger(app, run, ready, folder) if ready.export.mirrors else None


def write_members(
    path: Path, members: Iterable[tuple[str, int, bool]], key: DigestKey, *, may_repeat: bool = False
) -> int:
    """As the real one."""
    numbers = {"{},{}".format(*key_numbers(key, as_sent(address))): number for address, number, _ in members}
    path.write_text(json.dumps(numbers))
    return len(numbers)


def key_of(compared: Compared, email: str) -> str:
    """A contact's key."""
    return "{},{}".format(*key_numbers(compared.key, as_sent(email)))


def read(*paths: Path | None) -> Values:
    """The contacts of these files."""
    found: Values = {}
    for path in paths:
        found |= json.loads(path.read_text())["contacts"] if path else {}
    return found


def run_of(path: Path, folder: Path) -> str:
    """As the real one."""
    return str(json.loads(path.read_text())["run"])


def _write(path: Path, contacts: Values, run_id: str = "") -> None:
    path.write_text(json.dumps({"run": run_id, "contacts": contacts}))


def kept(*paths: Path) -> set[str]:
    """Whom the exports of these ledgers keep in the list."""
    return {key for path in paths for key, value in read(path).items() if value != LEAVING}


def open_files(blobs: Blobs, stored: Stored, folder: Path, wanted: object) -> OpenedFiles:
    """As the real one, where all can be read."""

    def fetched(found: list[Blob], name: str) -> list[Path]:
        return [fetch(blobs, blob, folder / f"{name}-{place}") for place, blob in enumerate(found)]

    own = fetched([stored.ledger] if stored.ledger else [], "ledger")
    tried = fetched(stored.intentions, "intention")
    others = fetched([*stored.others, *stored.others_intentions], "other")
    if not own and not tried:
        return OpenedFiles(None, tuple(others), [], is_whole=True)
    parts = [read(*own), *map(read, tried)]
    path = folder / "before"
    merged = {key: _sure([part.get(key) for part in parts]) for part in parts for key in part}
    _write(path, merged)
    return OpenedFiles(path, tuple(others), [], is_whole=True)


def _sure(values: list[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


class ModelComparison:
    """In the place of Comparison."""

    def __init__(self, folder: Path, keys: Sequence[Path], known: Known, mode: str) -> None:
        self._folder, self._known = folder, known
        found: Values = {key: value for path in keys for key, value in json.loads(path.read_text()).items()}
        self._segment: Values = {key: value for key, value in found.items() if value is not None}
        self._left = found.keys() - self._segment.keys()
        self._before = read(known.before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def difference(self) -> Difference:
        """What a mirror's run is to do."""
        segment, before, known = self._segment, self._before, self._known
        new = {key for key in segment if before.get(key, LEAVING) == LEAVING}
        sent = {key for key, value in segment.items() if before.get(key) != value}
        shown = read(known.shown)
        not_shown = sum(shown.get(key) != segment[key] for key in sent) if known.shown else 0
        members: dict[str, int] = json.loads(known.members.read_text()) if known.members else {}
        ours = members.keys() & before.keys()
        surplus = ours - segment.keys() - self._left - kept(*known.others)
        lines = sorted(f"{members[key]},{key}\n" for key in surplus)
        if known.shown:
            lines = [each for each in lines if each in _lines(known.shown_removals)]
        self._members, self._removed = set(members), {line.strip().partition(",")[2] for line in lines}
        removals = self._folder / "removals"
        removals.write_text("".join(lines))
        after = len(members) - len(lines) + len(sent - members.keys())
        counts = len(new), len(sent - new), len(segment) - len(sent), len(lines), len(ours), len(members), after
        return Difference(*counts, removals=removals if lines else None, not_shown=not_shown)

    def write_next(self, path: Path, about: About) -> None:
        """What the ledger will be."""
        left: Values = dict.fromkeys(sorted(self._members & self._before.keys()), LEAVING)
        if not self._known.is_settled:
            left = Values({key: None for key, value in self._before.items() if value is None}) | left
        keys = self._segment.keys() | self._removed
        still_ours = {key: value for key, value in left.items() if key not in keys}
        _write(path, self._segment | still_ours, about.run_id)

    def write_undo(self, path: Path, about: object) -> None:
        """Whom a run adds and removes: no history undoes one."""
        path.write_text("")


def _lines(path: Path | None) -> set[str]:
    return set(path.read_text().splitlines(keepends=True)) if path else set()


def lacks(path: Path, keys: str, folder: Path) -> bool:
    """As the real one."""
    return not read(path).keys() >= set(keys.split())


def without(
    path: Path, rejected: str, folder: Path, *, forget_digests: bool, ours: Sequence[Path] = (), leaving: str = ""
) -> Path:
    """As the real one."""
    gone = set(rejected.split())
    confirmed: Values = {key: None if forget_digests else value for key, value in read(path).items() if key not in gone}
    confirmed |= dict.fromkeys(gone & read(*ours).keys())
    confirmed = Values(dict.fromkeys(leaving.split(), LEAVING)) | confirmed
    file = folder / "confirmed"
    _write(file, confirmed, run_of(path, folder))
    return file


def without_kept(path: Path, others: Sequence[Path], folder: Path) -> bytes:
    """As the real one."""
    staying = kept(*others)
    return "".join(line for line in sorted(_lines(path)) if line.strip().partition(",")[2] not in staying).encode()


def record_without_numbers(path: Path, numbers: Collection[int], folder: Path) -> Path:
    """As the real one: no history undoes a run."""
    return path
