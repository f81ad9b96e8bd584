"""Timers run by schedule, by hand, and past due."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient


def test_timer_runs_by_its_schedule_from_an_app_setting(start_toy):
    toy = start_toy({"TOY_SCHEDULE": "*/1 * * * * *"}, workers=2)
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
    refused = toy.host.request("POST", "/admin/functions/tick", headers={"x-functions-key": toy.host.key})
    assert refused.status == 401


def test_any_function_but_an_http_one_can_be_run_now(toy):
    assert toy.host.run_now("work", json.dumps({"by": "hand"})).status == 202
    assert toy.wait_for_notes("finished", order={"by": "hand"})
    assert toy.host.run_now("echo").status == 400
    assert toy.host.run_now("nothing").status == 404


def test_timer_that_was_missed_runs_past_due_at_the_start(start_toy, azurite):
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    with contextlib.suppress(ResourceExistsError):
        service.create_container("azure-webjobs-hosts")
    due = (datetime.now(UTC) - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    before = (due - timedelta(minutes=5)).isoformat()
    status = {"Last": before, "LastUpdated": before, "Next": due.isoformat()}
    blob = service.get_blob_client("azure-webjobs-hosts", "timers/missed/Host.Functions.tick/status")
    blob.upload_blob(json.dumps(status))
    toy = start_toy({"TOY_SCHEDULE": "0 0 * * * *", "AzureFunctionsWebHost__hostid": "missed"})
    try:
        [tick] = toy.wait_for_notes("tick")
        assert tick["past_due"]
        assert tick["status"] == status
    finally:
        toy.host.stop()
