"""The list follows the segment: what each mode sends, and who is taken out of the list."""

import pytest

from shared.runs.leavers import Question
from shared.storage.tables import Row

DAYS = [f"2026/11/{day:02}/0500" for day in range(1, 29)]


@pytest.fixture
def following(flow):
    """A flow whose account writes down a list at once."""
    for prefix in ("list-", "left-"):
        flow.app.storage.accounts.put(Row(flow.account, f"{prefix}{flow.list_id}", Question(seconds=0.01).values()))
    flow.days = iter(DAYS)
    return flow


def refresh(flow, *numbers, **changed):
    """A snapshot of these people; `changed` gives some of them another first name."""
    rows = "".join(f"C-{n},person{n}@example.com,{changed.get(f'c{n}', f'Name{n}')}\n" for n in numbers)
    flow.segment(f"CustomerId,EMail,FirstName\n{rows}", refresh=next(flow.days))


def address(number):
    return f"person{number}@example.com"


def run(flow, **how):
    status = flow.run(**how)
    assert status["status"] == "succeeded", status["error"]
    return status


def counts(status):
    return tuple(status[f"contacts_{name}"] for name in ("new", "changed", "unchanged", "delivered"))


def numbers(flow):
    return {int(email.removeprefix("person").partition("@")[0]) for email in flow.sent()}


def test_full_sends_all_each_time_and_counts_who_has_changed(following):
    refresh(following, *range(6))
    assert counts(run(following)) == (6, 0, 0, 6)
    refresh(following, *range(1, 8), c3="Other")
    assert counts(run(following)) == (2, 1, 4, 7)
    assert numbers(following) == set(range(8)), "nobody is removed"


def test_changes_only_sends_who_is_new_or_has_changed(following):
    following.change(sync_mode="changes_only")
    refresh(following, *range(6))
    assert counts(run(following)) == (6, 0, 0, 6)
    refresh(following, *range(1, 8), c3="Other")
    status = run(following)
    assert counts(status) == (2, 1, 4, 3)
    assert status["contacts_up_to_date"] == 4
    assert following.sent()[address(3)]["FIRSTNAME"] == "Other"
    refresh(following, *range(1, 8), c3="Other")
    assert counts(run(following)) == (0, 0, 7, 0)
    assert numbers(following) == set(range(8))
