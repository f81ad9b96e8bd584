"""Which snapshot counts as new: after a save, after a deletion, and where a clock was wrong."""

import pytest

from shared.config.models import Export
from shared.runs.overview import export_overview
from shared.runs.starting import note_as_known, start_due, start_for_segment

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
