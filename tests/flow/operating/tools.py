"""What the tests of the operator's tools share."""

import contextlib
import json

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from shared.access import Caller
from shared.runs.answers import LEAVERS
from shared.staging.rejected import REJECTED

ADMINISTRATOR = Caller("function key", "administrator")
HEAD = "CustomerId,EMail,FirstName\n"
ANA = "ana.pop@example.com"


def poison_queue(office):
    return QueueClient.from_connection_string(office.connection_string, "run-steps-poison")


def give_up(office, *contents):
    """Puts messages into the poison queue, as they stand there."""
    with contextlib.suppress(ResourceExistsError):
        poison_queue(office).create_queue()
    for content in contents:
        poison_queue(office).send_message(content)


def checks(typed, status):
    """What doctor found, by what it looked at."""
    found_status, output, _ = typed("doctor", "--json")
    found = json.loads(output)
    assert (found_status, found["healthy"]) == (status, status == 0), output
    return {each["check"]: each for each in found["checks"]}


def everything_stored(office, segments=False):
    """All blobs, rows and messages as one text; the segments only where asked for."""
    storage = office.app.storage
    parts = []
    containers = ["staged", REJECTED, LEAVERS, office.app.settings.export_config.split("/")[0]]
    for container in [*containers, *([office.container] if segments else [])]:
        parts += [
            storage.app_blobs.read(container, blob.name) for blob in storage.app_blobs.listing_if_there(container, "")
        ]
    for name in ("runs", "batches", "events", "accounts", "requests", "audit"):
        parts += [repr((row.partition, row.key, dict(row.values))).encode() for row in getattr(storage, name).rows()]
    parts += [message.text.encode() for message in storage.queue.peek()]
    return b"\n".join(parts).lower()
