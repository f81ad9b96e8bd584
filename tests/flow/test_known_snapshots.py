"""Which snapshot counts as new: after a save, after a deletion, and where a clock was wrong."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.administration.known import note_as_known
from shared.config.models import Export
from shared.notices.rows import NoticeRow
from shared.operating.doctor.running import wrong_times
from shared.runs.batch import Batch
from shared.runs.overview import export_overview
from shared.runs.rows import run_row
from shared.runs.starting import start_due, start_for_segment
from shared.runs.state import Run
from shared.runs.status import find_run
from shared.runs.steps.stop import request_cancel
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN
from shared.storage.tables import Row

HEAD = "CustomerId,EMail,FirstName\n"
OLD = HEAD + "C-1,ana@example.com,Old\n"
NEW = HEAD + "C-1,ana@example.com,New\n"


def export_of(flow):
    return Export.model_validate(flow.export)


def why(flow):
    document = flow.app.document()
    return export_overview(flow.app, document, document.export(flow.export_id)).why_not_running


def delete(flow, refresh):
    for blob in flow.app.storage.segment_blobs.listing(flow.container, ""):
        if f"/{refresh}/" in blob.name:
            flow.app.storage.segment_blobs.delete(flow.container, blob.name)


# A save


@pytest.mark.parametrize("change", [{"schedule": "with_refresh"}, {"source": {"escape": "\\"}}])
def test_save_does_not_take_the_snapshot_away_from_a_run_that_waits_for_it(flow, change):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    [started] = start_for_segment(flow.app, "Gold")
    changed = {**flow.export, **change, "source": {**flow.export["source"], **change.get("source", {})}}
    note_as_known(flow.app, Export.model_validate(changed))
    status = flow.finish(started.run_id)
    assert (status["status"], status["contacts_confirmed"]) == ("succeeded", 1)


def test_save_makes_what_is_there_known_where_no_run_waits(flow):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    note_as_known(flow.app, export_of(flow))
    assert start_for_segment(flow.app, "Gold")[0].run_id == ""
    assert start_due(flow.app)[0].run_id == ""


def test_save_makes_a_newer_snapshot_known_while_a_run_sends_the_one_before(flow):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    [started] = start_for_segment(flow.app, "Gold")
    flow.work_until(lambda: flow.status(started.run_id)["status"] != "queued")
    flow.segment(NEW, refresh="2026/11/24/0600")
    note_as_known(flow.app, export_of(flow))
    flow.finish(started.run_id)
    assert start_due(flow.app)[0].run_id == ""


def pointed_at_silver(flow):
    """The export has another segment from now on, of the same refresh, with Ana's new name."""
    flow.segment(NEW, name="Silver")
    flow.change(segments=["Silver"])
    note_as_known(flow.app, export_of(flow), is_of_others=True)


@pytest.mark.parametrize("start", [start_due, lambda app: start_for_segment(app, "Gold")], ids=["timer", "event"])
@pytest.mark.parametrize("end", ["cancelled", "failed", "export_changed", "succeeded"])
def test_other_segments_that_are_saved_beside_a_run_start_nothing_however_it_ends(flow, start, end):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    [started] = start(flow.app)
    if end == "failed":
        flow.sandbox.fail_next("POST /contacts/import", "import-failed", times=2)
    flow.work_until(lambda: flow.status(started.run_id)["status"] == "delivering")
    pointed_at_silver(flow)
    if end == "cancelled":
        request_cancel(flow.app, find_run(flow.app, started.run_id), "tester")
    if end == "export_changed":
        flow.change(list_id=flow.list_id + 1)
    assert flow.finish(started.run_id)["status"] == (end if end != "export_changed" else "failed")
    assert [each.run_id for each in start_due(flow.app)] == [""]
    assert [each.run_id for each in start_for_segment(flow.app, "Silver")] == [""]
    flow.app.storage.clock.skip(3600)
    assert [each.run_id for each in start_due(flow.app)] == [""], "nor once its next try would be due"


# A deletion


def test_older_snapshot_is_not_sent_again_when_the_newest_is_deleted(flow):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    flow.segment(NEW, refresh="2026/11/24/0600")
    [started] = start_due(flow.app)
    flow.finish(started.run_id)
    delete(flow, "2026/11/24/0600")
    assert [start.run_id for start in start_due(flow.app)] == [""]
    assert [start.run_id for start in start_for_segment(flow.app, "Gold")] == [""]
    assert why(flow).code == "no_new_snapshot"
    assert "2026-11-24T0600" in why(flow).text
    assert flow.sent()["ana@example.com"]["FIRSTNAME"] == "New"


def test_event_run_that_waits_does_not_send_an_older_snapshot_either(flow):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    flow.segment(NEW, refresh="2026/11/24/0600")
    flow.finish(start_due(flow.app)[0].run_id)
    flow.segment(NEW, refresh="2026/11/24/0700")
    [started] = start_for_segment(flow.app, "Gold")
    delete(flow, "2026/11/24/0600")
    delete(flow, "2026/11/24/0700")
    status = flow.finish(started.run_id)
    assert (status["status"], status["error"]["code"]) == ("skipped", "snapshot_known")
    assert flow.sent()["ana@example.com"]["FIRSTNAME"] == "New"


