"""The containers, queues and tables of the app's own storage, made on this machine as a deployment makes them.

The list is the deployment's own, infra/app/storage.bicep: the functions host never makes a queue that it polls.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

_BICEP = Path(__file__).resolve().parents[1] / "infra" / "app" / "storage.bicep"


def names_of(kind: str) -> tuple[str, ...]:
    """The names in one list of the deployment: `containers`, `queues` or `tables`.

    Containers that a parameter names, such as the deployment package's, are left out. Raises: ValueError.
    """
    text = _BICEP.read_text(encoding="utf-8")
    listed = re.search(rf"^var {kind} = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    names = tuple(re.findall(r"^ *'([\w-]+)'$", listed[1], re.MULTILINE)) if listed else ()
    if not names:
        raise ValueError(f"{_BICEP} has no list `var {kind}` of names, one a line: correct it, or how it is read here")
    return names


def make_app_storage(connection: str) -> None:
    """Make what is missing of them. Raises: AzureError, ValueError."""
    with BlobServiceClient.from_connection_string(connection) as blobs:
        for name in names_of("containers"):
            with suppress(ResourceExistsError):
                blobs.create_container(name)
    with QueueServiceClient.from_connection_string(connection) as queues:
        for name in names_of("queues"):
            with suppress(ResourceExistsError):
                queues.create_queue(name)
    with TableServiceClient.from_connection_string(connection) as tables:
        for name in names_of("tables"):
            tables.create_table_if_not_exists(name)
