"""An undo, a clear or a repair that is held and cannot be approved any more gives way when it is asked for again."""

import pytest

from shared.administration.running import verify_export
from tests.flow import clearing, undoing
from tests.flow.following import numbers, refresh, run
from tests.flow.holding import HOUR, refusal, skip


def undo(flow):
    return undoing.begin(flow, flow.last)


def clear(flow):
    return clearing.begin(flow)


def repair(flow):
    return verify_export(flow.app, clearing.ADMINISTRATOR, flow.export_id, "http", repair=True)


def held(flow, ask):
    """The held run that somebody asked for."""
    flow.change(sync_mode="mirror", max_removed=0.5)
    refresh(flow, *range(4))
    flow.last = run(flow)
    if ask is repair:
        refresh(flow, 0)
    run_id = ask(flow).run_id
    assert flow.finish(run_id)["status"] == "held"
    return run_id


@pytest.mark.parametrize("ask", [undo, clear, repair])
def test_run_that_was_held_with_other_settings_gives_way_as_its_refusal_says(following, ask):
    first = held(following, ask)
    following.change(max_removed=0.6)
    assert refusal(following, first).code == "plan_outdated"
    again = ask(following)
    assert again.is_new and following.status(first)["error"]["code"] == "superseded"
    following.finish(again.run_id)
    assert clearing.approved(following, again.run_id)["status"] == "succeeded"
    assert len(numbers(following)) == (1 if ask is repair else 0)


@pytest.mark.parametrize("ask", [undo, clear, repair])
def test_run_that_could_not_be_approved_in_time_gives_way_before_it_is_ended(following, ask):
    first = held(following, ask)
    skip(following, 49 * HOUR)
    assert refusal(following, first).code == "hold_expired"
    assert ask(following).is_new


@pytest.mark.parametrize("ask", [undo, clear])
def test_run_that_can_be_approved_is_found(following, ask):
    first = held(following, ask)
    again = ask(following)
    assert (again.run_id, again.is_new) == (first, False)


def test_repair_that_is_held_gives_way_as_a_plan_does(following):
    first = held(following, repair)
    refresh(following, 0, 1)
    assert refusal(following, first).code == "plan_outdated"
    assert repair(following).is_new
