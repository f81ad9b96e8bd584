"""Storage and toy hosts for the tests of the functions host."""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueClient

from local.azurite import Azurite
from local.functions_host import FunctionsHost, queue_messages
from local.functions_host.queues import Alarms, Limits, QueueListener
from local.functions_host.runtime import Function, Outcome
from local.functions_host.settings import QueueSettings
from tests.waiting import wait_until

TOY_APP = Path(__file__).parent / "toy_app"


@dataclass
class Toy:
    """A running toy app, its notes and its queue."""

    host: FunctionsHost
    storage: str
    queue_name: str
    notes_file: Path

    def notes(self, kind: str) -> list[dict[str, Any]]:
        if not self.notes_file.exists():
            return []
        lines = [json.loads(line) for line in self.notes_file.read_text().splitlines()]
        return [line for line in lines if line["kind"] == kind]

    def wait_for_notes(self, kind: str, count: int = 1, **facts: Any) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]] | None:
            notes = [note for note in self.notes(kind) if facts.items() <= note.items()]
            return notes if len(notes) >= count else None

        return wait_until(found, explain=self.host.log_text)

    def queue(self, suffix: str = "") -> QueueClient:
        return QueueClient.from_connection_string(self.storage, self.queue_name + suffix)

    def order(self, **order: Any) -> None:
        self.queue().send_message(base64.b64encode(json.dumps(order).encode()).decode())

    def messages_left(self, suffix: str = "") -> int:
        return self.queue(suffix).get_queue_properties().approximate_message_count


ONE_AT_A_TIME = QueueSettings(
    batch_size=1, new_batch_threshold=0, visibility_timeout_seconds=1, max_dequeue_count=3, longest_poll_seconds=0.3
)


class NotedPauses(threading.Event):
    """A listener's event of its end, for which it waits between two polls. Keeps how long it was to wait each time."""

    def __init__(self, pauses):
        super().__init__()
        self._pauses = pauses

    def wait(self, timeout=None):
        self._pauses.append(timeout)
        return super().wait(timeout)


class Rig:
    """A queue, a function that `work` plays, and one or more listeners. `calls` are those of the function.

    `pauses` are those of the listeners before each poll.
    """

    def __init__(self, storage, work=lambda text: True):
        self.name = f"q-{uuid.uuid4().hex[:12]}"
        self.storage, self.work = storage, work
        self.calls, self.threads, self.storage_errors, self.timeouts = [], [], [], []
        self.listeners, self.pauses = [], []

    def queue(self, suffix=""):
        return QueueClient.from_connection_string(self.storage, self.name + suffix)

    def make(self, suffix=""):
        self.queue(suffix).create_queue()
        return self

    def listen(self, settings=ONE_AT_A_TIME, suffix="", **limits):
        function = Function("work", "1", {"type": "queueTrigger", "queueName": self.name + suffix, "connection": "S"})
        alarms = Alarms(lambda: self.timeouts.append(1), lambda: self.storage_errors.append(time.monotonic()))
        listener = QueueListener(function, self, settings, Limits(**limits), {"S": self.storage}, alarms)
        listener._stopping = NotedPauses(self.pauses)
        self.listeners.append(listener)
        listener.start()
        return listener

    def start(self, function, call):
        """What the runtime does: runs the function once."""
        metadata = {name: each.value for name, each in call.metadata.items()}
        self.calls.append((call.data.value, json.loads(metadata["DequeueCount"]), time.monotonic(), metadata))
        done = Future()

        def run():
            done.set_result(Outcome(self.work(call.data.value) is True))

        threading.Thread(target=run, daemon=True).start()
        return done

    def send(self, text="a", **options):
        return self.queue().send_message(base64.b64encode(text.encode()).decode(), **options)

    def count(self, suffix=""):
        return self.queue(suffix).get_queue_properties().approximate_message_count

    def counts(self):
        return [count for _, count, _, _ in self.calls]


@pytest.fixture
def rig(azurite):
    made = []

    def make(work=lambda text: True, storage=azurite.connection_string):
        made.append(Rig(storage, work))
        return made[-1]

    yield make
    for each in made:
        for listener in each.listeners:
            listener.abandon()


@pytest.fixture
def short_retries(monkeypatch):
    """Six tries within a second instead of 25 s: what follows them is what these tests are about."""
    monkeypatch.setattr(queue_messages, "_FIRST_PAUSE_SECONDS", 0.02)


@pytest.fixture(scope="session")
def start_toy(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Toy]:
    """Make a toy app with a queue of its own; the caller stops its host."""

    def start(environment: dict[str, str] | None = None, storage: Azurite = azurite, **options: Any) -> Toy:
        folder = tmp_path_factory.mktemp("toy")
        queue_name = f"orders-{uuid.uuid4().hex[:12]}"
        settings = {
            "NOTES": str(folder / "notes.jsonl"),
            "TOY_SCHEDULE": "0 0 3 1 1 *",
            "TOY_QUEUE": queue_name,
            "TOY_STORAGE": storage.connection_string,
            "AzureWebJobsStorage": storage.connection_string,
            "AzureFunctionsWebHost__hostid": queue_name,
            **(environment or {}),
        }
        for suffix in ("", "-poison"):  # the host makes no queue
            QueueClient.from_connection_string(storage.connection_string, queue_name + suffix).create_queue()
        host = FunctionsHost(TOY_APP, settings, log_file=folder / "host.log", **options).start()
        return Toy(host, storage.connection_string, queue_name, folder / "notes.jsonl")

    return start


@pytest.fixture(scope="session")
def toy(start_toy: Callable[..., Toy]) -> Iterator[Toy]:
    """One toy host for all tests of a worker process that only call it."""
    toy = start_toy(master_key="the-master", arguments=["--function-key=for_functions=the-function-key"])
    yield toy
    toy.host.stop()


@pytest.fixture(scope="session", autouse=True)
def _forked_hosts(forked: list[str]) -> None:
    """Hosts of this folder's tests are forked."""
