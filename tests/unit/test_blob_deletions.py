"""Blobs are deleted many at a time; what storage answers for each of them counts."""

from types import SimpleNamespace

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from shared.errors import ConfigurationError, TransientError
from shared.settings import AZURITE
from shared.storage.blobs import Blobs


@pytest.fixture
def answers(monkeypatch):
    """The status of the answer for each blob of the next request."""
    statuses: list[int] = []
    monkeypatch.setattr(ContainerClient, "list_blob_names", lambda self, **_: ["x/a"] * len(statuses))
    monkeypatch.setattr(
        ContainerClient,
        "delete_blobs",
        lambda self, *names, **_: [SimpleNamespace(status_code=each, reason="", headers={}) for each in statuses],
    )
    return statuses


@pytest.fixture
def blobs():
    return Blobs(BlobServiceClient.from_connection_string(AZURITE))


def test_blob_that_is_gone_already_is_no_fault(blobs, answers):
    answers += [202, 404, 202]
    blobs.delete_below("staged", "x/")


@pytest.mark.parametrize(("status", "error"), [(503, TransientError), (403, ConfigurationError)])
def test_one_blob_that_is_not_deleted_is_an_error(blobs, answers, status, error):
    answers += [202, status, 202]
    with pytest.raises(error):
        blobs.delete_below("staged", "x/")


def test_blobs_that_storage_holds_fast_keep_no_others_from_going_and_are_not_counted(blobs, answers):
    answers += [202, 409, 404]
    assert blobs.delete_all("staged", ["x/a", "x/b", "x/c"]) == 2
