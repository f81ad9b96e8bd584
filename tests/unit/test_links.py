"""Links to blobs, by each way in which storage is opened. That they open one blob alone: tests/flow/test_by_file.py."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient, UserDelegationKey

from shared.errors import ConfigurationError
from shared.storage.blobs import Blobs

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT = "https://shop.blob.core.windows.net"


class Identity:
    def get_token(self, *_scopes, **_options):
        return AccessToken("token", 0)


def signed(link):
    parts = urlsplit(link)
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_link_of_an_identity_is_signed_by_a_key_that_storage_gives_for_that_time(monkeypatch):
    asked = []

    def key(_service, start, end):
        asked.append((start, end))
        given = UserDelegationKey()
        given.signed_oid = given.signed_tid = "0a"
        given.signed_start = given.signed_expiry = "2026-11-24T12:00:00Z"
        given.signed_service, given.signed_version, given.value = "b", "2026-02-06", "a2V5"
        return given

    monkeypatch.setattr(BlobServiceClient, "get_user_delegation_key", key)
    blobs = Blobs(BlobServiceClient(ACCOUNT, credential=Identity()))
    path, values = signed(blobs.link("staged", "run/1/00001.json", NOW, 6))
    assert path == "/staged/run/1/00001.json"
    assert (values["sp"], values["sr"], values["spr"], values["se"]) == ("r", "b", "https", "2026-11-24T18:00:00Z")
    assert values["skoid"] == "0a"
    [(start, end)] = asked
    assert start < NOW < end == NOW + timedelta(hours=6)


def test_link_of_an_identity_is_asked_for_no_longer_than_storage_gives_a_key(monkeypatch):
    spans = []

    def key(_service, start, end):
        spans.append(end - start)
        raise ConfigurationError("stop", "", "")

    monkeypatch.setattr(BlobServiceClient, "get_user_delegation_key", key)
    with pytest.raises(ConfigurationError):
        Blobs(BlobServiceClient(ACCOUNT, credential=Identity())).link("staged", "x.json", NOW, 200)
    assert spans == [timedelta(days=7)]


def test_account_key_signs_a_link_that_needs_encryption():
    blobs = Blobs(BlobServiceClient(ACCOUNT, credential={"account_name": "shop", "account_key": "a2V5"}))
    _, values = signed(blobs.link("staged", "run/1/00001.json", NOW, 1.5))
    assert (values["sp"], values["sr"], values["spr"], values["se"]) == ("r", "b", "https", "2026-11-24T13:30:00Z")


def test_storage_that_is_opened_by_a_signature_cannot_sign_another_one():
    blobs = Blobs(BlobServiceClient(f"{ACCOUNT}?sv=2024&sig=x"))
    with pytest.raises(ConfigurationError, match="cannot sign a link") as error:
        blobs.link("staged", "x.json", NOW, 1)
    assert "sig=x" not in str(error.value)
