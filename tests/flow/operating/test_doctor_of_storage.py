"""The operator's doctor where storage keeps deleted blobs, is named wrongly, or does not answer."""

import json
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ResourceTypes,
    RetentionPolicy,
    generate_account_sas,
)

from shared.operating.doctor.settings import configuration
from shared.storage import account
from shared.storage.hurried import HurriedTransport
from tests.flow.operating.tools import checks


@pytest.fixture
def soft_delete(office):
    """Turns blob soft delete on, for the test."""
    service = BlobServiceClient.from_connection_string(office.connection_string)
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=7))
    yield
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=False))


def test_doctor_warns_of_soft_delete_on_the_account_with_the_segments(office, typed, soft_delete):
    found = checks(typed, 0)["segments account"]
    assert found["state"] == "warn"
    assert found["message"] == "Blob soft delete is on (7 days): Customer Insights' exports to this account fail."
    assert "--enable-delete-retention false" in found["fix"]


def test_doctor_finds_an_account_without_soft_delete_well(office, typed):
    found = checks(typed, 0)["segments account"]
    assert (found["state"], found["message"]) == ("ok", "Blob soft delete is off.")


def test_doctor_says_who_may_see_whether_soft_delete_is_on(office, typed, monkeypatch):
    service = BlobServiceClient.from_connection_string(office.connection_string)
    only_blobs = generate_account_sas(
        service.account_name,
        service.credential.account_key,
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(list=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    monkeypatch.setenv("SEGMENT_STORAGE", f"BlobEndpoint={service.url};SharedAccessSignature={only_blobs}")
    found = checks(typed, 0)["segments account"]
    assert found["state"] == "warn"
    assert found["message"] == "Your roles do not show whether blob soft delete is on."
    assert found["fix"].startswith("Get the role Reader on the account")


@pytest.mark.parametrize(
    ("setting", "value", "check"),
    [
        ("SEGMENT_STORAGE", "nonsense", "setting SEGMENT_STORAGE"),
        ("AzureWebJobsStorage", "nonsense", "setting AzureWebJobsStorage"),
    ],
)
def test_doctor_names_a_connection_string_that_is_none(office, typed, monkeypatch, setting, value, check):
    monkeypatch.setenv(setting, value)
    found = checks(typed, 1)
    assert "not a valid connection string" in found[check]["message"]
    assert found[check]["fix"] == f"Correct {setting}."
    assert ("table runs" in found) == (setting == "SEGMENT_STORAGE")


def test_doctor_tells_a_refused_key_of_storage_once_for_each_service(office, typed, monkeypatch):
    key = next(part for part in office.connection_string.split(";") if part.startswith("AccountKey="))
    monkeypatch.setenv("AzureWebJobsStorage", office.connection_string.replace(key, "AccountKey=cm90YXRlZA=="))
    found = checks(typed, 1)
    refused = [name for name, each in found.items() if "Storage denied access" in each["message"]]
    assert refused == ["configuration", "containers", "queues", "tables"]
    assert found["queues"]["message"].endswith("The same of all 3: run-steps, run-steps-poison, notices.")
    assert "a key in it may have been rotated" in found["tables"]["fix"]
    assert "firewall must let it in" in found["tables"]["fix"]
    assert found["queues and runs"]["message"] == "Not checked, since storage cannot be used."


def test_doctor_without_storage_still_looks_for_the_keys_of_a_local_configuration(flow, typed, monkeypatch):
    monkeypatch.setenv("AzureWebJobsStorage", "nonsense")
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    assert checks(typed, 1)["connection brevo-eu, key found"]["state"] == "ok"
    monkeypatch.delenv(flow.account)
    assert checks(typed, 1)["connection brevo-eu, key found"]["state"] == "FAILED"


@pytest.fixture
def silent_port():
    """A port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening.getsockname()[1]


def storage_at(office, port):
    return "".join(
        f"{part};" if "Endpoint=" not in part else f"{part.split('=')[0]}=http://127.0.0.1:{port}/devstoreaccount1;"
        for part in office.connection_string.strip(";").split(";")
    )


def test_doctor_ends_soon_where_storage_does_not_answer(flow, office, typed, monkeypatch, silent_port):
    assert account.HURRIED_SECONDS <= 3
    monkeypatch.setattr(account, "HURRIED_SECONDS", 0.3)  # each of three services is asked twice
    monkeypatch.setenv("AzureWebJobsStorage", storage_at(office, silent_port))
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    began = time.monotonic()
    status, output, _ = typed("doctor")
    assert time.monotonic() - began < 20  # a minute and more with the tries of a worker
    assert status == 1
    assert output.count("Storage did not answer for") == 3
    assert output.count("Not checked, since storage cannot be used. Put storage right first.") == 2
    assert f"emulator on this machine (127.0.0.1:{silent_port}; AzureWebJobsStorage names it)" in output


def test_doctor_ends_at_once_where_storage_refuses_connections(flow, office, typed, monkeypatch):
    monkeypatch.setenv("AzureWebJobsStorage", storage_at(office, 9))
    monkeypatch.setenv("EXPORT_CONFIG", str(flow.config))
    began = time.monotonic()
    assert typed("doctor")[0] == 1
    assert time.monotonic() - began < 15


def test_doctor_waits_but_once_for_segments_that_hang_and_checks_all_else(office, typed, monkeypatch, silent_port):
    """Also where several exports read from there: nobody waits longer than 15 s at three seconds a try."""
    for number in range(3):
        office.add_export(f"more-{number}", source={**office.export["source"], "container": f"segments-{number}"})
    document = json.dumps({"connections": office.connections, "exports": office.exports}).encode()
    office.app.storage.app_blobs.write(*office.app.settings.export_config.split("/"), document)
    monkeypatch.setenv("SEGMENT_STORAGE", storage_at(office, silent_port))
    seconds = account.HURRIED_SECONDS / 3
    monkeypatch.setattr(account, "HURRIED_SECONDS", seconds)
    requests = []
    send = HurriedTransport.send
    monkeypatch.setattr(HurriedTransport, "send", lambda *a, **k: timed(requests, lambda: send(*a, **k)))
    found = checks(typed, 1)
    assert found["segments account"]["message"] == "Storage did not answer for the blob service's settings."
    assert "SEGMENT_STORAGE: it lets calls hang" in found["segments account"]["fix"]
    assert found["snapshots"]["message"].startswith("Snapshots and schedules were not checked, since the storage of")
    assert {f"export {each['id']}, {name}" for each in office.exports for name in ("last run", "ledger")} <= set(found)
    waited = [took for took in requests if took > 0.9 * seconds]
    assert len(waited) == 2, "the first call and its retry"
    assert len(requests) > 20


def timed(taken, act):
    began = time.monotonic()
    try:
        return act()
    finally:
        taken.append(time.monotonic() - began)


@pytest.mark.parametrize(("container", "state"), [("staged", "FAILED"), ("rejected-rows", "FAILED"), ("kept", "ok")])
def test_configuration_among_blobs_that_are_deleted_after_a_time_is_a_fault(make_flow, container, state):
    location = f"{container}/exports.json"
    flow = make_flow(EXPORT_CONFIG=location)
    flow.app.storage.app_blobs.write(
        *location.split("/"), json.dumps({"connections": flow.connections, "exports": flow.exports}).encode()
    )
    read, found = configuration(flow.app.settings, flow.app.storage)
    assert (len(read.exports), found.state, container in found.message) == (1, state, True)
