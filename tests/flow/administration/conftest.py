"""An office that administers one export over the sandbox, and its terminal."""

import json
import uuid

import pytest

from tests.flow.administration.people import CSV
from tests.flow.terminal import typed_command


@pytest.fixture
def office(make_flow):
    """A flow whose configuration is a blob."""
    location = f"settings-{uuid.uuid4().hex[:8]}/exports.json"
    flow = make_flow(EXPORT_CONFIG=location)
    document = json.dumps({"connections": flow.connections, "exports": flow.exports}).encode()
    flow.app.storage.app_blobs.write(*location.split("/"), document)
    flow.segment(CSV)
    return flow


@pytest.fixture
def typed(office, monkeypatch):
    """Types a command; its exit status, output and words on standard error."""
    monkeypatch.setattr("shared.app.open_app", lambda: office.app)
    monkeypatch.setenv("EXPORT_CONFIG", office.app.settings.export_config)
    monkeypatch.setenv("USER", "ana@example.com")
    # Named, or each command would ask for the settings of a `make serve` that runs beside the tests.
    monkeypatch.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    return typed_command
