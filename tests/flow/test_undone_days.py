"""Day after day a mirror's runs, undos and repairs do what docs/sync.md says, in an account that others change."""

import random

import pytest

from tests.flow.customers import asks_who_left
from tests.flow.excluding import fast
from tests.flow.undoing import undoing  # noqa: F401 - a fixture
from tests.flow.undone_days import OTHER, UndoneDays
from tests.sizes import thinned


@pytest.mark.parametrize("world", thinned(range(10), 10))
def test_members_are_who_the_docs_say(undoing, world):  # noqa: F811
    seed, flow = random.randrange(10**9), undoing
    flow.sandbox.seed(lists=[{"id": OTHER, "name": "Staff", "folderId": 1}])
    fast(flow, OTHER)
    asks_who_left(flow)
    flow.change(exclude={"segments": ["Staff"], "list_ids": [OTHER]}, max_shrink=1)
    days = UndoneDays(flow, random.Random(seed))
    try:
        days.run_silver()
        days.pass_by(8)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, day {days.day}, {days.undone} undone") from error
