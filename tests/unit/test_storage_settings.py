"""Where storage is, by each kind of setting that Azure Functions knows for a connection without a key."""

from itertools import islice
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from shared.access import terminal_caller
from shared.config.store import DocumentStore
from shared.errors import ConfigurationError
from shared.operating.doctor import examine
from shared.settings import is_local_file, read_settings
from shared.storage.account import open_storage

ROOT = Path(__file__).parents[2]
OPERATOR = terminal_caller("operator")
URIS = {
    f"AzureWebJobsStorage__{service}ServiceUri": f"https://stapp.{service}.core.usgovcloudapi.net/"
    for service in ("blob", "queue", "table")
}


def addresses(environment):
    storage = open_storage(read_settings(environment))
    return {
        "blob": storage.app_blobs._service.url,
        "segments": storage.segment_blobs._service.url,
        "queue": storage.queue._client.url.removesuffix("/run-steps"),
        "table": storage.runs._client.url,
    }


def test_account_name_stands_for_the_public_cloud():
    found = addresses({"AzureWebJobsStorage__accountName": "stapp", "SEGMENT_STORAGE__accountName": "stsegments"})
    assert found == {
        "blob": "https://stapp.blob.core.windows.net/",
        "segments": "https://stsegments.blob.core.windows.net/",
        "queue": "https://stapp.queue.core.windows.net",
        "table": "https://stapp.table.core.windows.net",
    }


def test_addresses_of_the_services_are_taken_as_they_are():
    segments = {"SEGMENT_STORAGE__blobServiceUri": "https://segments.contoso.com"}
    found = addresses(URIS | segments)
    assert found == {
        "blob": "https://stapp.blob.core.usgovcloudapi.net/",
        "segments": "https://segments.contoso.com/",
        "queue": "https://stapp.queue.core.usgovcloudapi.net",
        "table": "https://stapp.table.core.usgovcloudapi.net",
    }


def test_account_name_fills_in_for_an_address_that_is_not_set():
    environment = {
        "AzureWebJobsStorage__accountName": "stapp",
        "AzureWebJobsStorage__blobServiceUri": "https://files.contoso.com",
    }
    assert addresses(environment)["blob"] == "https://files.contoso.com/"
    assert addresses(environment)["queue"] == "https://stapp.queue.core.windows.net"


def test_connection_string_wins_over_the_parts_of_another_connection():
    found = read_settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true", **URIS})
    assert "127.0.0.1" in found.app_storage.connection_string


@pytest.mark.parametrize("missing", URIS)
def test_address_that_is_missing_is_named_instead_of_the_emulator_being_used(missing):
    with pytest.raises(ConfigurationError) as failure:
        read_settings({name: value for name, value in URIS.items() if name != missing})
    assert failure.value.message == f"The setting {missing} is not set."


@pytest.mark.parametrize(
    "environment",
    [
        {"AzureWebJobsStorage__credential": "managedidentity", "AzureWebJobsStorage__clientId": "1"},
        {"AzureWebJobsStorage__serviceUri": "https://stapp.blob.core.windows.net"},
        {**URIS, "SEGMENT_STORAGE__serviceUri": "https://segments.contoso.com"},
        {**URIS, "SEGMENT_STORAGE__queueServiceUri": "https://segments.contoso.com"},
    ],
    ids=["credential only", "another name", "another name for segments", "no blobs for segments"],
)
def test_settings_that_name_no_address_never_lead_to_the_emulator(environment):
    with pytest.raises(ConfigurationError) as failure:
        read_settings(environment)
    assert "__blobServiceUri is not set" in failure.value.message
    assert "__accountName" in failure.value.advice


@pytest.mark.parametrize("address", ["stapp.blob.core.windows.net", "http://stapp.blob.core.windows.net", "https://"])
def test_address_that_is_none_is_refused_by_its_setting(address):
    with pytest.raises(ConfigurationError) as failure:
        read_settings({**URIS, "AzureWebJobsStorage__blobServiceUri": address})
    assert failure.value.code == "setting_invalid"
    assert "AzureWebJobsStorage__blobServiceUri" in failure.value.message


