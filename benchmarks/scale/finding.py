"""What one measurement of scale has found."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.bars import Bar


@dataclass(frozen=True, slots=True)
class Finding:
    """Lines for people, the bars, and the figures for a program."""

    name: str
    lines: Sequence[str]
    bars: Sequence[Bar]
    figures: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For the JSON."""
        return {**self.figures, "bars": [bar.document() for bar in self.bars]}


def say(text: str) -> None:
    """Tells on standard error what is done now."""
    print(f"scale: {text}", file=sys.stderr, flush=True)
