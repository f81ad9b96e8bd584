"""The queue that carries a run from step to step."""

import base64
import math
from contextlib import suppress
from dataclasses import dataclass

from azure.storage.queue import QueueClient, QueueMessage

from shared.storage.failures import Conflict, NotFound, storage_failures

_LONGEST_DELAY_SECONDS = 7 * 24 * 3600 - 60
# The most that one request gives. https://learn.microsoft.com/rest/api/storageservices/get-messages
MOST_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Received:
    """A message taken from the queue; it comes back after its time unless deleted."""

    text: str
    dequeue_count: int
    message: QueueMessage


class Queue:
    """One queue, made when first missed. Every call raises as `storage_failures` says.

    Its messages are in Base64, as the host wants them, and what is read `is_decoded`. What is no text in Base64 is read
    as it stands: it is none of ours, and who reads it says so.
    """

    def __init__(self, client: QueueClient, *, is_decoded: bool = True) -> None:
        self._client = client
        self._is_decoded = is_decoded
        self._what = f"queue {client.queue_name}"

    def _received(self, message: QueueMessage) -> Received:
        text = message.content
        if self._is_decoded:
            with suppress(ValueError):
                text = base64.b64decode(text, validate=True).decode()
        return Received(text, message.dequeue_count or 0, message)

    def send(self, text: str, delay_seconds: float = 0) -> None:
        """Sends a message that becomes visible after the delay and never expires before it is taken."""
        # The service takes whole seconds: rounded down, a wait of half a second would be none at all.
        delay = math.ceil(min(max(delay_seconds, 0), _LONGEST_DELAY_SECONDS))
        try:
            with storage_failures(self._what):
                self._client.send_message(text, visibility_timeout=delay, time_to_live=-1)
        except NotFound:
            self._create()
            with storage_failures(self._what):
                self._client.send_message(text, visibility_timeout=delay, time_to_live=-1)

    def receive(self, visible_again_seconds: int) -> Received | None:
        """The next message, hidden from others for that long, or None."""
        try:
            with storage_failures(self._what):
                message = self._client.receive_message(visibility_timeout=visible_again_seconds)
        except NotFound:
            return None
        if message is None:
            return None
        return self._received(message)

    def receive_some(self, visible_again_seconds: int) -> list[Received]:
        """The next messages, at most MOST_AT_ONCE, as `receive` gives one."""
        try:
            with storage_failures(self._what):
                found = self._client.receive_messages(
                    visibility_timeout=visible_again_seconds, messages_per_page=MOST_AT_ONCE, max_messages=MOST_AT_ONCE
                )
                return [self._received(message) for message in found]
        except NotFound:
            return []

    def delete(self, received: Received) -> None:
        """Deletes a message that is done with; one that somebody else has taken since is left."""
        try:
            with storage_failures(self._what):
                self._client.delete_message(received.message)
        except (NotFound, Conflict):
            return

    def release(self, received: Received) -> None:
        """Gives a message back at once; one that somebody else has taken since is left."""
        try:
            with storage_failures(self._what):
                # Not the message itself: its text would be written again, encoded once more.
                self._client.update_message(received.message.id, received.message.pop_receipt, visibility_timeout=0)
        except (NotFound, Conflict):
            return

    def count(self) -> int:
        """About how many messages there are, those that are taken or delayed included."""
        try:
            with storage_failures(self._what):
                return int(self._client.get_queue_properties().approximate_message_count or 0)
        except NotFound:
            return 0

    def peek(self) -> list[Received]:
        """The next messages, at most MOST_AT_ONCE, as they lie there: nobody is kept from taking them."""
        try:
            with storage_failures(self._what):
                found = self._client.peek_messages(MOST_AT_ONCE)
                return [self._received(message) for message in found]
        except NotFound:
            return []

    def clear(self) -> None:
        """Deletes every message, also those that somebody has taken and that no peek shows."""
        with suppress(NotFound), storage_failures(self._what):
            self._client.clear_messages()

    def probe(self) -> bool:
        """Sends a message and takes it back; False where the queue is not there yet.

        No worker sees it, even if this is cut off half-way: it is hidden until a moment before it expires.
        """
        try:
            with storage_failures(self._what):
                sent = self._client.send_message("probe", visibility_timeout=59, time_to_live=60)
                self._client.delete_message(sent)
        except NotFound:
            return False
        return True

    def _create(self) -> None:
        try:
            with storage_failures(self._what):
                self._client.create_queue()
        except Conflict:
            return