def test_doctor_judges_the_parts_of_a_connection_together(monkeypatch):
    monkeypatch.delenv("AzureWebJobsStorage", raising=False)
    monkeypatch.setenv("AzureWebJobsStorage__accountName", "stapp")
    monkeypatch.setenv("AzureWebJobsStorage__credential", "managedidentity")
    _version, settings = islice(examine(OPERATOR), 2)
    assert (settings.check, settings.state) == ("settings", "ok")
    monkeypatch.delenv("AzureWebJobsStorage__accountName")
    _version, first, *others = examine(OPERATOR)
    assert (first.check, first.state) == ("setting AzureWebJobsStorage", "FAILED")
    assert "__blobServiceUri is not set" in first.message
    assert not [finding for finding in others if finding.check.startswith(("container ", "queue ", "table "))]


@pytest.mark.parametrize(
    "address",
    [
        "http://api.brevo.com/v3",
        "http://127.0.0.1.example.com",
        "http://10.0.0.4:8080",
        "ftp://localhost",
        "api.brevo.com",
        "https://",
        "https://[",
        "DefaultEndpointsProtocol=https;AccountKey=c2VjcmV0",
    ],
)
@pytest.mark.parametrize("setting", ["BREVO_BASE_URL", "PUBLIC_URL"])
def test_key_never_goes_unencrypted_to_another_machine_nor_does_the_token_of_a_call_back(setting, address):
    with pytest.raises(ConfigurationError, match=rf"The setting {setting} is not an address") as raised:
        read_settings({setting: address})
    assert "c2VjcmV0" not in str(raised.value)


@pytest.mark.parametrize(
    "address", ["https://api.brevo.com/v3", "http://127.0.0.1:8321/v3/", "http://localhost:1", "http://[::1]:1"]
)
def test_brevo_is_asked_by_https_or_on_this_machine_and_asks_so_itself(address):
    assert read_settings({"BREVO_BASE_URL": address}).brevo_base_url == address.rstrip("/")
    assert read_settings({"PUBLIC_URL": address}).public_url == address.rstrip("/")


def test_keys_of_storage_are_in_no_words_that_settings_have_for_themselves():
    string = "AccountName=crm;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"  # pragma: allowlist secret
    settings = read_settings({"AzureWebJobsStorage": string, "SEGMENT_STORAGE": string})
    assert "c2VjcmV0" not in f"{settings} {settings!r}"


BY_IDENTITY = {"AzureWebJobsStorage__accountName": "stapp"}
STRING = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


@pytest.mark.parametrize(
    ("location", "environment", "is_file"),
    [
        ("config/exports.json", {}, True),
        ("config/exports.json", STRING, True),
        ("config/exports.json", STRING | BY_IDENTITY, True),
        ("config/exports.json", BY_IDENTITY, False),
        ("config/exports.json", URIS, False),
        ("./config/exports.json", BY_IDENTITY, True),
        ("{folder}/config/exports.json", BY_IDENTITY, True),
        ("exports.json", BY_IDENTITY, True),
        ("config/others.json", {}, False),
    ],
)
def test_container_and_blob_is_a_local_path_only_beside_storage_of_this_machine(
    location, environment, is_file, tmp_path, monkeypatch
):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/exports.json").write_text("{}")
    (tmp_path / "exports.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert is_local_file(location.format(folder=tmp_path), environment) is is_file


def test_terminal_against_azure_does_not_take_the_sample_in_its_folder_for_the_apps_configuration(monkeypatch):
    """Its folder is this repository's, as the guide to the deployment has it."""
    blobs = MagicMock()
    blobs.read_new.return_value = b'{"connections": [], "exports": []}', "etag"
    monkeypatch.delenv("AzureWebJobsStorage", raising=False)
    monkeypatch.setenv("AzureWebJobsStorage__accountName", "stapp")
    monkeypatch.chdir(ROOT)
    read = DocumentStore("config/exports.json", blobs, MagicMock()).read_bytes()
    assert read == b'{"connections": [], "exports": []}'
