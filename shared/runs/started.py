"""The row `started` of each export: what the triggers have started last (`tries.py`), read and written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from shared.runs.due_times import due_stamp
from shared.runs.rows import started_of, started_row
from shared.runs.state import Run
from shared.runs.tries import Started
from shared.storage.account import Storage
from shared.storage.tables import Row

_CLOCKS_DIFFER = timedelta(hours=1)

type StillOurs = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Noted:
    """The row `started` of an export before a note and with it."""

    export: str
    before: Started
    after: Started


class StartedRows:
    """These rows. Every method may raise TransientError where storage does not answer."""

    def __init__(self, storage: Storage) -> None:
        self._runs = storage.runs
        self._clock = storage.clock

    def started(self, export: str) -> Started:
        """What triggers have started last."""
        return self._credible(started_of(self._runs.get(export, "started")))

    def due_ahead(self, export: str) -> str:
        """The due time that a wrong clock has noted, where the row of the export has one."""
        noted = started_of(self._runs.get(export, "started"))
        return noted.due if noted.due != self._credible(noted).due else ""

    def take_snapshot(self, run: Run, still_ours: StillOurs, *, is_tried_again: bool) -> None:
        """Remembers the snapshot that the run has taken; `is_tried_again`: triggers start another one where it fails.

        `still_ours` raises where the worker that stages the run has lost it: its end may have said when it is tried
        again.
        """
        self._note(
            run.export,
            lambda started: started.with_snapshot_taken(run, is_tried_again=is_tried_again),
            still_ours,
        )

    def note_snapshot(self, export: str, snapshot: str, *, is_of_others: bool = False) -> Noted:
        """Remembers a snapshot that is not to be started. `is_of_others`: what was known is of other segments."""
        return self._note(export, lambda started: started.with_snapshot_known(snapshot, even_if_older=is_of_others))

    def note_due(self, export: str, due: str) -> Noted:
        """Remembers a due time that is not to be started any more."""
        return self._note(export, lambda started: started.with_due_known(due))

    def note_elsewhere(self, export: str) -> Noted:
        """Remembers that what was sent went to another list than the export has now."""
        return self._note(export, Started.sent_elsewhere)

    def note_held(self, run: Run, still_ours: StillOurs) -> None:
        """Remembers that the snapshot does not count as exported while this run of it, which is to be held, is."""
        self._note(run.export, lambda started: replace(started, unsent=run.run_id), still_ours)

    def take_back(self, noted: Noted) -> None:
        """Makes the row what it was before the note, unless it has changed since."""

        def before(row: Row | None) -> Mapping[str, Any] | None:
            is_there = row is not None and row.etag == noted.after.etag
            return started_row(noted.export, noted.before).values if is_there else None

        self._runs.change(noted.export, "started", before)

    def _note(self, export: str, change: Callable[[Started], Started], still_ours: StillOurs = bool) -> Noted:
        before = Started()

        def changed(row: Row | None) -> Mapping[str, Any]:
            nonlocal before
            # Behind the read of the row, which an end writes as well: one that comes in between is a conflict.
            still_ours()
            before = self._credible(started_of(row))
            return started_row(export, change(before)).values

        row = self._runs.change(export, "started", changed)
        return Noted(export, before, started_of(row))

    def _credible(self, started: Started) -> Started:
        """Without a due time that lies ahead: a wrong clock has noted it, and nothing would be due until it came."""
        latest = due_stamp(self._clock.now() + _CLOCKS_DIFFER)
        return replace(started, due="") if started.due > latest else started
