"""Queue functions get each message at least once, and the poison queue what they cannot work on."""

import base64
import os
import signal
import time

import pytest
from azure.storage.blob import ContainerClient

from local.azurite import ACCOUNT_KEY, Azurite
from local.functions_host.worker import LANGUAGE_WORKER_DIED, STORAGE_FAILED
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def fast_toy(start_toy):
    # Azure's 600 s shortened: a renewal and the end of a killed worker's lease are waited for here.
    toy = start_toy(workers=1, queue_lease_seconds=2)
    yield toy
    toy.host.stop()


def test_message_runs_in_a_worker_and_is_deleted(fast_toy):
    fast_toy.order(number=1)
    [note] = fast_toy.wait_for_notes("finished", order={"number": 1})
    assert note["pid"] in fast_toy.host.worker_pids()
    assert note["pid"] != fast_toy.host.pid
    [started] = fast_toy.wait_for_notes("started", order={"number": 1})
    assert started["dequeue_count"] == 1
    assert started["id"]
    assert started["pop_receipt"]
    assert started["inserted"].startswith("20")
    wait_until(lambda: fast_toy.messages_left() == 0)


def test_failing_message_is_tried_max_dequeue_count_times_and_then_poison(fast_toy):
    fast_toy.order(fail=1)
    fast_toy.wait_for_notes("poison", order={"fail": 1})
    counts = [note["dequeue_count"] for note in fast_toy.notes("started") if note["order"] == {"fail": 1}]
    assert counts == [1, 2, 3]
    wait_until(lambda: fast_toy.messages_left() == fast_toy.messages_left("-poison") == 0)


def test_text_that_is_not_base64_goes_to_the_poison_queue(fast_toy):
    fast_toy.queue().send_message("{not base64}")
    fast_toy.host.wait_for_log("is not Base64 text")
    fast_toy.host.wait_for_log(f"Moving message to queue '{fast_toy.queue_name}-poison'")


def test_long_function_keeps_its_message(fast_toy):
    fast_toy.order(seconds=3, long=True)
    fast_toy.wait_for_notes("finished", order={"seconds": 3, "long": True})
    assert len([note for note in fast_toy.notes("started") if note["order"].get("long")]) == 1


def test_messages_run_at_the_same_time(fast_toy, tmp_path):
    gate = tmp_path / "gate"
    for number in range(3):
        fast_toy.order(seconds=100, until=str(gate), side=number)
    wanted = {0, 1, 2}

    def sides(kind):
        return {note["order"].get("side") for note in fast_toy.notes(kind)} - {None}

    fast_toy.wait_for_notes("started", order={"seconds": 100, "until": str(gate), "side": 2})
    fast_toy.wait_for_notes("started", order={"seconds": 100, "until": str(gate), "side": 1})
    fast_toy.wait_for_notes("started", order={"seconds": 100, "until": str(gate), "side": 0})
    assert sides("finished") == set()
    gate.touch()
    for number in wanted:
        fast_toy.wait_for_notes("finished", order={"seconds": 100, "until": str(gate), "side": number})


def test_message_of_a_killed_worker_runs_again_in_the_next_one(fast_toy, tmp_path):
    order = {"seconds": 60, "until": str(tmp_path / "gate")}
    fast_toy.order(**order)
    [first] = fast_toy.wait_for_notes("started", order=order)
    os.kill(first["pid"], signal.SIGKILL)
    second = fast_toy.wait_for_notes("started", 2, order=order)[-1]
    (tmp_path / "gate").touch()
    fast_toy.wait_for_notes("finished", order=order, dequeue_count=2)
    assert second["pid"] != first["pid"]
    assert second["dequeue_count"] == 2
    assert fast_toy.host.worker_pids() == [second["pid"]]
    wait_until(lambda: fast_toy.messages_left() == 0)


@pytest.mark.full
def test_function_that_runs_too_long_is_cut_off_with_its_process_and_runs_again(start_toy):
    toy = start_toy({"AzureFunctionsJobHost__functionTimeout": "00:00:02"})
    try:
        toy.order(seconds=60)
        first, second = toy.wait_for_notes("started", 2, order={"seconds": 60})[:2]
        assert first["pid"] != second["pid"]
        # On a busy machine a try may be cut off before it has said that it started.
        assert second["dequeue_count"] > first["dequeue_count"]
        assert "exceeded by function 'Functions.work'" in toy.host.log_text()
    finally:
        toy.host.stop()


