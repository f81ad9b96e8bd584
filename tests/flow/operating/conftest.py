"""An office that operates one export over Azurite or storage in memory and the sandbox, and its terminal."""

import contextlib
import json
import os
import uuid
from contextlib import redirect_stderr, redirect_stdout

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from shared.app import App
from shared.cli.program import program
from shared.runs.answers import LEAVERS
from shared.settings import read_settings
from shared.staging.rejected import REJECTED
from tests.flow.operating.night import Night
from tests.flow.operating.screens import Terminal
from tests.flow.operating.tools import poison_queue
from tests.flow.terminal import typed_command


def furnished(make_flow, monkeypatch):
    """A flow whose configuration is a blob, with the environment that its terminal has."""
    location = f"settings-{uuid.uuid4().hex[:8]}/exports.json"
    flow = make_flow(EXPORT_CONFIG=location)
    document = json.dumps({"connections": flow.connections, "exports": flow.exports}).encode()
    flow.app.storage.app_blobs.write(*location.split("/"), document)
    for name, value in {
        "AzureWebJobsStorage": flow.connection_string,
        "EXPORT_CONFIG": location,
        "BREVO_BASE_URL": flow.sandbox.base_url,
        "SNAPSHOT_QUIET_SECONDS": "0",
        "USER": "ana",
    }.items():
        monkeypatch.setenv(name, value)
    return flow


@pytest.fixture
def office(azurite, make_flow, monkeypatch):  # the commands open storage by its connection string
    """These tools look at everything that an account holds, so what other tests have left is cleared away first."""
    flow = furnished(make_flow, monkeypatch)
    for queue in (poison_queue(flow), QueueClient.from_connection_string(flow.connection_string, "run-steps")):
        with contextlib.suppress(ResourceNotFoundError):
            queue.clear_messages()
    for container in ("staged", REJECTED, LEAVERS):
        flow.app.storage.app_blobs.delete_below(container, "")
    for run_id, _ in flow.app.store.open_runs():
        flow.app.store.drop_open(run_id)
    return flow


@pytest.fixture
def office_in_memory(make_flow, monkeypatch):
    """The same with storage in memory, which the commands get in place of what their environment names."""
    flow = furnished(make_flow, monkeypatch)
    storage, store = flow.app.storage, flow.app.store
    monkeypatch.setattr("shared.app.open_app", lambda: App(read_settings(os.environ), storage, store))
    return flow


@pytest.fixture
def typed(office):
    """Types a command; its exit status, output and words on standard error."""
    return typed_command


@pytest.fixture
def night(office_in_memory, monkeypatch):
    storage = office_in_memory.app.storage
    monkeypatch.setattr("shared.operating.doctor.storage.open_storage", lambda settings, *, hurried: storage)
    storage.clock.difference_seconds = 0.0
    return Night(office_in_memory)


@pytest.fixture
def terminals(monkeypatch, columns):
    """Standard output and standard error, each a terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    return Terminal(columns), Terminal(columns)


@pytest.fixture
def typed_at(terminals):
    """Types a command; the lines of standard output and of standard error so far."""
    out, err = terminals

    def run(*words):
        with contextlib.suppress(SystemExit), redirect_stdout(out), redirect_stderr(err):
            program.main(list(words), prog_name="segment-export")
        return out.lines, err.lines

    return run
