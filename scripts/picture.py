"""Draws docs/demo.svg: a terminal at the end of `make demo`.

`make demo > .local/demo.txt`, then `python -m scripts.picture .local/demo.txt`.
"""

import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "demo.svg"

_COLUMNS, _LINE_HEIGHT, _CHARACTER_WIDTH, _MARGIN = 122, 19, 7.85, 20
_BAR_HEIGHT = 34
_BACKGROUND, _BAR, _TEXT, _TIME, _GOOD = "#1b1f27", "#2a303b", "#d6dae1", "#7f8a9b", "#7fd18b"
_LAST_PART = "What the last run says:"
_GOOD_WORDS = re.compile(r"succeeded with rejections|0 missing, 0 wrong, 0 unexpected|^demo: .*confirmed.*$")


def svg(output: str) -> str:
    """The command and the end of its output, as an SVG without scripts or fonts of its own.

    Raises ValueError where the output is not that of a demo that succeeded.
    """
    lines = ["$ make demo", "…", *_end_of(output)]
    width = round(2 * _MARGIN + _COLUMNS * _CHARACTER_WIDTH)
    height = _BAR_HEIGHT + 2 * _MARGIN + len(lines) * _LINE_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-size="13" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace">',
        "<title>The end of make demo: what the last run says, and the list against the sample data</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{_BACKGROUND}"/>',
        f'<path d="M0 {_BAR_HEIGHT}V8a8 8 0 0 1 8-8H{width - 8}a8 8 0 0 1 8 8V{_BAR_HEIGHT}z" fill="{_BAR}"/>',
        *(f'<circle cx="{20 + 20 * n}" cy="17" r="6" fill="{_TIME}"/>' for n in range(3)),
    ]
    for number, line in enumerate(lines):
        y = _BAR_HEIGHT + _MARGIN + (number + 1) * _LINE_HEIGHT - 5
        parts.append(f'<text x="{_MARGIN}" y="{y}" fill="{_TEXT}" xml:space="preserve">{_coloured(line)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _end_of(output: str) -> Iterator[str]:
    """From the last run's status on. A line that is too wide is cut, and lines that differ little are shown once."""
    _, found, end = output.partition(_LAST_PART)
    lines = end.partition("\nNext: ")[0].strip("\n").splitlines()
    if not found or not lines[-1].startswith("demo: ") or "FAILED" in lines[-1]:
        raise ValueError("this is not the output of a demo that succeeded: run `make demo` again")
    began = output[: output.index(_LAST_PART)].splitlines()[-1]
    before = ""
    for line in [began + _LAST_PART, *lines]:
        kind = line.split()[0] if line.split() else ""
        if kind == "note" == before:
            continue
        before = kind
        yield line if len(line) <= _COLUMNS else line[: _COLUMNS - 1] + "…"


def _coloured(line: str) -> str:
    time, _, rest = line.partition("] ") if line.startswith("[") else ("", "", line)
    lead = f'<tspan fill="{_TIME}">{escape(time)}] </tspan>' if time else ""
    good = _GOOD_WORDS.search(rest)
    if good is None:
        return lead + escape(rest)
    before, words, after = rest[: good.start()], good[0], rest[good.end() :]
    return f'{lead}{escape(before)}<tspan fill="{_GOOD}">{escape(words)}</tspan>{escape(after)}'


def main(arguments: list[str]) -> int:
    """Exit status: 0 written, 1 not the output of a demo, 2 wrong use."""
    if len(arguments) != 1:
        print("use: python -m scripts.picture FILE, which holds what `make demo` has printed", file=sys.stderr)
        return 2
    try:
        PICTURE.write_text(svg(Path(arguments[0]).read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"picture: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
