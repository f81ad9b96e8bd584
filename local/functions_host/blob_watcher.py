"""Stands in for Event Grid: sees new and changed blobs and delivers BlobCreated events.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage (2026-11)
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContainerClient, ExponentialRetry

from local.functions_host.http_messages import send

_log = logging.getLogger("local.functions_host.blob_watcher")
_RETRY_SECONDS = (1, 2, 5, 10, 30)


class BlobWatcher:
    """Watches one container. Blobs that are there at the start are announced only where `existing` is set."""

    def __init__(
        self,
        connection: str,
        container: str,
        webhook_urls: Sequence[str],
        *,
        existing: bool = False,
        poll_seconds: float = 0.25,
    ) -> None:
        self._container = ContainerClient.from_connection_string(
            connection,
            container,
            retry_policy=ExponentialRetry(initial_backoff=0, increment_base=2, retry_total=1, random_jitter_range=0),
            connection_timeout=2,
            read_timeout=10,
        )
        self._webhook_urls = webhook_urls
        self._poll_seconds = poll_seconds
        self._seen: dict[str, str] | None = {} if existing else None
        self._sequence = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch {container}", daemon=True)

    def start(self) -> None:
        """Note what is there, then begin to watch: what is uploaded after this call is announced."""
        if self._seen is None:
            self._seen = {}
            for blob in self._list():
                self._seen[str(blob.name)] = str(blob.etag)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopping.set()

    def _watch(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            try:
                for blob in self._list():
                    self._announce_if_new(blob)
            except AzureError as error:
                _log.warning("storage does not answer: %s", str(error).splitlines()[0])

    def _list(self) -> list[BlobProperties]:
        try:
            return list(self._container.list_blobs())
        except ResourceNotFoundError:
            return []

    def _announce_if_new(self, blob: BlobProperties) -> None:
        assert self._seen is not None  # noqa: S101
        name, etag = str(blob.name), str(blob.etag)
        if self._seen.get(name) == etag:
            return
        self._seen[name] = etag
        self._sequence += 1
        event = blob_created_event(
            blob,
            account=str(self._container.account_name),
            container=str(self._container.container_name),
            url=self._container.get_blob_client(name).url,
            sequence=self._sequence,
        )
        for url in self._webhook_urls:
            arguments = (url, json.dumps([event]).encode())
            threading.Thread(target=self._deliver, args=arguments, name=f"deliver {name}", daemon=True).start()

    def _deliver(self, url: str, body: bytes) -> None:
        headers = {"aeg-event-type": "Notification", "Content-Type": "application/json; charset=utf-8"}
        for pause_seconds in (*_RETRY_SECONDS, 0):
            try:
                if send("POST", url, headers=headers, body=body, timeout_seconds=60).status < 300:
                    return
            except (OSError, http.client.HTTPException) as error:
                _log.debug("event was not delivered: %s", error)
            if pause_seconds and self._stopping.wait(pause_seconds):
                return
        _log.error("an event was given up after %d tries", len(_RETRY_SECONDS) + 1)


def blob_created_event(
    blob: BlobProperties, *, account: str, container: str, url: str, sequence: int
) -> dict[str, Any]:
    """Make the event that Azure sends for a blob, in the Event Grid schema."""
    request_id = str(uuid.uuid4())
    return {
        "topic": "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
        f"/providers/Microsoft.Storage/storageAccounts/{account}",
        "subject": f"/blobServices/default/containers/{container}/blobs/{blob.name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": blob.last_modified.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
        "id": str(uuid.uuid4()),
        "data": {
            "api": "PutBlob",
            "clientRequestId": str(uuid.uuid4()),
            "requestId": request_id,
            "eTag": str(blob.etag).strip('"'),
            "contentType": blob.content_settings.content_type or "application/octet-stream",
            "contentLength": blob.size,
            "blobType": str(getattr(blob.blob_type, "value", blob.blob_type)),
            "accessTier": "Default",
            "url": url,
            "sequencer": f"{sequence:032x}",
            "storageDiagnostics": {"batchId": str(uuid.uuid4())},
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }
