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


def put_by_others(flow, *numbers):
    flow.sandbox.seed(contacts=[{"email": address(n), "lists": [flow.list_id]} for n in numbers])


def test_mirror_takes_out_who_left_the_segment_and_whom_we_have_put_there(following):
    following.change(sync_mode="mirror", max_removed=1)
    put_by_others(following, 50)
    refresh(following, *range(6))
    status = run(following)
    assert (status["contacts_to_remove"], status["list_before"], status["list_after"]) == (0, 1, 7)
    refresh(following, *range(2, 8), c3="Other")
    status = run(following)
    assert counts(status) == (2, 1, 3, 3)
    assert (status["contacts_removed"], status["list_before"], status["list_after"]) == (2, 7, 7)
    assert numbers(following) == {*range(2, 8), 50}
    refresh(following, *range(0, 8))
    assert run(following)["contacts_new"] == 2, "who returns is new"
    assert numbers(following) == {*range(8), 50}


def test_mirror_exact_takes_out_everybody_who_is_not_in_the_segment(following):
    following.change(sync_mode="mirror_exact", max_removed=1)
    put_by_others(following, 50)
    refresh(following, *range(6))
    status = run(following, accept=True)
    assert (status["contacts_removed"], status["list_before"], status["list_after"]) == (1, 1, 6)
    assert numbers(following) == set(range(6))


def test_contact_that_another_export_keeps_in_the_list_stays(following):
    following.change(sync_mode="mirror", max_removed=1)
    other = following.add_export("other", sync_mode="full", segments=["Silver"])
    following.segment("CustomerId,EMail,FirstName\nC-1,person1@example.com,Name1\n", name="Silver")
    refresh(following, *range(4))
    run(following)
    run(following, export_id=other)
    refresh(following, 3)
    status = run(following, accept=True)
    assert (status["contacts_removed"], numbers(following)) == (2, {1, 3})
