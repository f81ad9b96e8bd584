"""The plot in docs/performance.md: CPU, wall and memory of each contender, as an SVG without scripts or fonts.

`python -m benchmarks.plot JSON SVG` draws it again from what `make bench` has written.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

Place = Callable[[float], float]

_WIDTH, _LABEL, _BAR, _GAP, _TOP = 860, 210, 18, 10, 40
_ROOM = _WIDTH - _LABEL - 110
# Title, figure, its unit, and whether each line of the scale is ten times the one before.
_PANELS = (
    ("CPU, seconds (each line ten times the one before)", "cpu", 1.0, True),
    ("wall until the last import, seconds (each line ten times the one before)", "to_last", 1.0, True),
    ("peak memory of a process, MB (a line each 100)", "peak_of_a_process", 1e6, False),
)
_COLOURS = {"floor": "#9aa0a6", "ours": "#1a73e8", "ours_by_file": "#1a73e8", "ours_parallel": "#1a73e8"}
_OTHERS = "#e8a33d"


def svg(document: dict[str, Any]) -> str:
    """Three panels with one bar a contender: the median."""
    runs, titles = document["runs"], document["titles"]
    height_of_panel = _TOP + len(runs) * (_BAR + _GAP) + 10
    height = height_of_panel * len(_PANELS) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (title, what, unit, by_tens) in enumerate(_PANELS):
        values = {name: median(run[what] / unit for run in found) for name, found in runs.items()}
        parts += _panel(title, values, titles, number * height_of_panel, by_tens=by_tens)
    rows, machine = document["workload"]["rows"], document["machine"]
    caption = f"{rows:,} rows, medians; {machine['cpu']}, {machine['cores']} cores."
    parts.append(f'<text x="10" y="{height - 10}" fill="#5f6368">{escape(caption)}</text></svg>')
    return "\n".join(parts) + "\n"


def _panel(title: str, values: dict[str, float], titles: dict[str, str], top: int, *, by_tens: bool) -> list[str]:
    place, lines = _by_tens(list(values.values())) if by_tens else _evenly(list(values.values()))
    parts = [f'<text x="10" y="{top + 20}" font-weight="bold" fill="#202124">{escape(title)}</text>']
    parts += _grid(lines, place, top, len(values))
    for number, (name, value) in enumerate(values.items()):
        y = top + _TOP + number * (_BAR + _GAP)
        colour, width = _COLOURS.get(name, _OTHERS), max(2.0, place(value) - _LABEL)
        parts += [
            f'<text x="{_LABEL - 8}" y="{y + 14}" text-anchor="end" fill="#202124">{escape(titles[name])}</text>',
            f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{place(value) + 6:.1f}" y="{y + 14}" fill="#202124">{_number(value)}</text>',
        ]
    return parts


def _by_tens(values: Sequence[float]) -> tuple[Place, list[float]]:
    lowest, highest = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    lines = [10.0**power for power in range(lowest, highest + 1)]
    return lambda value: _LABEL + _ROOM * (math.log10(value) - lowest) / max(1, highest - lowest), lines


def _evenly(values: Sequence[float]) -> tuple[Place, list[float]]:
    most = 100 * math.ceil(max(values) / 100)
    return lambda value: _LABEL + _ROOM * value / most, [float(line) for line in range(0, most + 1, 100)]


def _grid(values: Sequence[float], place: Place, top: int, bars: int) -> list[str]:
    bottom = top + _TOP + bars * (_BAR + _GAP)
    return [
        f'<line x1="{place(value):.1f}" x2="{place(value):.1f}" y1="{top + _TOP - 6}" y2="{bottom}" stroke="#dadce0"/>'
        for value in values
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def main(arguments: Sequence[str]) -> int:
    source, target = map(Path, arguments)
    target.write_text(svg(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
