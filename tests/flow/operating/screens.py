"""A terminal of so many columns, by an emulator that notes where a line wraps by accident."""

import io

import pyte
import pytest

from shared.cli.fitting import cells

WIDTHS = pytest.mark.parametrize("columns", [80, 120])


class Screen(pyte.Screen):
    """A terminal's screen that notes what was drawn beyond its last column, which is what wraps."""

    def __init__(self, columns):
        self.beyond = []
        super().__init__(columns, 24)

    def draw(self, data):
        if self.cursor.x + cells(data) > self.columns:
            self.beyond.append(data)
        super().draw(data)


class Terminal(io.StringIO):
    """A terminal of this width: what was written to it, and what its screen shows."""

    def __init__(self, columns):
        super().__init__()
        self.screen = Screen(columns)
        self.lowest = 0
        self._stream = pyte.Stream(self.screen)

    def isatty(self):
        return True

    def write(self, text):
        self._stream.feed(text.replace("\n", "\r\n"))
        self.lowest = max(self.lowest, self.screen.cursor.y)
        return super().write(text)

    @property
    def lines(self):
        """The lines that were written, once it is sure that none has wrapped by accident."""
        assert self.screen.beyond == []
        return self.getvalue().splitlines()

    @property
    def top(self):
        """The screen's first line."""
        assert self.screen.beyond == []
        return self.screen.display[0].rstrip()

    @property
    def moving(self):
        """The line that is being written."""
        assert self.screen.beyond == []
        return self.screen.display[self.screen.cursor.y].rstrip()
