"""How the demo tells its story: one line after the other, and a bar on a terminal while something runs."""

import sys
import time
from collections.abc import Sequence
from typing import Any

_BAR = 24
_SHARES = {"queued": 0.05, "staging": 0.2, "delivering": 0.5, "confirming": 0.7}


class Story:
    """Prints with the seconds since its start. Plain text: it reads the same in a log."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._tty = sys.stdout.isatty()
        self._last = ""

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """One line with its time."""
        self._clear()
        print(f"[{self.seconds:5.1f} s] {text}", flush=True)

    def show(self, text: str) -> None:
        """Lines that belong to the one before."""
        self._clear()
        for line in text.splitlines():
            print(f"          {line}".rstrip(), flush=True)

    def watch(self, state: str, waiting: str) -> None:
        """What a run does now: a bar that fills on a terminal, a line for each news elsewhere."""
        text = waiting or state.replace("_", " ")
        if self._tty:
            filled = round(_BAR * _SHARES.get(state, 1.0))
            bar = "█" * filled + "·" * (_BAR - filled)
            print(f"\r\x1b[K[{self.seconds:5.1f} s] [{bar}] {text}", end="", flush=True)
        elif text != self._last:
            self.show(text)
        self._last = text

    def end(self, line: str) -> None:
        """The last line."""
        self._clear()
        print(line, flush=True)

    def _clear(self) -> None:
        if self._tty:
            print("\r\x1b[K", end="")
        self._last = ""


def columns(rows: Sequence[Sequence[Any]]) -> str:
    """A table: words to the left, numbers to the right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )
