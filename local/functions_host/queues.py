"""Queue triggers: take messages, keep them while their function runs, then delete or give them back.

The rules are those of the real listener. Source: QueueListener and QueueProcessor in
https://github.com/Azure/azure-sdk-for-net/tree/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Queues
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.functions_host.queue_messages import Held, bytes_of, queue_client
from local.functions_host.rpc import TypedData
from local.functions_host.runtime import Call, Function, Outcome, Runtime
from local.functions_host.settings import (
    SHORTEST_POLL_SECONDS,
    Environment,
    QueueSettings,
    connection_string,
    resolve,
)

_log = logging.getLogger("local.functions_host.queues")
_BUSY_POLL_SECONDS = 0.025
_POISON_TIME_TO_LIVE_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Limits:
    """How long things take. Units: seconds; no `function_timeout_seconds` means no limit."""

    lease_seconds: float = 600
    function_timeout_seconds: float | None = 1800


@dataclass(frozen=True)
class Alarms:
    """What to call when the whole instance must end: a function ran too long, or storage failed."""

    on_timeout: Callable[[], None]
    on_storage_error: Callable[[], None]


def next_pause_seconds(pause_seconds: float, longest_seconds: float) -> float:
    """The pause before the next poll of an idle queue: twice as long each time, from 0.1 s to `maxPollingInterval`."""
    return min(max(pause_seconds * 2, SHORTEST_POLL_SECONDS), longest_seconds)


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
        alarms: Alarms,
    ) -> None:
        self._function = function
        self._runtime = runtime
        self._settings = settings
        self._limits = limits
        self._alarms = alarms
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
        pause_seconds = SHORTEST_POLL_SECONDS
        while not self._stopping.wait(pause_seconds):
            self._running = {future for future in self._running if not future.done()}
            if len(self._running) > self._settings.new_batch_threshold:
                pause_seconds = _BUSY_POLL_SECONDS
                continue
            try:
                taken = self._take_batch()
            except Exception as error:  # noqa: BLE001 - the SDK raises more than AzureError at answers of a strange form
                self._stop_the_host(error)
                return
            pause_seconds = 0.0 if taken else next_pause_seconds(pause_seconds, self._settings.longest_poll_seconds)

    def _take_batch(self) -> int:
        """Take what is there and hand it to the function; how many. Raises: what no poll survives."""
        try:
            # One page is one request, as the real listener's: a second that fails would lose the messages of the first.
            pages = self._queue.receive_messages(
                messages_per_page=self._settings.batch_size,
                visibility_timeout=max(1, round(self._limits.lease_seconds)),
            ).by_page()
            messages = list(next(pages, []))
        except ResourceNotFoundError:
            return 0  # Never made here: the real listener goes on polling until somebody makes the queue.
        except HttpResponseError as error:
            if (error.status_code or 0) < 500:
                raise
            _log.warning("queue %s answered %s: polled again", self.queue_name, error.status_code)
            return 0
        for message in messages:
            held = Held(self._queue, message, self._limits.lease_seconds)
            self._running.add(self._handlers.submit(self._handle, held))
        return len(messages)

    def _handle(self, held: Held) -> None:
        try:
            self._process(held)
        except Exception as error:  # noqa: BLE001 - the thread pool would swallow it
            self._stop_the_host(error)

    def _stop_the_host(self, error: Exception) -> None:
        """As the real host: an error of poll, delete, release or renewal ends the instance, with its running steps."""
        words = f"{type(error).__name__}: {error}".splitlines()[0]
        _log.critical(
            "An unhandled exception has occurred. Host is shutting down. Queue %s: %s", self.queue_name, words
        )
        self._alarms.on_storage_error()

    def _process(self, held: Held) -> None:
        if self._poison is not None and held.dequeue_count > self._settings.max_dequeue_count:
            self._move_to_poison(held, self._poison)
            return
        try:
            body = bytes_of(held.content) if self._settings.base64 else held.content.encode()
        except ValueError:
            _log.error("message %s of %s is not Base64 text", held.id, self.queue_name)
            if self._poison is not None:
                self._move_to_poison(held, self._poison)
            return
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            _log.error("message %s of %s is not UTF-8 text: a failed try", held.id, self.queue_name)
            self._give_back(held)
            return
        outcome = self._run(held, text)
        if outcome is not None and outcome.succeeded:
            held.delete()
        else:
            self._give_back(held)
        if outcome is None and not self._abandoned.is_set():
            self._alarms.on_timeout()

    def _run(self, held: Held, body: str) -> Outcome | None:
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

    def _give_back(self, held: Held) -> None:
        if self._poison is None:
            return  # As the real listener: what fails on a poison queue stays invisible until its lease ends.
        if held.dequeue_count >= self._settings.max_dequeue_count:
            self._move_to_poison(held, self._poison)
        else:
            held.release(self._settings.visibility_timeout_seconds)

    def _move_to_poison(self, held: Held, poison: QueueClient) -> None:
        _log.warning(
            "Message has reached MaxDequeueCount of %d. Moving message to queue '%s'.",
            self._settings.max_dequeue_count,
            poison.queue_name,
        )
        try:
            poison.send_message(held.content, time_to_live=_POISON_TIME_TO_LIVE_SECONDS)
        except ResourceNotFoundError:
            _create(poison)
            poison.send_message(held.content, time_to_live=_POISON_TIME_TO_LIVE_SECONDS)
        held.delete()


def _create(queue: QueueClient) -> None:
    try:
        queue.create_queue()
    except ResourceExistsError:
        return
