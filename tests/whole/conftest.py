"""Storage and a Brevo sandbox for the tests that start whole processes."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from local.app_storage import make_app_storage
from local.azurite import Azurite
from local.brevo_sandbox import BrevoSandbox, SandboxSettings
from local.core_tools import CoreToolsHost
from local.functions_host import FunctionsHost
from tests.known_account import make_known
from tests.whole.started import Started

FOLDER = "CustomerInsights_abcd1234/BlobExport"


@pytest.fixture(scope="module")
def azurite(azurite: Azurite) -> Azurite:
    """The worker process's emulator, emptied for each file: no host meets what another file's tests have left."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        for container in blobs.list_containers():
            blobs.delete_container(container.name)
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        for queue in queues.list_queues():
            queues.delete_queue(queue.name)
    with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
        for table in tables.list_tables():
            tables.delete_table(table.name)
    make_app_storage(azurite.connection_string)
    make_known(azurite.connection_string)
    return azurite


@pytest.fixture(scope="session")
def functions_host(request: pytest.FixtureRequest) -> Callable[..., FunctionsHost]:
    """Makes a functions host: our stand-in, or Azure's own with `--core-tools`."""
    return _core_tools if request.config.getoption("--core-tools") else FunctionsHost


def _core_tools(**options: Any) -> FunctionsHost:
    if "queue_lease_seconds" in options:
        pytest.skip("waits for the end of a message's lease, which on the real host is 600 s")
    return CoreToolsHost(**options)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def run(*arguments: str, **environment: str) -> Started:
        started.append(Started(tmp_path, *arguments, **environment))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.process.terminate()
            each.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[BrevoSandbox]:
    with BrevoSandbox(SandboxSettings.quick()) as running:
        yield running


@pytest.fixture(scope="module")
def upload(azurite: Azurite) -> Callable[..., None]:
    """Puts a segment file, or any other one, into a container."""

    def put(
        container: str, segment: str, data: bytes | str, ending: str = "_1.csv", refresh: str = "2026/11/24/0500"
    ) -> None:
        client = ContainerClient.from_connection_string(azurite.connection_string, container)
        with contextlib.suppress(ResourceExistsError):
            client.create_container()
        name = f"{FOLDER}/{segment}/{refresh}/{segment}{ending}" if segment else f"{FOLDER}/{ending}"
        client.upload_blob(name, data, overwrite=True)

    return put


@pytest.fixture(scope="module")
def write_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a configuration with one connection; each export is given by its id and what differs."""

    def write(**exports: dict[str, Any]) -> Path:
        document = {
            "connections": [
                {
                    "id": "brevo-eu",
                    "display_name": "Brevo",
                    "api_key": {"setting": "BREVO_API_KEY"},
                    "consent": {"agreed_by": "admin", "agreed_on": "2026-11-01"},
                    # Asking takes ten seconds of a run; `make serve` and its tests do it.
                    "leavers": "not_asked",
                }
            ],
            "exports": [
                {
                    "id": name.replace("_", "-"),
                    "display_name": name,
                    "connection": "brevo-eu",
                    "list_id": 12,
                    "source": {"container": f"segments-{name.replace('_', '-')}", "folder": FOLDER},
                    "segments": ["Gold"],
                    "mapping": {"email": "EMail", "first_name": "FirstName"},
                    "default_country": "RO",
                    **changes,
                }
                for name, changes in exports.items()
            ],
        }
        path = tmp_path_factory.mktemp("config") / "exports.json"
        path.write_text(json.dumps(document))
        return path

    return write


@pytest.fixture(scope="module", autouse=True)
def _queues_are_looked_at_often() -> Iterator[None]:
    """A host looks at an idle queue every two seconds, as host.json says; here more often: each step waits for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AzureFunctionsJobHost__extensions__queues__maxPollingInterval", "00:00:00.3")
        yield


@pytest.fixture(scope="session", autouse=True)
def _forked_hosts(forked: list[str]) -> None:
    """Hosts of this folder's tests are forked."""