def test_person_may_send_an_older_snapshot_and_the_next_refresh_is_new(flow):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    flow.segment(NEW, refresh="2026/11/24/0600")
    flow.run()
    delete(flow, "2026/11/24/0600")
    assert flow.run()["status"] == "succeeded"
    flow.segment(NEW, refresh="2026/11/24/0700")
    assert start_due(flow.app)[0].is_new


def test_snapshot_whose_files_change_is_new_at_the_same_time(flow):
    flow.change(schedule="with_refresh")
    flow.segment(OLD)
    flow.finish(start_due(flow.app)[0].run_id)
    flow.segment(NEW)
    assert start_due(flow.app)[0].is_new


# A clock that was wrong

A_YEAR = 365 * 24 * 3600


def test_due_time_that_lies_ahead_stops_no_schedule(flow):
    flow.change(schedule={"cron": "* * * * *"})
    flow.segment(OLD)
    flow.app.store.note_due(flow.export_id, "2031-01-01T00:00Z")
    assert flow.app.store.due_ahead(flow.export_id) == "2031-01-01T00:00Z"
    assert [start.reason for start in start_due(flow.app)] == ["The schedule is new; it starts at its next time."]
    assert flow.app.store.due_ahead(flow.export_id) == ""
    flow.app.storage.clock.skip(60)
    assert start_due(flow.app)[0].is_new


def test_due_time_of_a_worker_whose_clock_is_minutes_ahead_counts(flow):
    flow.change(schedule={"cron": "* * * * *"})
    soon = (flow.app.time() + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%MZ")
    flow.app.store.note_due(flow.export_id, soon)
    assert [start.reason[:20] for start in start_due(flow.app)] == ["It is not due before"]


@pytest.mark.parametrize("names", [("stalled_after", "watch_due"), ("stalled_after", "watch_due", "owner_until")])
def test_run_whose_times_lie_a_year_ahead_is_driven_on(flow, names):
    flow.segment(OLD)
    run_id = flow.start().run_id
    flow.app.storage.queue._messages.clear()
    ahead = dict.fromkeys(names, flow.app.now() + A_YEAR)
    if "owner_until" in names:
        ahead |= {"owner": "lost", "state": "staging"}
    flow.app.store.update(run_id, lambda run: replace(run, **ahead))
    assert sweep(flow.app) == [run_id]
    assert flow.finish(run_id)["status"] == "succeeded"


def test_batch_whose_claim_or_retry_lies_a_year_ahead_is_sent(flow):
    at = flow.app.now() + A_YEAR
    now = flow.app.time()
    batch = Batch("gold-20261124T050312-a1b2c3", "abcd", 1, 1, 1)
    assert replace(batch, not_before=at).is_ready(now)
    assert replace(batch, state="delivering", owner="lost", owner_until=at).is_ready(now)
    assert not replace(batch, not_before=flow.app.now() + 3600).is_ready(now)


def test_account_that_is_closed_until_next_year_is_asked(flow):
    values = {"closed_until": flow.app.now() + A_YEAR, "next_at": flow.app.now() + A_YEAR}
    taken = json.dumps([flow.app.now() + A_YEAR] * 500)
    for kind, more in (("contacts", {}), ("other", {"taken": taken})):
        flow.app.storage.accounts.put(Row(flow.account, kind, {**values, **more}))
        flow.app.pace(flow.account).take(kind)


def test_notice_whose_times_lie_a_year_ahead_is_posted_or_counts_as_lost():
    row = NoticeRow(state="sending", owner="lost", until=A_YEAR * 2, watch_due=A_YEAR * 2)
    assert row.claimed("me", row, A_YEAR, A_YEAR + 45, repeats=True).owner == "me"
    assert row.claimed("me", row, A_YEAR, A_YEAR + 45, repeats=False) is None
    assert row.is_lost(A_YEAR)
    assert row.watched_at(A_YEAR + 60, A_YEAR).watch_due == A_YEAR + 60


def test_run_that_was_never_written_and_is_dated_ahead_is_forgotten(flow):
    flow.app.storage.runs.put(Row(OPEN, "gold-20310101T000000-a1b2c3", {"key_setting": "K"}))
    sweep(flow.app)
    assert flow.app.store.open_runs() == []


def test_doctor_tells_what_a_wrong_clock_has_left(flow):
    flow.segment(OLD)
    assert wrong_times(flow.app, flow.app.document())[0] == "ok"
    flow.segment(OLD, refresh="2031/01/01/0500")
    flow.app.store.note_due(flow.export_id, "2031-01-01T00:00Z")
    ahead = Run(f"{flow.export_id}-20310101T000000-a1b2c3", flow.export_id, "K", 1, "http", "x", state="failed")
    flow.app.storage.runs.put(run_row(ahead))
    state, told, fix = wrong_times(flow.app, flow.app.document())
    assert state == "warn"
    for words in (f"Export {flow.export_id} was noted as started for 2031-01-01T00:00Z", ahead.run_id):
        assert words in told
    assert "Gold/2031/01/01/0500 is dated more than a day after it was written." in told
    assert "Delete a refresh" in fix
