"""Two exports have put somebody into a list, and both end."""

import pytest

from shared.administration.ending import take_members_out
from shared.sync.stored import drop_ledgers
from tests.flow.clearing import ADMINISTRATOR, approved
from tests.flow.following import address, numbers, refresh, run


@pytest.fixture
def both(following):
    """Both exports have put person 1 into the list."""
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    refresh(following, *range(4))
    run(following)
    rows = "".join(f"C-{n},{address(n)},Name{n}\n" for n in (1, 9))
    following.segment(f"CustomerId,EMail,FirstName\n{rows}", name="Silver")
    run(following, export_id=other)
    return following, (following.export_id, other)


def end(flow, export_id, **how):
    return take_members_out(flow.app, ADMINISTRATOR, "remove_export", export_id, "http", **how)


def held_ends(flow, exports):
    held = [flow.finish(end(flow, each).run_id) for each in exports]
    assert [each["contacts_to_remove"] for each in held] == [3, 1]
    return [each["run_id"] for each in held]


def test_member_whose_exports_both_end_leaves_the_list_with_the_last_one(both):
    flow, exports = both
    for run_id in held_ends(flow, exports):
        approved(flow, run_id)
    assert numbers(flow) == {1}
    assert flow.finish(end(flow, exports[1], accept=True).run_id)["contacts_removed"] == 1
    assert (numbers(flow), end(flow, exports[1])) == (set(), None)


def test_member_leaves_the_list_where_the_one_export_is_gone_before_the_other_one_is_approved(both):
    flow, (one, other) = both
    first, second = held_ends(flow, (one, other))
    approved(flow, first)
    assert end(flow, one) is None, "the other one keeps them"
    drop_ledgers(flow.app.storage.app_blobs, one)
    approved(flow, second)
    assert flow.finish(end(flow, other, accept=True).run_id)["contacts_removed"] == 1
    assert numbers(flow) == set()


def test_member_of_two_exports_that_end_at_once_leaves_the_list(both):
    flow, exports = both
    for started in [end(flow, each, accept=True) for each in exports]:
        flow.finish(started.run_id)
    for each in exports:
        if started := end(flow, each, accept=True):
            flow.finish(started.run_id)
    assert numbers(flow) == set()
