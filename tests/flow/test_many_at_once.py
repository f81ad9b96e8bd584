"""Hundreds of runs of one account at once: what each of them costs does not grow with the others."""

import json
from dataclasses import asdict

import pytest

from shared.runs.left_imports import wake_waiting
from shared.runs.slot_rows import Slot
from shared.runs.steps.confirm import _slot_wait_seconds
from shared.runs.store import OPEN
from shared.storage.tables import Row
from tests.flow.years import ACCOUNT, past_runs


def waiting_runs(app, count):
    """So many open runs of the account, each of an export of its own; the later ones are the older ones."""
    run_ids = [past_runs(app, f"e-{number}", 1, days=number / 100, state="delivering")[0] for number in range(count)]
    for run_id in run_ids:
        app.storage.runs.put(Row(OPEN, run_id, {"key_setting": ACCOUNT, "list_id": 12}))
    return run_ids


def woken(years):
    """The runs that have a message now."""
    return [json.loads(each.text)["run"] for each in years.storage.queue.peek()]


def test_end_of_a_run_wakes_those_that_have_waited_longest_and_not_hundreds(years, calls):
    run_ids = waiting_runs(years, 200)
    holder = run_ids[-1]
    years.storage.accounts.insert(Row(ACCOUNT, "slot-0", asdict(Slot(holder, 1))))
    assert calls.of(lambda: wake_waiting(years, ACCOUNT)) <= 20
    assert woken(years) == run_ids[-2:-7:-1]


def test_run_that_holds_a_slot_is_woken_where_no_others_wait(years):
    (run_id,) = waiting_runs(years, 1)
    years.storage.accounts.insert(Row(ACCOUNT, "slot-0", asdict(Slot(run_id, 1))))
    wake_waiting(years, ACCOUNT)
    assert woken(years) == [run_id]


@pytest.mark.parametrize(("count", "seconds"), [(1, 15), (10, 15), (40, 60), (300, 120)])
def test_many_runs_that_wait_for_a_slot_look_for_it_as_often_together_as_a_few(years, count, seconds):
    run_ids = waiting_runs(years, count)
    assert _slot_wait_seconds(years, years.store.load(run_ids[0])) == seconds
