"""What starts a run: timer, event, webhook, and a person."""

from datetime import UTC, datetime

import pytest

from shared.runs.problem import Problem
from shared.runs.starting import start_all, start_due, start_for_blob, start_for_segment
from shared.runs.status import find_run
from shared.segments.snapshot import own_snapshot
from tests.flow.gold_file import TWO, many


def test_timer_runs_a_snapshot_once_and_a_person_again(flow):
    flow.segment(TWO)
    [first] = start_due(flow.app)
    assert first.is_new
    status = flow.finish(first.run_id)
    assert (status["status"], status["trigger"]) == ("succeeded", "timer")
    [second] = start_due(flow.app)
    assert (second.run_id, second.reason) == ("", "There is no new snapshot.")
    assert flow.run()["status"] == "succeeded"
    flow.segment(TWO, refresh="2026/11/24/0600")
    [third] = start_due(flow.app)
    assert third.is_new


def test_timer_waits_until_a_snapshot_has_rested(make_flow):
    flow = make_flow(SNAPSHOT_QUIET_SECONDS="600")
    flow.segment(TWO)
    [start] = start_due(flow.app)
    assert (start.run_id, start.reason) == (
        "",
        "The snapshot was written a moment ago. The run starts when it has been unchanged for long enough.",
    )


def test_run_on_demand_waits_out_the_quiet_period_and_says_so(make_flow):
    flow = make_flow(SNAPSHOT_QUIET_SECONDS="3")
    flow.segment(TWO)
    started = flow.start()
    flow.work_until(lambda: find_run(flow.app, started.run_id).waiting)
    assert "The run starts when it has been unchanged for " in flow.status(started.run_id)["waiting"]
    status = flow.finish(started.run_id)
    assert (status["status"], status["waiting"]) == ("succeeded", None)


def test_run_with_now_does_not_wait(make_flow):
    flow = make_flow(SNAPSHOT_QUIET_SECONDS="600")
    flow.segment(TWO)
    assert flow.run(skip_quiet=True)["status"] == "succeeded"


@pytest.mark.parametrize("schedule", ["off", {"cron": "0 5 * * *"}])
def test_timer_and_event_leave_an_export_of_another_schedule_alone(flow, schedule):
    flow.segment(TWO)
    flow.change(schedule=schedule)
    assert all(not each.run_id for each in start_due(flow.app))
    assert all(not each.run_id for each in start_for_segment(flow.app, "Gold"))


def test_webhook_that_names_a_segment_says_of_each_export_that_has_it_why_it_does_not_start(flow):
    flow.segment(TWO)
    flow.add_export("off", schedule="off")
    flow.add_export("daily", schedule={"cron": "0 5 * * *"})
    flow.add_export("loose", connection=None)
    flow.add_export("other", segments=["Silver"])
    first, *others = start_for_segment(flow.app, "Gold")
    assert (first.export, first.is_new) == (flow.export_id, True)
    assert {each.export.rpartition("-")[2]: (each.run_id, each.reason) for each in others} == {
        "off": ("", "Its schedule is off: it runs on demand only."),
        "daily": ("", "It runs by its cron schedule, and not with the refresh of its segments."),
        "loose": ("", "It is detached: choose a connection for it."),
    }
    assert start_for_segment(flow.app, "gold") == []


def test_answer_is_of_one_configuration_and_names_each_export_once(flow, monkeypatch):
    """Where it was changed between two reads, an export was in it twice, or not at all."""
    flow.change(schedule="off")
    flow.segment(TWO)
    reads, document = [], type(flow.app).document

    def read(app):
        reads.append(document(app))
        flow.change(schedule="with_refresh")
        return reads[-1]

    monkeypatch.setattr(type(flow.app), "document", read)
    assert [each.export for each in start_for_segment(flow.app, "Gold")] == [flow.export_id]


def subject(flow, name):
    return f"/blobServices/default/containers/{flow.container}/blobs/CustomerInsights_abcd1234/BlobExport/{name}"


def test_events_of_a_snapshot_start_one_run(flow):
    flow.segment(TWO, partition=1)
    flow.segment(many(3), partition=2)
    names = [f"Gold/2026/11/24/0500/Gold_{number}.csv" for number in (1, 2, 1)] + ["model.json"]
    starts = [start for name in names for start in start_for_blob(flow.app, subject(flow, name))]
    assert [start.is_new for start in starts] == [True, False, False, False]
    status = flow.finish(starts[0].run_id)
    assert (status["status"], status["trigger"], status["rows_read"]) == ("succeeded", "event", 5)
    [late] = start_for_blob(flow.app, subject(flow, names[0]))
    assert (late.run_id, late.reason) == ("", "This snapshot was exported already.")


