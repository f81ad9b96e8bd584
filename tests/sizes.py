"""A property test over generated values runs at a tenth of its size in `make test`, in full in `make test-full`."""

import pytest

in_both_sizes = pytest.mark.parametrize(
    "size", [pytest.param(0.1, id="small"), pytest.param(1.0, id="full", marks=pytest.mark.full)]
)
"""Gives a test the share `size` of its values that it generates. Their seeds are new with each run."""
