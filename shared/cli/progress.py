"""Shows a run on its way: a bar on a terminal, a line for each news elsewhere. Writes to standard error."""

import sys
import threading
import time
from types import TracebackType
from typing import Self

from shared.app import App
from shared.cli.text import count_text
from shared.errors import ExportError
from shared.runs.state import Run

_EVERY_SECONDS = 0.5
_BAR = 24


class Progress:
    """Watches the run in the background until the block ends."""

    def __init__(self, app: App, run_id: str, *, quiet: bool) -> None:
        self._app = app
        self._run_id = run_id
        self._quiet = quiet
        self._tty = sys.stderr.isatty()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._started = time.monotonic()
        self._last = ""

    def __enter__(self) -> Self:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if not self._quiet:
            self._thread.join()
            if self._tty:
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
        text = run.waiting if run.is_waiting(self._app.now()) else self._text(run, done, of)
        if self._tty:
            filled = _BAR * done // of if of else 0
            seconds = time.monotonic() - self._started
            print(
                f"\r\x1b[K[{'█' * filled}{'·' * (_BAR - filled)}] {seconds:5.1f} s  {text}",
                end="",
                file=sys.stderr,
                flush=True,
            )
        elif text != self._last:
            print(f"{run.run_id}: {text}", file=sys.stderr, flush=True)
        self._last = text

    def _share(self, run: Run) -> tuple[int, int]:
        """Half-steps done (a batch is delivered, then confirmed), of how many."""
        if not run.counts.batches:
            return 0, 0
        states = [batch.state for batch in self._app.store.batches(run)]
        return states.count("delivered") + 2 * states.count("confirmed"), 2 * run.counts.batches

    def _text(self, run: Run, done: int, of: int) -> str:
        if run.staged_rows and run.state == "staging":
            return f"staging: {run.staged_rows:,} rows read, {run.staged_contacts:,} contacts"
        if not of:
            return {"queued": "queued", "staging": "staging: reading and checking the segment"}.get(
                run.state, run.state
            )
        imports = count_text(run.counts.batches, "import")
        return f"{run.state}: {run.counts.contacts_to_send:,} contacts in {imports}, {100 * done // of} % done"
