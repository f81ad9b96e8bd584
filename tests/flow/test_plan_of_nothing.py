"""A plan with nothing to do ends by itself, blocks nothing, and changes nothing of what is known of its export."""

import pytest

from shared.administration.running import undo_run, verify_export
from shared.runs.starting import start_due
from tests.flow.following import put_by_others, refresh, run
from tests.flow.holding import plan, why
from tests.flow.undoing import ADMINISTRATOR, undo_blobs


@pytest.mark.parametrize("mode", ["changes_only", "mirror", "mirror_exact"])
def test_plan_with_nothing_to_do_ends_and_says_so(following, mode):
    following.change(sync_mode=mode)
    refresh(following, *range(4))
    run(following, accept=True)
    success = following.app.store.success(following.export_id)
    ended = following.finish(plan(following).run_id)
    assert (ended["status"], ended["error"]["code"], ended["held_for"]) == ("skipped", "nothing_to_do", None)
    assert ended["error"]["message"] == "There is nothing to do: nobody is new, has changed, or is to be removed."
    assert (ended["contacts_unchanged"], ended["contacts_up_to_date"]) == (4, 4)
    assert following.app.store.active(following.export_id) is None
    assert following.app.store.success(following.export_id) == success
    assert verify_export(following.app, ADMINISTRATOR, following.export_id, "http").is_new


def test_plan_with_nothing_to_do_leaves_the_run_before_it_to_be_undone(undoing):
    refresh(undoing, *range(6))
    run(undoing)
    refresh(undoing, *range(2, 6))
    status = run(undoing)
    before = [blob.name for blob in undo_blobs(undoing)]
    assert undoing.finish(plan(undoing).run_id)["status"] == "skipped"
    assert set(before) <= {blob.name for blob in undo_blobs(undoing)}
    assert undo_run(undoing.app, ADMINISTRATOR, status["run_id"], "http").is_new


def test_newer_snapshot_that_a_plan_has_found_to_change_nothing_is_not_called_unsent(following):
    following.change(sync_mode="changes_only", schedule="with_refresh")
    refresh(following, *range(4))
    run(following)
    refresh(following, *range(4))
    assert following.finish(plan(following).run_id)["status"] == "skipped"
    assert not start_due(following.app)[0].is_new
    assert why(following).code == "no_new_snapshot"


def test_plan_that_removes_somebody_or_sends_somebody_is_held(following):
    following.change(sync_mode="mirror_exact")
    refresh(following, *range(4))
    run(following, accept=True)
    put_by_others(following, 50)
    assert following.finish(plan(following).run_id)["status"] == "held"


def test_plan_that_a_guard_stops_is_held_though_it_has_nothing_to_do(following):
    following.change(sync_mode="changes_only")
    refresh(following, *range(4))
    run(following)
    following.change(max_profiles=2)
    held = following.finish(plan(following).run_id)
    assert (held["status"], held["held_for"]["code"]) == ("held", "guard_max_profiles")