def test_event_run_of_a_snapshot_that_was_taken_meanwhile_is_skipped(flow):
    flow.segment(TWO)
    [start] = start_for_blob(flow.app, subject(flow, "Gold/2026/11/24/0500/Gold_1.csv"))
    snapshot = own_snapshot(flow.app.storage.segment_blobs, flow.app.ready_export(flow.export_id).export).id
    flow.app.store.note_snapshot(flow.export_id, snapshot)
    status = flow.finish(start.run_id)
    assert (status["status"], status["error"]["code"]) == ("skipped", "snapshot_known")
    assert flow.nothing_was_sent()


@pytest.mark.parametrize(
    "name",
    ["Silver/2026/11/24/0500/Silver_1.csv", "Gold/Gold_1.csv", "Gold/2026/11/24/0500/Gold_1.parquet", "other.json"],
)
def test_event_of_another_blob_starts_nothing(flow, name):
    flow.segment(TWO)
    assert start_for_blob(flow.app, subject(flow, name)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/blobServices/default/containers/segments",
        "/blobServices/default/containers/segments/blobs/",
        "https://contoso.blob.core.windows.net/segments/a/Gold/2026/11/24/0500/Gold_1.csv",
    ],
)
def test_event_whose_subject_names_no_blob_starts_nothing(flow, text):
    assert start_for_blob(flow.app, text) == []


def test_event_of_a_segment_with_a_blank_in_its_name_starts_its_export(flow):
    # The subject has the blob's name as it is; only the URL beside it is percent-encoded.
    flow.segment(TWO, name="Gold members")
    flow.change(segments=["Gold members"])
    [start] = start_for_blob(flow.app, subject(flow, "Gold members/2026/11/24/0500/Gold members_1.csv"))
    assert start.is_new


def test_webhook_that_names_a_segment_starts_a_run_as_webhook_and_a_snapshot_once(flow):
    flow.segment(TWO)
    [start] = start_for_segment(flow.app, "Gold")
    status = flow.finish(start.run_id)
    assert (status["trigger"], status["started_by"], status["status"]) == ("webhook", "webhook", "succeeded")
    [again] = start_for_segment(flow.app, "Gold")
    assert again.reason == "This snapshot was exported already."


def test_run_all_starts_what_has_an_active_schedule_and_tells_why_not(flow):
    flow.add_export("off", schedule="off")
    flow.add_export("loose", connection=None)
    flow.segment(TWO)
    starts = {start.export: start for start in start_all(flow.app, "http", "api")}
    assert starts.keys() == {flow.export_id, f"{flow.export_id}-loose"}
    assert starts[flow.export_id].is_new
    assert "is detached" in starts[f"{flow.export_id}-loose"].reason


class _At:
    """A clock that tells a given time, and goes on from there."""

    def __init__(self, text):
        self._offset = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime.now(UTC)

    def now(self):
        return datetime.now(UTC) + self._offset


def due_at(flow, text):
    object.__setattr__(flow.app.storage, "clock", _At(text))
    [start] = start_due(flow.app)
    if start.run_id:
        flow.app.store.finish(start.run_id, lambda run: run.failed(Problem("x", "x", ""), 0, flow.app.time()))
    return start


def test_cron_export_starts_once_per_due_time_and_once_after_a_miss(flow):
    flow.change(schedule={"cron": "30 5 * * *", "time_zone": "Europe/Bucharest"})
    assert due_at(flow, "2026-03-28T03:00").reason == "The schedule is new; it starts at its next time."
    found = [
        bool(due_at(flow, text).run_id)
        for text in (
            "2026-03-28T03:29",  # not yet 05:30 in Bucharest, which is UTC+2
            "2026-03-28T03:30",  # due
            "2026-03-28T03:35",
            "2026-03-29T02:25",  # UTC+3 from this night on
            "2026-03-29T02:30",  # due
            "2026-03-29T03:30",
            "2026-04-02T09:00",  # nobody looked for days: one run
            "2026-04-02T09:05",
        )
    ]
    assert found == [False, True, False, False, True, False, True, False]
