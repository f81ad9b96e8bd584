"""The clients of the two storage accounts, which may have different credentials."""

import pytest
from urllib3.response import HTTPResponse

from shared.settings import read_settings
from shared.storage.account import open_storage

ENDPOINTS = "BlobEndpoint=http://127.0.0.1:1/{name};QueueEndpoint=http://127.0.0.1:1/{name};TableEndpoint=http://127.0.0.1:1/{name}"


def connection(name):
    return f"AccountName={name};AccountKey=c2VjcmV0;{ENDPOINTS.format(name=name)}"


def test_accounts_share_no_part_of_the_sdks_pipeline():
    """The SDK links each policy to the next of its pipeline: a shared one signs with the other account's key."""
    settings = read_settings({"AzureWebJobsStorage": connection("app"), "SEGMENT_STORAGE": connection("segments")})
    for hurried in (False, True):
        storage = open_storage(settings, hurried=hurried)
        app, segments = (
            {id(policy) for policy in blobs._service._pipeline._impl_policies}
            for blobs in (storage.app_blobs, storage.segment_blobs)
        )
        assert len(app) > 5
        assert not app & segments


@pytest.mark.parametrize("hurried", [False, True])
def test_blob_is_read_in_large_pieces(azurite, monkeypatch, hurried):
    settings = read_settings({"AzureWebJobsStorage": azurite.connection_string})
    blobs = open_storage(settings, hurried=hurried).app_blobs
    blobs.write("pieces", "large", bytes(3_000_000))
    sizes = []
    read = HTTPResponse.read
    monkeypatch.setattr(HTTPResponse, "read", lambda self, amt, **how: sizes.append(amt) or read(self, amt, **how))
    assert len(blobs.read("pieces", "large")) == 3_000_000
    assert len(sizes) < 10
