"""Azurite starts, keeps its data over a restart, and ends with whoever started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite, AzuriteError
from tests.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.full
def test_data_and_ports_outlive_a_restart_and_stop_ends_the_process(tmp_path):
    with Azurite(tmp_path / "data") as storage:
        connection = storage.connection_string
        first_pid = storage.pid
        blob = BlobServiceClient.from_connection_string(connection).create_container("con").upload_blob("b", b"kept")
        QueueServiceClient.from_connection_string(connection).create_queue("que").send_message("kept")
        TableServiceClient.from_connection_string(connection).create_table("tab").create_entity(
            {"PartitionKey": "p", "RowKey": "r"}
        )
        storage.restart()
        assert storage.connection_string == connection
        assert storage.pid != first_pid
        assert not is_running(first_pid)
        assert blob.download_blob().readall() == b"kept"
        [message] = QueueServiceClient.from_connection_string(connection).get_queue_client("que").peek_messages()
        assert message.content == "kept"
        assert TableServiceClient.from_connection_string(connection).get_table_client("tab").get_entity("p", "r")
        last_pid = storage.pid
    assert not is_running(last_pid)
    assert (tmp_path / "data").exists()


def test_command_prints_the_connection_string_and_azurite_ends_when_it_is_killed(tmp_path):
    command = [
        sys.executable,
        "-m",
        "local.azurite",
        "--in-memory",
        "--blob-port=0",
        "--queue-port=0",
        "--table-port=0",
    ]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;")
    [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_until(lambda: not is_running(child))


def test_missing_azurite_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("AZURITE_COMMAND", str(tmp_path / "azurite"))
    with pytest.raises(AzuriteError, match="make setup"):
        Azurite(in_memory=True).start()


def test_program_that_ends_at_once_is_reported_with_its_words(monkeypatch, tmp_path):
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho 'out of order'\n")
    program.chmod(0o755)
    monkeypatch.setenv("AZURITE_COMMAND", str(program))
    with pytest.raises(AzuriteError, match="ended while it started\nout of order"):
        Azurite(tmp_path / "data").start()
