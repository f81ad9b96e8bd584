"""Somebody whose row `source.only` leaves out from some day on: in the list before, by an earlier run."""

import pytest

from tests.flow.following import counts, numbers, run

ONLY = {"column": "Agreed", "is": ["yes"]}


def refresh(flow, **agreed):
    rows = "".join(f"C-{n[1:]},person{n[1:]}@example.com,{word}\n" for n, word in agreed.items())
    flow.segment(f"CustomerId,EMail,Agreed\n{rows}", refresh=next(flow.days))


@pytest.mark.parametrize(
    ("mode", "stays", "again"),
    [
        ("full", {1, 2, 3}, (1, 0, 2, 3)),
        ("changes_only", {1, 2, 3}, (1, 0, 2, 1)),
        ("mirror", {2, 3}, (1, 0, 2, 1)),
        ("mirror_exact", {2, 3}, (1, 0, 2, 1)),
    ],
)
def test_who_agrees_no_more_is_sent_no_more_and_leaves_the_list_where_it_follows_the_segment(
    following, mode, stays, again
):
    source = {**following.export["source"], "only": ONLY}
    following.change(sync_mode=mode, max_removed=0.9, source=source, mapping={"email": "EMail"})
    refresh(following, p1="yes", p2="yes", p3="yes")
    run(following, accept=True)
    refresh(following, p1="no", p2="yes", p3="yes")
    status = run(following)
    assert (numbers(following), status["rows_filtered"]) == (stays, 1)
    refresh(following, p1="yes", p2="yes", p3="yes")
    assert counts(run(following)) == again
    assert numbers(following) == {1, 2, 3}
