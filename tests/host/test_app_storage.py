"""This machine's set-up makes in storage what a deployment makes, from the deployment's own list."""

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local import app_storage
from local.app_storage import make_app_storage, names_of
from local.azurite import Azurite


def test_queues_are_those_that_the_app_listens_to():
    assert set(names_of("queues")) == {"run-steps", "run-steps-poison", "notices", "notices-poison"}
    # The configuration's container is a parameter: it follows EXPORT_CONFIG, and saving a configuration makes it.
    assert set(names_of("containers")) == {"staged", "rejected-rows", "leavers", "ledgers", "undo"}


def test_everything_listed_is_made_and_made_once():
    with Azurite(in_memory=True) as storage:
        make_app_storage(storage.connection_string)
        make_app_storage(storage.connection_string)
        found = {
            "containers": BlobServiceClient.from_connection_string(storage.connection_string).list_containers(),
            "queues": QueueServiceClient.from_connection_string(storage.connection_string).list_queues(),
            "tables": TableServiceClient.from_connection_string(storage.connection_string).list_tables(),
        }
        for kind, made in found.items():
            assert {each.name for each in made} == set(names_of(kind))


def test_list_that_cannot_be_read_says_where(tmp_path, monkeypatch):
    monkeypatch.setattr(app_storage, "_BICEP", tmp_path / "storage.bicep")
    (tmp_path / "storage.bicep").write_text("var queues = union(a, b)\n")
    with pytest.raises(ValueError, match=r"storage\.bicep has no list `var queues`"):
        names_of("queues")