def test_message_of_a_language_worker_that_died_alone_comes_back_as_after_a_failed_try(start_toy, tmp_path):
    # The lease is Azure's 600 s: only a failed try brings the message back within the test.
    toy = start_toy()
    try:
        order = {"seconds": 60, "until": str(tmp_path / "gate")}
        toy.order(**order)
        [first] = toy.wait_for_notes("started")
        os.kill(first["pid"], signal.SIGUSR1)
        second = toy.wait_for_notes("started", 2)[-1]
        (tmp_path / "gate").touch()
        toy.wait_for_notes("finished", order=order)
        assert second["pid"] != first["pid"]
        assert second["dequeue_count"] == 2
        toy.host.wait_for_log(f"(pid {first['pid']}) ended with code {LANGUAGE_WORKER_DIED}")
    finally:
        toy.host.stop()


def test_host_whose_storage_refuses_its_key_ends_with_a_code_of_its_own_and_is_started_again_and_again(
    start_toy, azurite
):
    wrong = azurite.connection_string.replace(ACCOUNT_KEY, base64.b64encode(b"another key").decode())
    toy = start_toy({"TOY_STORAGE": wrong})
    try:
        ended = f"ended with code {STORAGE_FAILED}"
        wait_until(lambda: toy.host.log_text().count(ended) >= 2, explain=toy.host.log_text)
        assert "An unhandled exception has occurred. Host is shutting down." in toy.host.log_text()
        assert toy.host.request("GET", "/admin/host/ping").status == 200
    finally:
        toy.host.stop()


@pytest.mark.full
def test_blob_trigger_goes_on_after_storage_was_away(start_toy, tmp_path):
    with Azurite(tmp_path) as storage:
        toy = start_toy(storage=storage, watch_containers=["segments=blob_event"])
        try:
            storage.restart()
            toy.order(after="the restart")
            toy.wait_for_notes("finished", order={"after": "the restart"})
            blobs = ContainerClient.from_connection_string(storage.connection_string, "segments")
            blobs.create_container()
            blobs.upload_blob("late.csv", b"a")
            toy.wait_for_notes("event")
        finally:
            toy.host.stop()


@pytest.mark.full
@pytest.mark.timeout(180)
def test_storage_that_is_away_for_seventeen_seconds_loses_and_repeats_nothing(start_toy, tmp_path):
    with Azurite(tmp_path) as storage:
        toy = start_toy(storage=storage)
        try:
            toy.order(seconds=5, across="the outage")
            toy.wait_for_notes("started")
            storage.pause()
            time.sleep(17)
            storage.restart()
            wait_until(lambda: toy.messages_left() == 0, 60, explain=toy.host.log_text)
            toy.order(after="the outage")
            toy.wait_for_notes("finished", order={"after": "the outage"})
            assert len(toy.notes("started")) == 2
            assert "ended with code" not in toy.host.log_text()
        finally:
            toy.host.stop()


@pytest.mark.full
@pytest.mark.timeout(240)
def test_storage_that_is_away_for_forty_seconds_stops_the_host_with_its_running_steps(start_toy, tmp_path):
    with Azurite(tmp_path) as storage:
        # Azure's 600 s shortened to what is longer than the outage: the steps that were cut off come back after it.
        toy = start_toy(storage=storage, queue_lease_seconds=90)
        try:
            toy.order(seconds=200, until=str(tmp_path / "gate"))
            [first] = toy.wait_for_notes("started")
            away_at = time.monotonic()
            storage.pause()
            toy.host.wait_for_log(f"(pid {first['pid']}) ended with code {STORAGE_FAILED}", 60)
            ended_after = time.monotonic() - away_at
            time.sleep(max(0.0, 40 - ended_after))
            storage.restart()
            toy.order(after="the outage")
            toy.wait_for_notes("finished", order={"after": "the outage"})
            assert 33 < ended_after < 45  # six tries over some 25 s, and 10 s more for the running step
            (tmp_path / "gate").touch()
            cut_off = {"seconds": 200, "until": str(tmp_path / "gate")}
            wait_until(lambda: toy.notes("finished")[-1]["order"] == cut_off, 120, explain=toy.host.log_text)
            assert toy.notes("finished")[-1]["dequeue_count"] == 2
        finally:
            toy.host.stop()
