"""One message of a queue: the client behind it, its text, and its lease while a function works on it.

Source: UpdateQueueMessageVisibilityCommand and QueueProcessor in
https://github.com/Azure/azure-sdk-for-net/tree/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Queues
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import time
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import ExponentialRetry, QueueClient, QueueMessage

from local.functions_host.rpc import TypedData

_log = logging.getLogger("local.functions_host.queues")
_RETRIES = 5
_FIRST_PAUSE_SECONDS = 0.8
_NETWORK_TIMEOUT_SECONDS = 100
# What .NET's FromBase64String leaves out.
_BLANKS = str.maketrans("", "", " \t\r\n")


class _HostsRetry(ExponentialRetry):
    """The pauses of the .NET client, which the real host has: 0.8 s, doubled each time."""

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        return _FIRST_PAUSE_SECONDS * float(2 ** (settings["count"] - 1))


def queue_client(connection: str, name: str) -> QueueClient:
    """Make a client that tries six times: over some 25 s where connections are refused.

    Source: https://learn.microsoft.com/dotnet/api/azure.core.retryoptions (2026-11), and five retries for storage.
    """
    retry = _HostsRetry(
        retry_total=_RETRIES, retry_connect=_RETRIES, retry_read=_RETRIES, retry_status=_RETRIES, random_jitter_range=0
    )
    return QueueClient.from_connection_string(
        connection,
        name,
        retry_policy=retry,
        connection_timeout=_NETWORK_TIMEOUT_SECONDS,
        read_timeout=_NETWORK_TIMEOUT_SECONDS,
    )


def bytes_of(content: str) -> bytes:
    """Decode a message's Base64 as .NET does: blanks and line ends inside are left out. Raises: ValueError."""
    try:
        return base64.b64decode(content.translate(_BLANKS), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


class Held:
    """A message taken from a queue, with the receipt that its latest renewal gave.

    Each call raises AzureError where storage fails. A message that another host has taken since is no failure.
    """

    def __init__(self, queue: QueueClient, message: QueueMessage, lease_seconds: float) -> None:
        self.id = str(message.id)
        self.content = str(message.content or "")
        self.dequeue_count = int(message.dequeue_count or 0)
        self._message = message
        self._queue = queue
        self._receipt = message.pop_receipt
        self._lease_seconds = max(1, round(lease_seconds))
        self._renew_at = time.monotonic() + self._lease_seconds / 2
        self._lost = False

    def renew_when_due(self) -> None:
        """Make the message invisible for another lease at half time."""
        if not self._lost and time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + self._lease_seconds / 2
            self._update(self._lease_seconds)

    def release(self, after_seconds: float) -> None:
        """Make the message visible again after a while."""
        self._update(round(after_seconds))

    def delete(self) -> None:
        """Take the message off the queue."""
        try:
            self._queue.delete_message(self.id, self._receipt)
        except HttpResponseError as error:
            self._let_go(error)

    def metadata(self, body: str) -> dict[str, TypedData]:
        """The trigger metadata that the real host sends along."""
        moments = {
            "ExpirationTime": self._message.expires_on,
            "InsertionTime": self._message.inserted_on,
            "NextVisibleTime": self._message.next_visible_on,
        }
        return {
            "QueueTrigger": TypedData(string=body),
            "Id": TypedData(string=self.id),
            "PopReceipt": TypedData(string=self._receipt),
            "DequeueCount": TypedData(json=json.dumps(self.dequeue_count)),
            **{name: TypedData(json=json.dumps(moment.isoformat())) for name, moment in moments.items() if moment},
        }

    def _update(self, visibility_timeout_seconds: int) -> None:
        try:
            renewed = self._queue.update_message(self.id, self._receipt, visibility_timeout=visibility_timeout_seconds)
        except HttpResponseError as error:
            self._let_go(error)
        else:
            self._receipt = renewed.pop_receipt

    def _let_go(self, error: HttpResponseError) -> None:
        if not isinstance(error, ResourceNotFoundError) and error.error_code != "PopReceiptMismatch":  # type: ignore[attr-defined]
            raise error
        self._lost = True
        _log.warning("message %s was taken by another host: it may run twice", self.id)
