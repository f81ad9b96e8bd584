"""A trial says nothing of its export: no run is judged by it, and none runs beside it."""

import json
from dataclasses import replace

import pytest

from shared.administration.known import note_as_known
from shared.notices.recipients import announce, run_before
from shared.runs.overview import export_overview
from shared.runs.starting import start_due, start_for_segment
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from tests.flow.trials import TRIALS, addresses, begin, people, refusal, run_trial, with_list


def overview(flow):
    document = flow.app.document()
    return export_overview(flow.app, document, document.export(flow.export_id))


# What the trial may not be sent to


def test_own_list_and_that_of_another_export_are_refused_with_the_reason(trying):
    other = trying.add_export("other", list_id=77, connection=None)
    assert refusal(begin, trying, 12) == (
        "trial_list_taken",
        f"List 12 is the list of the export {trying.export_id} itself. Name a list of the account that no export has "
        "or excludes, such as one that is made for trials.",
    )
    code, words = refusal(begin, trying, 77)
    assert (code, f"List 77 is the list of the export {other}." in words) == ("trial_list_taken", True)
    trying.change(exclude={"list_ids": [78]})
    code, words = refusal(begin, trying, 78)
    assert (code, f"List 78 is excluded by the export {trying.export_id}." in words) == ("trial_list_taken", True)
    assert refusal(begin, trying, 98)[0] == "list_missing"
    assert trying.app.store.active(trying.export_id) is None


def test_list_that_an_export_takes_meanwhile_gets_nobody(trying):
    run_id = begin(trying).run_id
    trying.add_export("other", list_id=TRIALS)
    status = trying.finish(run_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "trial_list_taken")
    assert trying.nothing_was_sent()


# What the export does not learn of it


def rows_of_export(flow):
    found = {
        key: values
        for (partition, key), (values, _) in flow.app.storage.runs._rows.items()
        if partition == flow.export_id
    }
    return {key: values for key, values in found.items() if not key.startswith("run-")}


@pytest.mark.parametrize("ids", [(), ("X-1",)])
def test_export_s_own_rows_are_untouched_by_a_trial_that_succeeds_or_fails(trying, ids):
    run_trial(trying, customer_ids=ids)
    assert rows_of_export(trying) == {}


def test_next_run_sends_all_by_the_timer_and_counts_as_the_first(trying):
    trying.change(schedule="with_refresh")
    run_trial(trying, customers=3)
    shown = overview(trying)
    assert (shown.last_run, shown.last_success) == (None, None)
    assert shown.why_not_running.code == "waiting_for_timer"
    [start] = start_due(trying.app)
    assert trying.finish(start.run_id)["contacts_confirmed"] == 50
    assert set(trying.sent()) == addresses(*range(50))


def test_run_before_a_trial_stays_the_export_s_last_one(trying):
    real = trying.run()
    before = rows_of_export(trying)
    run_trial(trying, customers=3)
    run_trial(trying, customer_ids=["X-1"])
    assert overview(trying).last_run.run_id == real["run_id"] == overview(trying).last_success.run_id
    assert rows_of_export(trying) == before
    assert start_due(trying.app)[0].reason == "There is no new snapshot."


def test_run_that_failed_is_tried_again_whatever_a_trial_does_meanwhile(trying):
    trying.change(schedule="with_refresh", list_id=404)
    [start] = start_due(trying.app)
    trying.finish(start.run_id)
    before = rows_of_export(trying)
    run_trial(trying, customers=1)
    failed = run_trial(trying, customer_ids=["X-1"])
    assert "tried again" not in failed["error"]["advice"]
    assert rows_of_export(trying) == before


def test_nobody_is_told_of_a_trial_that_fails_and_it_is_not_the_run_before_another(trying):
    notification = {"id": "team", "type": "slack", "url": {"setting": "SLACK"}, "on": ["failed", "recovered"]}
    document = json.loads(trying.config.read_text()) | {"notifications": [notification]}
    trying.config.write_text(json.dumps(document))
    failed = find_run(trying.app, run_trial(trying, customer_ids=["X-1"])["run_id"])
    queue = trying.app.storage.notice_queue
    waiting = queue.count()
    announce(trying.app, failed)
    assert queue.count() == waiting
    announce(trying.app, replace(failed, kind="export"))
    assert queue.count() == waiting + 2
    assert run_before(trying.app, find_run(trying.app, trying.run()["run_id"])) is None


def test_alerts_and_measures_pass_over_a_trial(trying, caplog, monkeypatch):
    counted = []
    monkeypatch.setattr("shared.telemetry.count", lambda name, *_, **__: counted.append(name))
    caplog.set_level("INFO")
    run_id = run_trial(trying, customers=1)["run_id"]
    assert f"trial ended: run={run_id} export={trying.export_id} state=succeeded" in caplog.text
    assert "run ended: " not in caplog.text
    assert not [name for name in counted if name.startswith("segment_export.contacts")]
    assert f"run ended: run={trying.run()['run_id']} " in caplog.text
    assert "segment_export.contacts.confirmed" in counted


# One open run at a time


def test_trial_holds_back_runs_until_it_has_ended(trying):
    trying.change(schedule="with_refresh")
    run_id = begin(trying, customers=2).run_id
    code, words = refusal(trying.start)
    assert (code, run_id in words) == ("trial_active", True)
    for starts in (start_due(trying.app), start_for_segment(trying.app, "Gold")):
        [start] = starts
        assert (start.run_id, start.is_new, "trial" in start.reason) == ("", False, True)
    assert refusal(begin, trying)[0] == "trial_active"
    assert overview(trying).why_not_running.code == "trial_active"
    trying.finish(run_id)
    [start] = start_due(trying.app)
    assert trying.finish(start.run_id)["contacts_confirmed"] == 50


def test_trial_does_not_start_beside_a_run(trying):
    run_id = trying.start().run_id
    code, words = refusal(begin, trying)
    assert (code, run_id in words) == ("run_active", True)


def test_saving_an_export_notes_its_snapshot_though_a_trial_waits(trying):
    trying.change(schedule="with_refresh")
    begin(trying)
    note_as_known(trying.app, trying.app.document().export(trying.export_id))
    assert trying.app.store.started(trying.export_id).snapshot


def test_cancelled_trial_sends_nothing_and_leaves_the_snapshot_to_the_timer(trying):
    trying.change(schedule="with_refresh")
    run_id = begin(trying).run_id
    assert request_cancel(trying.app, find_run(trying.app, run_id), "tester").state == "cancelled"
    assert (rows_of_export(trying), trying.nothing_was_sent()) == ({}, True)
    [start] = start_due(trying.app)
    assert start.is_new


def test_trial_of_an_empty_segment_is_skipped(flow):
    status = run_trial(with_list(flow, people(0)))
    assert (status["status"], status["error"]["code"]) == ("skipped", "segment_empty")
