"""Shows a run on its way: one line that moves on a terminal, a line for each change elsewhere. On standard error."""

import itertools
import sys
import threading
import time
from typing import Self

from shared.app import App
from shared.cli.fitting import cut, width_of, wrapped
from shared.counting import counted
from shared.errors import ExportError
from shared.runs.state import Run

_EVERY_SECONDS = 0.5
_LOOK_SECONDS = 30.0
_SHORT_BAR, _LONG_BAR, _WIDE = 10, 24, 100
_SIGNS = "|/-\\"


class Progress:
    """Watches the run in the background until the block ends."""

    def __init__(self, app: App, run_id: str, *, quiet: bool) -> None:
        self._app = app
        self._run_id = run_id
        self._quiet = quiet
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._started = time.monotonic()
        self._signs = itertools.cycle(_SIGNS)
        self._last = ""
        self._has_said = False

    def __enter__(self) -> Self:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if not self._quiet:
            self._thread.join()
            if sys.stderr.isatty():
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            try:
                run = self._app.store.load(self._run_id)
            except ExportError:
                continue
            if run is not None:
                self._show(run)

    def _show(self, run: Run) -> None:
        done, of = self._share(run)
        # Behind its time it still waits for what the last look has noted, until the next one has been made.
        text = run.waiting if run.is_waiting(self._app.now() - _LOOK_SECONDS) else _text(run, done, of)
        width = width_of(sys.stderr)
        if width is None:
            if text != self._last:
                print(f"{run.run_id}: {text}", file=sys.stderr, flush=True)
            if text == run.waiting and not self._has_said:  # it may wait for hours, and nobody sees it move here
                self._has_said = True
                print(
                    f"If you end this, the run goes on: segment-export status {run.run_id}", file=sys.stderr, flush=True
                )
            self._last = text
            return
        seconds = time.monotonic() - self._started
        # A line that fills the last column wraps on some terminals.
        moving = line(next(self._signs), done, of, seconds, text, width - 1)
        if moving.endswith("…") and text != self._last:
            print(f"\r\x1b[K{wrapped(text, width)}", file=sys.stderr)  # once in full
        self._last = text
        print(f"\r\x1b[K{moving}", end="", file=sys.stderr, flush=True)

    def _share(self, run: Run) -> tuple[int, int]:
        """Half-steps done (a batch is delivered, then confirmed), of how many."""
        if not run.counts.batches:
            return 0, 0
        batches = self._app.store.batches(run)
        done = sum(batch.state == "delivered" for batch in batches) + 2 * sum(batch.is_settled for batch in batches)
        return done, 2 * max(run.counts.batches, len(batches))


def line(sign: str, done: int, of: int, seconds: float, text: str, width: int) -> str:
    """The one line on a terminal: a sign that moves, the share done, the time taken, what happens; `width` at most."""
    length = _LONG_BAR if width >= _WIDE else _SHORT_BAR
    filled = length * done // of if of else 0
    bar = f"[{'█' * filled}{'·' * (length - filled)}] " if of else ""
    took = f"{seconds:.0f} s" if seconds < 60 else f"{seconds // 60:.0f}:{seconds % 60:02.0f} min"
    return cut(f"{sign} {bar}{took}  {text}", width)


def _text(run: Run, done: int, of: int) -> str:
    if of:
        imports = counted(run.counts.batches, "import")
        return f"{run.state}: {run.counts.contacts_to_send:,} contacts in {imports}, {100 * done // of} % done"
    if run.state != "staging":
        return run.state
    if run.staged_rows:
        return f"staging: {counted(run.staged_rows, 'row')} read, {counted(run.staged_contacts, 'contact')}"
    return "staging: reading and checking the segment"
