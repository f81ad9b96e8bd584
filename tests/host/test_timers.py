"""Timers run by schedule, by hand, and past due."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient


def test_timer_runs_by_its_schedule_from_an_app_setting(start_toy):
    toy = start_toy({"TOY_SCHEDULE": "*/1 * * * * *"}, workers=1)
    try:
        ticks = toy.wait_for_notes("tick", 2)
        assert {tick["pid"] for tick in ticks} == {toy.host.pid}
        assert not ticks[0]["past_due"]
        first, second = (datetime.fromisoformat(tick["status"]["Next"]) for tick in ticks[:2])
        assert first < second
    finally:
        toy.host.stop()


def test_timer_runs_when_the_master_key_asks_for_it(toy):
    assert toy.notes("tick") == []
    assert toy.host.run_now("tick").status == 202
    [tick] = toy.wait_for_notes("tick")
    assert not tick["past_due"]


def test_run_now_needs_the_master_key(toy):
    for key, status in (("wrong", 401), (toy.host.key, 403)):
        refused = toy.host.request("POST", "/admin/functions/tick", headers={"x-functions-key": key})
        assert refused.status == status


def test_any_function_can_be_run_now(toy):
    assert toy.host.run_now("work", json.dumps({"by": "hand"})).status == 202
    assert toy.wait_for_notes("finished", order={"by": "hand"})
    assert toy.host.run_now("BROKEN").status == 202
    toy.host.wait_for_log("RuntimeError: the function broke")
    assert toy.host.run_now("nothing").status == 404


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", '{"input": ""}', 415),
        ("", '{"input": ""}', 415),
        ("application/json", '{"input": {"by": "hand"}}', 400),
        ("application/json", '{"input": 5}', 400),
        ("application/json", "[]", 400),
        ("application/json", "", 400),
        ("application/json; charset=utf-8", "{}", 202),
        ("application/json", '{"input": null}', 202),
    ],
)
def test_run_now_takes_json_with_its_input_as_text(toy, content_type, body, status):
    headers = {"Content-Type": content_type} if content_type else {}
    answer = toy.host.request("POST", "/admin/functions/tick", headers=headers, body=body.encode())
    assert answer.status == status


def test_refused_expression_puts_that_function_alone_in_error(start_toy):
    toy = start_toy({"TOY_SCHEDULE": "0 0 0 * * monkey"})
    try:
        assert toy.host.log_text().count("The 'tick' function is in error: 'monkey' is not a value of") == 1
        assert toy.host.request("GET", "/api/files/there").status == 200
        toy.order(after="error")
        toy.wait_for_notes("finished", order={"after": "error"})
        assert toy.host.run_now("tick").status == 404
    finally:
        toy.host.stop()


def test_expression_that_never_comes_lets_its_function_wait_for_good(start_toy):
    toy = start_toy({"TOY_SCHEDULE": "0 0 0 30 2 *"}, workers=0)
    try:
        toy.host.wait_for_log("The timer 'tick' does not run any more: the schedule has no moment after")
        assert toy.host.run_now("tick").status == 202
        toy.host.wait_for_log("Executed 'Functions.tick' (Succeeded")
    finally:
        toy.host.stop()


def test_next_time_counts_from_the_start_of_the_run(start_toy):
    toy = start_toy({"TOY_SCHEDULE": "*/1 * * * * *", "TOY_TICK_SECONDS": "1.5"}, workers=0)
    try:
        status = toy.wait_for_notes("tick", 2)[1]["status"]
        started, due = (datetime.fromisoformat(status[name]) for name in ("Last", "Next"))
        # So it was past when the run ended, and the second run came at once.
        assert timedelta(0) < due - started <= timedelta(seconds=1)
    finally:
        toy.host.stop()


def test_timer_that_was_missed_runs_past_due_at_the_start(start_toy, azurite):
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    with contextlib.suppress(ResourceExistsError):
        service.create_container("azure-webjobs-hosts")
    due = (datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    before = (due - timedelta(minutes=5)).isoformat()
    status = {"Last": before, "LastUpdated": before, "Next": due.isoformat()}
    blob = service.get_blob_client("azure-webjobs-hosts", "timers/missed/Host.Functions.tick/status")
    blob.upload_blob(json.dumps(status))
    toy = start_toy({"TOY_SCHEDULE": "0 0 * * * *", "AzureFunctionsWebHost__hostid": "missed"}, workers=0)
    try:
        [tick] = toy.wait_for_notes("tick")
        assert tick["past_due"]
        assert tick["status"] == status
    finally:
        toy.host.stop()
