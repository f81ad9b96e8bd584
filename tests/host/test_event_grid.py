"""Event Grid functions take deliveries as on the platform."""

import json

import pytest
from azure.storage.blob import ContainerClient, ContentSettings

from local.functions_host.http_messages import send
from tests.waiting import wait_until

EVENT = {
    "topic": "/subscriptions/1",
    "subject": "/blobServices/default/containers/segments/blobs/a.csv",
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-11-24T11:00:00.1234567Z",
    "id": "1",
    "data": {"url": "http://127.0.0.1/a.csv"},
    "dataVersion": "",
    "metadataVersion": "1",
}


def event(subject, **data):
    return {**EVENT, "subject": subject, "data": data}


def post(url, kind, body, method="POST", **headers):
    return send(method, url, headers={"aeg-event-type": kind, **headers}, body=json.dumps(body).encode())


def test_subscription_validation_is_answered_with_its_code(toy):
    body = [
        {
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "data": {"validationCode": "512d38b6"},
        }
    ]
    response = post(toy.host.event_grid_url("blob_event"), "SubscriptionValidation", body)
    assert (response.status, json.loads(response.body)) == (200, {"validationResponse": "512d38b6"})


def test_cloud_events_handshake_allows_the_origin(toy):
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    response = send("OPTIONS", toy.host.event_grid_url("cloud_event"), headers=headers)
    assert response.status == 200
    assert ("WebHook-Allowed-Origin", "eventgrid.azure.net") in response.headers


def test_each_event_of_an_array_runs_the_function_once(toy):
    subjects = ["/array/1", "/array/2", "/array/3"]
    response = toy.host.deliver("blob_event", [event(subject, size=1) for subject in subjects])
    assert response.status == 202
    found = [note for note in toy.notes("event") if note["subject"].startswith("/array/")]
    assert sorted(note["subject"] for note in found) == subjects
    assert found[0]["type"] == "Microsoft.Storage.BlobCreated"
    assert found[0]["data"] == {"size": 1}


def test_cloud_event_runs_the_function(toy):
    cloud = {
        "specversion": "1.0",
        "id": "1",
        "source": "/storage",
        "type": "Blob",
        "subject": "c",
        "data": {},
    }
    assert toy.host.deliver("cloud_event", cloud).status == 202
    assert toy.notes("cloud event")[-1] | {"pid": 0} == {
        "kind": "cloud event", "pid": 0, "subject": "c", "type": "Blob", "source": "/storage",
    }  # fmt: skip


def test_one_event_that_fails_makes_the_delivery_500_after_all_others_have_run(toy):
    events = [event("/failing", fail=True), event("/beside/1"), event("/beside/2")]
    assert toy.host.deliver("blob_event", events).status == 500
    assert {note["subject"] for note in toy.notes("event")} >= {"/beside/1", "/beside/2"}


def test_webhook_needs_its_own_key_or_the_master_key(toy):
    address = f"{toy.host.url}/runtime/webhooks/eventgrid?functionName=blob_event"
    assert post(address, "Notification", []).status == 401
    assert post(f"{address}&code=wrong", "Notification", []).status == 401
    assert post(f"{address}&code={toy.host.key}", "Notification", []).status == 403
    assert post(f"{address}&code=the-function-key", "Notification", []).status == 403
    assert post(f"{address}&code=the-master", "Notification", []).status == 202


@pytest.mark.parametrize("kind", ["", "Other"])
def test_what_is_no_delivery_is_400(toy, kind):
    assert post(toy.host.event_grid_url("blob_event"), kind, []).status == 400


@pytest.mark.parametrize("kind", ["Notification", "SubscriptionValidation"])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"text"', b"[5]"])
def test_json_that_cannot_be_read_is_500(toy, kind, body):
    headers = {"aeg-event-type": kind, "Content-Type": "application/json"}
    assert send("POST", toy.host.event_grid_url("blob_event"), headers=headers, body=body).status == 500


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_form_content_type_arrives_empty_and_is_500(toy, content_type):
    answer = post(toy.host.event_grid_url("blob_event"), "Notification", [], **{"Content-Type": content_type})
    assert answer.status == 500


def test_function_is_named_in_its_exact_case(toy):
    assert post(toy.host.event_grid_url("nothing"), "Notification", []).status == 404
    assert post(toy.host.event_grid_url("Blob_event"), "Notification", []).status == 404


def test_path_and_the_parameters_name_may_have_any_case(toy):
    address = f"{toy.host.url}/Runtime/WebHooks/EventGrid/?FUNCTIONNAME=blob_event&Code=the-master"
    assert post(address, "Notification", []).status == 202


@pytest.mark.parametrize(
    ("method", "status"), [("PATCH", 404), ("HEAD", 404), ("OPTIONS", 200), ("POST", 202), ("PUT", 202)]
)
def test_method_decides_whether_the_webhook_is_there(toy, method, status):
    assert post(toy.host.event_grid_url("blob_event"), "Notification", [], method=method).status == status


def test_uploaded_and_changed_blobs_become_events(start_toy, azurite):
    container = ContainerClient.from_connection_string(azurite.connection_string, "watched")
    container.create_container()
    container.upload_blob("old.csv", b"there before")
    toy = start_toy(workers=0, watch_containers=["watched=blob_event"])
    try:
        settings = ContentSettings(content_type="text/csv")
        client = container.upload_blob("folder/new file.csv", b"a,b\n", content_settings=settings)
        [first] = toy.wait_for_notes("event")
        data = first["data"]
        assert first["subject"] == "/blobServices/default/containers/watched/blobs/folder/new file.csv"
        assert first["type"] == "Microsoft.Storage.BlobCreated"
        assert first["topic"].endswith("/providers/Microsoft.Storage/storageAccounts/devstoreaccount1")
        assert data["url"] == client.url
        assert data["eTag"] == client.get_blob_properties().etag.strip('"')
        assert (data["contentLength"], data["contentType"], data["blobType"]) == (4, "text/csv", "BlockBlob")
        container.upload_blob("folder/new file.csv", b"a,b\n1,2\n", overwrite=True)
        second = toy.wait_for_notes("event", 2)[-1]["data"]
        assert second["contentLength"] == 8
        assert second["eTag"] != data["eTag"]
        assert second["sequencer"] > data["sequencer"]
        assert len(toy.notes("event")) == 2
    finally:
        toy.host.stop()


def test_blobs_there_before_become_events_where_asked(start_toy, azurite):
    container = ContainerClient.from_connection_string(azurite.connection_string, "existing")
    container.create_container()
    container.upload_blob("old.csv", b"there before")
    toy = start_toy(workers=0, watch_containers=["existing=blob_event"], arguments=["--watch-existing"])
    try:
        [note] = toy.wait_for_notes("event")
        assert note["subject"].endswith("/blobs/old.csv")
    finally:
        toy.host.stop()


def test_failed_event_of_a_blob_is_delivered_again(start_toy, azurite):
    container = ContainerClient.from_connection_string(azurite.connection_string, "refused")
    container.create_container()
    toy = start_toy(workers=0, watch_containers=["refused=cloud_event"])
    try:
        container.upload_blob("a.csv", b"a")
        wait_until(lambda: toy.host.log_text().count("Executed 'Functions.cloud_event' (Failed") >= 2)
    finally:
        toy.host.stop()
