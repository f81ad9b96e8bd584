"""The host's processes start, come back and end as they should."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.functions_host import FunctionsHost, HostNotReadyError
from local.functions_host.http_messages import send
from tests.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_host_that_nothing_runs_in_stops_within_five_seconds_and_leaves_no_process(start_toy):
    toy = start_toy(workers=2)
    pids = [toy.host.pid, *toy.host.worker_pids()]
    assert toy.host.stop(timeout_seconds=5) == 0
    assert not any(is_running(pid) for pid in pids)


@pytest.mark.full
def test_host_that_stops_gives_running_functions_ten_seconds_and_takes_nothing_more(start_toy):
    toy = start_toy(workers=2)
    toy.order(seconds=5)
    toy.order(seconds=60)
    toy.wait_for_notes("started", 2)
    pids = [toy.host.pid, *toy.host.worker_pids()]
    began = time.monotonic()
    os.kill(toy.host.pid, signal.SIGTERM)
    time.sleep(1)
    toy.order(late=True)
    assert toy.host.stop() == 0
    assert 9 < time.monotonic() - began < 50
    assert not any(is_running(pid) for pid in pids)
    assert [note["order"] for note in toy.notes("finished")] == [{"seconds": 5}]
    assert len(toy.notes("started")) == 2
    assert toy.messages_left() == 2  # the one that was cut off is hidden until its lease ends; the late one waits


def test_workers_end_when_the_host_is_killed(start_toy):
    toy = start_toy(workers=2)
    pids = toy.host.worker_pids()
    toy.host.kill()
    wait_until(lambda: not any(is_running(pid) for pid in pids))


def test_killed_worker_is_started_again(start_toy):
    toy = start_toy(workers=2)
    try:
        victim, other = toy.host.worker_pids()
        assert len({victim, other, toy.host.pid, os.getpid()}) == 4
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in toy.host.worker_pids() and len(toy.host.worker_pids()) == 2)
        assert other in toy.host.worker_pids()
        workers = json.loads(toy.host.request("GET", "/admin/host/workers").body)["workers"]
        assert sorted(worker["starts"] for worker in workers) == [1, 2]
    finally:
        toy.host.stop()


def test_killed_worker_stays_away_where_asked(start_toy):
    toy = start_toy(workers=1, arguments=["--no-restart"])
    try:
        [pid] = toy.host.worker_pids()
        os.kill(pid, signal.SIGKILL)
        toy.host.wait_for_log(f"(pid {pid}) ended with code -9")
        assert toy.host.worker_pids() == []
        assert toy.host.request("GET", "/api/files/kept").status == 200
    finally:
        toy.host.stop()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "has no function_app.py"),
        ("import nothing_like_this", "ModuleNotFoundError"),
        (
            "import azure.functions as func\napp = func.FunctionApp()\n"
            "@app.queue_trigger(arg_name='m', queue_name='%NOT_SET%', connection='X')\n"
            "def f(m: func.QueueMessage): ...",
            "set NOT_SET in the environment",
        ),
        (
            "import azure.functions as func\napp = func.FunctionApp()\n"
            "@app.blob_trigger(arg_name='b', path='a/b', connection='X')\ndef f(b: func.InputStream): ...",
            "has bindings that this host lacks: blobTrigger",
        ),
    ],
)
def test_app_that_cannot_start_says_why(tmp_path, source, words):
    (tmp_path / "host.json").write_text("{}")
    if source:
        (tmp_path / "function_app.py").write_text(source)
    with pytest.raises(HostNotReadyError, match=words):
        FunctionsHost(tmp_path).start()


def test_command_for_a_person_prints_where_the_host_is_and_stops_on_ctrl_c(tmp_path):
    (tmp_path / "host.json").write_text("{}")
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.route()\ndef f(req: func.HttpRequest) -> str: ...\n"
    )
    command = [sys.executable, "-m", "local.functions_host", "--port=0", f"--app={tmp_path}", "--key=my-key"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline() for _ in range(5)]
    [worker] = [int(word) for word in lines[4].split() if word.isdigit()]
    assert lines[0].startswith("Functions host: http://127.0.0.1:")
    assert "my-key" in lines[1]
    os.kill(worker, signal.SIGKILL)
    status = {"x-functions-key": lines[2].split()[-1]}
    address = lines[0].split()[2] + "/admin/host/workers"

    def is_back():
        return json.loads(send("GET", address, headers=status).body)["workers"][0]["pid"] not in (worker, None)

    wait_until(is_back)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    process.stdout.close()


def test_help_teaches_the_command():
    text = subprocess.run(
        [sys.executable, "-m", "local.functions_host", "--help"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "--queue-lease-seconds" in text
    assert "x-functions-key" in text
