"""What is too much for `make test` runs there in small, and in full in `make test-full`."""

from collections.abc import Iterable

import pytest

in_both_sizes = pytest.mark.parametrize(
    "size", [pytest.param(0.1, id="small"), pytest.param(1.0, id="full", marks=pytest.mark.full)]
)
"""Gives a property test the share `size` of the values that it generates. Their seeds are new with each run."""


def sampled(every: int, *, parts: int = 1, first: int = 0) -> pytest.MarkDecorator:
    """Gives a test `some`, a slice of its cases: in `make test` some of them, in full all in so many parts."""
    return pytest.mark.parametrize("some", [pytest.param(slice(first, None, every), id="some"), *_parts(parts)])


def in_parts(parts: int = 1) -> pytest.MarkDecorator:
    """The same for a test that runs in `make test-full` alone."""
    return pytest.mark.parametrize("some", _parts(parts))


def _parts(parts: int) -> list[object]:
    return [
        pytest.param(slice(part, None, parts), id=f"part {part + 1} of {parts}", marks=pytest.mark.full)
        for part in range(parts)
    ]


def thinned(values: Iterable[object], every: int) -> list[object]:
    """The values of a parameter, or tuples of several: of so many one is tried in `make test`, the others in full."""
    return [
        value
        if place % every == 0
        else pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.full)
        for place, value in enumerate(values)
    ]
