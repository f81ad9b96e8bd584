"""Queue triggers: take messages, keep them while their function runs, then delete or give them back.

The rules are those of the real listener. Source: QueueProcessor in
https://github.com/Azure/azure-sdk-for-net/tree/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Queues
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import ExponentialRetry, QueueClient, QueueMessage

from local.functions_host.rpc import TypedData
from local.functions_host.runtime import Call, Function, Outcome, Runtime
from local.functions_host.settings import Environment, QueueSettings, connection_string, resolve

_log = logging.getLogger("local.functions_host.queues")
_SHORTEST_POLL_SECONDS = 0.1
_POISON_TIME_TO_LIVE = -1


@dataclass(frozen=True)
class Limits:
    """How long things take. Units: seconds; no `function_timeout_seconds` means no limit."""

    lease_seconds: float = 60
    function_timeout_seconds: float | None = 1800


def queue_client(connection: str, name: str) -> QueueClient:
    """Make a client that fails within seconds, so that a listener survives a storage restart."""
    return QueueClient.from_connection_string(
        connection,
        name,
        retry_policy=ExponentialRetry(initial_backoff=0, increment_base=1, retry_total=2, random_jitter_range=0),
        connection_timeout=2,
        read_timeout=10,
    )


def message_call(body: str) -> Call:
    """What a queue function is handed when it is run without a message."""
    now = datetime.now(UTC)
    metadata = {
        "QueueTrigger": TypedData(string=body),
        "Id": TypedData(string=str(uuid.uuid4())),
        "DequeueCount": TypedData(json="1"),
        "InsertionTime": TypedData(json=json.dumps(now.isoformat())),
        "ExpirationTime": TypedData(json=json.dumps((now + timedelta(days=7)).isoformat())),
    }
    return Call(TypedData(string=body), "This function was programmatically called.", metadata)


class QueueListener:
    """Feeds one function from its queue."""

    def __init__(
        self,
        function: Function,
        runtime: Runtime,
        settings: QueueSettings,
        limits: Limits,
        environment: Environment,
        on_timeout: Callable[[], None],
    ) -> None:
        self._function = function
        self._runtime = runtime
        self._settings = settings
        self._limits = limits
        self._on_timeout = on_timeout
        self.queue_name = resolve(str(function.trigger["queueName"]), environment).lower()
        connection = connection_string(function.trigger.get("connection"), environment)
        self._queue = queue_client(connection, self.queue_name)
        self._poison: QueueClient | None = None
        if not self.queue_name.endswith("-poison"):
            self._poison = queue_client(connection, f"{self.queue_name}-poison")
        most_running = settings.batch_size + settings.new_batch_threshold
        self._handlers = ThreadPoolExecutor(most_running, thread_name_prefix=self.queue_name)
        self._running: set[Future[None]] = set()
        self._stopping = threading.Event()
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=f"poll {self.queue_name}", daemon=True)

    def start(self) -> None:
        """Begin to take messages."""
        self._thread.start()

    def stop_taking(self) -> None:
        """Take no more messages; those taken go on."""
        self._stopping.set()

    def abandon(self) -> None:
        """Give every running message back as failed: this process is about to end."""
        self._stopping.set()
        self._abandoned.set()

    def is_idle(self) -> bool:
        """Tell whether no message is being worked on."""
        return all(handled.done() for handled in tuple(self._running))

    def _poll(self) -> None:
        pause_seconds = _SHORTEST_POLL_SECONDS
        while not self._stopping.wait(pause_seconds):
            self._running = {future for future in self._running if not future.done()}
            if len(self._running) > self._settings.new_batch_threshold:
                pause_seconds = _SHORTEST_POLL_SECONDS / 4
                continue
            try:
                taken = self._take_batch()
            except AzureError as error:
                _log.warning("queue %s does not answer: %s", self.queue_name, str(error).splitlines()[0])
                taken = 0
            if taken:
                pause_seconds = 0.0
            else:
                pause_seconds = min(
                    max(pause_seconds * 1.5, _SHORTEST_POLL_SECONDS), self._settings.longest_poll_seconds
                )

    def _take_batch(self) -> int:
        try:
            messages = list(
                self._queue.receive_messages(
                    max_messages=self._settings.batch_size,
                    messages_per_page=self._settings.batch_size,
                    visibility_timeout=max(1, round(self._limits.lease_seconds)),
                )
            )
        except ResourceNotFoundError:
            _create(self._queue)
            return 0
        for message in messages:
            self._running.add(self._handlers.submit(self._handle, message))
        return len(messages)

    def _handle(self, message: QueueMessage) -> None:
        try:
            self._process(_Held(self._queue, message, self._limits.lease_seconds))
        except AzureError as error:
            _log.warning("message %s of %s: %s", message.id, self.queue_name, str(error).splitlines()[0])
        except Exception:  # noqa: BLE001 - the thread pool would swallow it
            _log.exception("message %s of %s", message.id, self.queue_name)

    def _process(self, held: _Held) -> None:
        if self._poison is not None and held.dequeue_count > self._settings.max_dequeue_count:
            self._move_to_poison(held, self._poison)
            return
        try:
            body = self._decode(held.content)
        except ValueError:
            _log.error("message %s of %s is not Base64 text", held.message.id, self.queue_name)
            if self._poison is not None:
                self._move_to_poison(held, self._poison)
            return
        outcome = self._run(held, body)
        if outcome is not None and outcome.succeeded:
            held.delete()
        else:
            self._give_back(held)
        if outcome is None and not self._abandoned.is_set():
            self._on_timeout()

    def _run(self, held: _Held, body: str) -> Outcome | None:
        """Run the function and keep the message; None where the function was cut off."""
        reason = f"New queue message detected on '{self.queue_name}'."
        future = self._runtime.start(self._function, Call(TypedData(string=body), reason, held.metadata(body)))
        limit = self._limits.function_timeout_seconds
        deadline = None if limit is None else time.monotonic() + limit
        while not self._abandoned.is_set():
            try:
                return future.result(timeout=0.1)
            except TimeoutError:
                held.renew_when_due()
            if deadline is not None and time.monotonic() > deadline:
                _log.error("Timeout value of %gs exceeded by function 'Functions.%s'", limit, self._function.name)
                return None
        return None

    def _give_back(self, held: _Held) -> None:
        if self._poison is None:
            return  # As the real listener: what fails on a poison queue stays invisible until its lease ends.
        if held.dequeue_count >= self._settings.max_dequeue_count:
            self._move_to_poison(held, self._poison)
        else:
            held.release(self._settings.visibility_timeout_seconds)

    def _move_to_poison(self, held: _Held, poison: QueueClient) -> None:
        _log.warning(
            "Message has reached MaxDequeueCount of %d. Moving message to queue '%s'.",
            self._settings.max_dequeue_count,
            poison.queue_name,
        )
        try:
            poison.send_message(held.content, time_to_live=_POISON_TIME_TO_LIVE)
        except ResourceNotFoundError:
            _create(poison)
            poison.send_message(held.content, time_to_live=_POISON_TIME_TO_LIVE)
        held.delete()

    def _decode(self, content: str) -> str:
        if not self._settings.base64:
            return content
        try:
            return base64.b64decode(content, validate=True).decode("utf-8")
        except binascii.Error as error:
            raise ValueError(str(error)) from error


class _Held:
    """A message taken from a queue, with the receipt that its latest renewal gave."""

    def __init__(self, queue: QueueClient, message: QueueMessage, lease_seconds: float) -> None:
        self.message = message
        self.content = str(message.content)
        self.dequeue_count = int(message.dequeue_count or 0)
        self._queue = queue
        self._receipt = message.pop_receipt
        self._lease_seconds = max(1, round(lease_seconds))
        self._renew_at = time.monotonic() + self._lease_seconds / 2
        self._lost = False

    def renew_when_due(self) -> None:
        """Make the message invisible for another lease at half time; a lost one is logged and let go."""
        if self._lost or time.monotonic() < self._renew_at:
            return
        self._renew_at = time.monotonic() + self._lease_seconds / 2
        try:
            self._update(self._lease_seconds)
        except ResourceNotFoundError:
            self._lost = True
            _log.warning("message %s is no longer ours: it may run twice", self.message.id)
        except AzureError as error:
            self._renew_at = time.monotonic() + self._lease_seconds / 10
            _log.warning("message %s was not renewed: %s", self.message.id, str(error).splitlines()[0])

    def release(self, after_seconds: float) -> None:
        """Make the message visible again after a while."""
        self._update(round(after_seconds))

    def delete(self) -> None:
        """Take the message off the queue."""
        self._queue.delete_message(self.message.id, self._receipt)

    def metadata(self, body: str) -> dict[str, TypedData]:
        """The trigger metadata that the real host sends along."""
        moments = {
            "ExpirationTime": self.message.expires_on,
            "InsertionTime": self.message.inserted_on,
            "NextVisibleTime": self.message.next_visible_on,
        }
        return {
            "QueueTrigger": TypedData(string=body),
            "Id": TypedData(string=self.message.id),
            "PopReceipt": TypedData(string=self._receipt),
            "DequeueCount": TypedData(json=json.dumps(self.dequeue_count)),
            **{name: TypedData(json=json.dumps(moment.isoformat())) for name, moment in moments.items() if moment},
        }

    def _update(self, visibility_timeout_seconds: int) -> None:
        renewed = self._queue.update_message(
            self.message.id, self._receipt, visibility_timeout=visibility_timeout_seconds
        )
        self._receipt = renewed.pop_receipt


def _create(queue: QueueClient) -> None:
    try:
        queue.create_queue()
    except ResourceExistsError:
        return
