"""What all tests share: `--slice K/N` runs the K-th of N slices of what is selected."""

from collections.abc import Sequence

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slice", type=slice_of, metavar="K/N", help="run the K-th of N slices of the selected tests")


@pytest.hookimpl(trylast=True)  # after -m and -k, so that a slice is one of what they leave
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--slice")
    if wanted is None:
        return
    chosen = set(in_slice([item.nodeid for item in items], *wanted))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in chosen])
    items[:] = [item for item in items if item.nodeid in chosen]


def slice_of(text: str) -> tuple[int, int]:
    """Reads `K/N`. Raises ValueError, which pytest shows as wrong use."""
    number, count = (int(part) for part in text.split("/"))
    if not 1 <= number <= count:
        raise ValueError(f"{text} is no slice: K/N wants 1 <= K <= N")
    return number, count


def in_slice(names: Sequence[str], number: int, count: int) -> list[str]:
    """Every `count`-th name in the order of the alphabet: slices differ by one test at most, and none is in two."""
    return sorted(names)[number - 1 :: count]
