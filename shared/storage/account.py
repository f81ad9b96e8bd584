"""The app's storage, opened from its settings."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from shared.settings import Settings, StorageAccount
from shared.storage.blobs import CHUNK_BYTES, Blobs
from shared.storage.clock import Clock
from shared.storage.failures import APP_SETTING, SEGMENT_SETTING, storage_failures
from shared.storage.queue import Queue
from shared.storage.tables import Table

# A worker rides out a restart of storage.
RETRIES = {"retry_total": 5, "retry_backoff_factor": 0.4, "connection_timeout": 5, "read_timeout": 60}
# For somebody who waits for an answer: one retry, and then none for a while (hurried.py), so that a command's calls do
# not add up. The longest case is a blob of which only the first bytes come, which the SDK reads three times: 11 s. A
# terminal and an HTTP call are promised an answer within 15 s.
HURRIED_SECONDS = 3
# So much is read of a connection at once: by its default of 4 KB the SDK takes twice the time for a large blob.
_READ_BYTES = 1024 * 1024

QUEUE = "run-steps"
# Of its own: an instance takes one message of a queue at a time, and a receiver that hangs must keep no step waiting.
NOTICES = "notices"
# The host's own name for where it puts what it has given up.
POISON_QUEUE = f"{QUEUE}-poison"


class _Service(Protocol):
    def __init__(self, account_url: str, credential: Any, **options: Any) -> None: ...

    @classmethod
    def from_connection_string(cls, conn_str: str, **options: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Storage:
    """Everything that a run keeps, and where its segments are."""

    app_blobs: Blobs
    segment_blobs: Blobs
    runs: Table
    batches: Table
    events: Table
    accounts: Table
    requests: Table
    audit: Table
    notices: Table
    queue: Queue
    notice_queue: Queue
    poison: Queue
    clock: Clock
    is_hurried: bool = False


def open_storage(settings: Settings, *, hurried: bool = False) -> Storage:
    """Opens clients only: nothing is asked of storage yet. Raises ConfigurationError for a bad setting.

    `hurried` gives up within seconds on a storage that does not answer, instead of riding out its restart, and for a
    while at once on each service that has not answered.
    """
    # Imported here so that the terminal's --help does not wait for the SDKs.
    from azure.data.tables import TableServiceClient
    from azure.storage.blob import BlobServiceClient, ExponentialRetry
    from azure.storage.queue import ExponentialRetry as QueueRetry
    from azure.storage.queue import (
        QueueServiceClient,
        TextBase64EncodePolicy,
    )

    clock = Clock()
    app = partial(_open, settings.app_storage, clock)
    queue_retries: dict[str, Any] = {"retry_policy": QueueRetry(1, 2, 4)}
    table_retries: dict[str, Any] = RETRIES
    if hurried:
        queue_retries = {"retry_policy": QueueRetry(0, 1, 1, random_jitter_range=0), **_hurried()}
        table_retries = {"retry_total": 1, **_hurried()}
    tables = app("table", TableServiceClient, table_retries)
    queues = app("queue", QueueServiceClient, queue_retries)

    def queue(name: str) -> Queue:
        return Queue(queues.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy()))

    def blobs(account: StorageAccount, setting: str) -> Blobs:
        # Each account has a retry policy of its own: the SDK links a policy to the rest of one client's pipeline, and a
        # shared one would sign the requests to one account with the credential of the other.
        retries: dict[str, Any] = {"retry_policy": ExponentialRetry(1, 2, 4)}
        if hurried:
            retries = {"retry_policy": ExponentialRetry(0, 1, 1, random_jitter_range=0), **_hurried()}
        sizes = {
            "max_single_get_size": CHUNK_BYTES,
            "max_chunk_get_size": CHUNK_BYTES,
            "connection_data_block_size": _READ_BYTES,
        }
        return Blobs(_open(account, clock, "blob", BlobServiceClient, sizes | retries, setting), setting)

    app_blobs = blobs(settings.app_storage, APP_SETTING)
    same = settings.segment_storage == settings.app_storage
    segment_blobs = app_blobs if same else blobs(settings.segment_storage, SEGMENT_SETTING)
    return Storage(
        app_blobs=app_blobs,
        segment_blobs=segment_blobs,
        runs=Table(tables.get_table_client("runs")),
        batches=Table(tables.get_table_client("batches")),
        events=Table(tables.get_table_client("events")),
        accounts=Table(tables.get_table_client("accounts")),
        requests=Table(tables.get_table_client("requests")),
        audit=Table(tables.get_table_client("audit")),
        notices=Table(tables.get_table_client("notices")),
        queue=queue(QUEUE),
        notice_queue=queue(NOTICES),
        # As it stands there: what was given up may be no Base64 at all.
        poison=Queue(queues.get_queue_client(POISON_QUEUE), is_decoded=False),
        clock=clock,
        is_hurried=hurried,
    )


def _hurried() -> dict[str, Any]:
    """For one client: a service that hangs says nothing of the others."""
    from shared.storage.hurried import HurriedTransport

    return {"transport": HurriedTransport(HURRIED_SECONDS, _READ_BYTES)}


def _open(
    account: StorageAccount,
    clock: Clock,
    kind: str,
    service: type[object],
    options: dict[str, Any],
    setting: str = APP_SETTING,
) -> Any:
    maker = cast("type[_Service]", service)
    options = {**options, "raw_response_hook": clock.learn}
    with storage_failures(f"{kind} storage", setting):
        if account.connection_string:
            return maker.from_connection_string(account.connection_string, **options)
        from azure.identity import DefaultAzureCredential

        return maker(getattr(account, f"{kind}_url"), credential=DefaultAzureCredential(), **options)
