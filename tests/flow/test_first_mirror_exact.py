"""The first run of mirror_exact that can take anybody out of the list is held, also where that is a later one."""

import pytest

from shared.administration.ledgers import reset_ledger
from tests.flow.clearing import ADMINISTRATOR, approved
from tests.flow.following import numbers, put_by_others, refresh, run
from tests.flow.holding import plan


@pytest.fixture
def hindered(following):
    """An export that is mirror_exact from now on, and another one of its list whose ledger is not known."""
    following.other = following.add_export("other", sync_mode="full", segments=["Silver"])
    following.segment("CustomerId,EMail,FirstName\nC-9,person9@example.com,Name9\n", name="Silver")
    following.change(sync_mode="mirror", max_removed=1)
    refresh(following, *range(10))
    run(following)
    run(following, export_id=following.other)
    reset_ledger(following.app, ADMINISTRATOR, following.other)
    put_by_others(following, 50)
    following.change(sync_mode="mirror_exact")
    refresh(following, *range(11))
    return following


def assert_first_is_held(flow):
    refresh(flow, *range(11))
    status = flow.run()
    assert (status["status"], status["held_for"]["code"]) == ("held", "guard_first_mirror_exact"), status
    assert "would take 1 of 1" in status["held_for"]["message"]
    approved(flow, status["run_id"])
    assert numbers(flow) == set(range(11))
    refresh(flow, *range(10))
    assert run(flow)["contacts_removed"] == 1


def test_run_that_can_remove_nobody_is_not_held_as_the_first_and_the_next_one_is(hindered):
    status = run(hindered)
    assert (status["contacts_removed"], status["list_before"]) == (0, None)
    run(hindered, export_id=hindered.other)
    assert_first_is_held(hindered)


def test_plan_that_has_shown_no_list_is_not_the_first_once_it_is_approved(hindered):
    shown = hindered.finish(plan(hindered).run_id)
    assert (shown["status"], shown["held_for"]["code"], shown["list_before"]) == ("held", "plan", None)
    run(hindered, export_id=hindered.other)
    assert approved(hindered, shown["run_id"])["contacts_removed"] == 0
    assert_first_is_held(hindered)


def test_run_that_can_remove_nobody_behind_the_first_one_does_not_make_the_next_one_the_first(hindered):
    run(hindered, export_id=hindered.other)
    assert_first_is_held(hindered)
    reset_ledger(hindered.app, ADMINISTRATOR, hindered.other)
    refresh(hindered, *range(9))
    assert run(hindered)["contacts_removed"] == 0
    run(hindered, export_id=hindered.other)
    refresh(hindered, *range(9))
    assert run(hindered)["contacts_removed"] == 1


def test_run_that_takes_out_all_whom_we_have_put_there_is_held_whatever_their_share_of_the_list(following):
    """Those whom others have put there are the segment now, as where it has become another one by mistake."""
    following.change(sync_mode="mirror_exact", max_removed=0.9)
    refresh(following, *range(5))
    run(following, accept=True)
    put_by_others(following, *range(10, 50))
    refresh(following, *range(10, 50))
    following.run_is_held("guard_max_removed", "5 of the list's 5 members whom we have put there")
    refresh(following, *range(1), *range(10, 50))
    assert run(following)["contacts_removed"] == 4
