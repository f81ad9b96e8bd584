"""Small pictures, drawn here as SVG without a style or a script of their own. Each stands beside a table or a text."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

_BAR_WIDTH, _BAR_GAP, _HEIGHT = 5, 2, 28
_TEXT_HEIGHT = 20


def sparkline(values: Sequence[int], failed: Sequence[bool], title: str) -> Markup:
    """One bar for each run, oldest first; one that failed has a mark instead of a bar."""
    most = max([*values, 1])
    bars = Markup("")
    for place, (value, is_failed) in enumerate(zip(values, failed, strict=True)):
        height = 4 if is_failed else max(round(value / most * _HEIGHT), 1)
        bars += Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
            "failed" if is_failed else "bar", place * (_BAR_WIDTH + _BAR_GAP), _HEIGHT - height, _BAR_WIDTH, height
        )
    width = max(len(values) * (_BAR_WIDTH + _BAR_GAP), 1)
    return Markup('<svg class="spark" role="img" viewBox="0 0 {} {}"><title>{}</title>{}</svg>').format(
        width, _HEIGHT, title, bars
    )


def bar(value: int, most: int) -> Markup:
    """A bar whose length says how large the value is beside the largest one; the number stands beside it."""
    width = max(round(value / most * 100), 1) if value else 0
    return Markup(
        '<svg class="line" aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none">'
        '<rect class="bar" width="{}" height="8"/></svg>'
    ).format(width)


def flow(steps: Sequence[tuple[str, int, int]], title: str, number: Callable[[float], str]) -> Markup:
    """A band that gets thinner where contacts are lost. Of each step: its name, how many are left and lost."""
    most = max([*(count for _, count, _ in steps), 1])
    wide, high = 120, 60
    drawn = Markup("")
    for place, (_, count, lost) in enumerate(steps):
        height = max(round(count / most * high), 1 if count else 0)
        x = place * (wide + 10)
        drawn += Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
            x, (high - height) / 2, wide, height
        )
        if height >= _TEXT_HEIGHT:
            drawn += Markup('<text x="{}" y="{}">{}</text>').format(x + wide / 2, high / 2, number(count))
        if lost:
            thick = max(round(lost / most * high), 2)
            drawn += Markup('<rect class="failed" x="{}" y="{}" width="10" height="{}"/>').format(x - 10, high, thick)
    width, height = len(steps) * (wide + 10), high + max([*(round(lost / most * high) for _, _, lost in steps), 2])
    return Markup('<svg class="flow" role="img" viewBox="0 0 {} {}"><title>{}</title>{}</svg>').format(
        width, height, title, drawn
    )
