"""Queues in memory, and what all storage in memory rests on: its clock, and the line by which a worker reaches it."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from shared.storage.clock import Clock
from shared.storage.queue import MOST_AT_ONCE, Received


class Line(Protocol):
    """One worker's way to storage."""

    def call[T](self, name: str, act: Callable[[], T]) -> T:
        """What `act` returns, unless something breaks. `name` is the table, queue or container, and what is done."""
        ...


class Ticking(Clock):
    """Storage's own clock."""

    def seconds(self) -> float:
        """The same as `now`, as POSIX seconds."""
        return self.now().timestamp()


class Shared(Protocol):
    """What a queue needs of the account that it belongs to."""

    clock: Ticking
    numbers: Iterator[int]
    every_message: list[str]
    lock: threading.RLock
    is_shared: bool

    def sent(self, messages: "list[Message]", message: "Message") -> None:
        """Called for each message that is sent."""


def locked[T](lock: threading.RLock, act: Callable[[], T]) -> Callable[[], T]:
    """The same, while nobody else has the lock."""

    def alone() -> T:
        with lock:
            return act()

    return alone


@dataclass(eq=False)
class Message:
    """A message as the service keeps it."""

    text: str
    visible_at: float
    number: int
    dequeue_count: int = 0
    inserted_on: None = None
    expires_on: None = None

    @property
    def id(self) -> str:
        """As the service's own."""
        return str(self.number)


class MemoryQueue:
    """As `shared.storage.queue.Queue`."""

    def __init__(self, kept: Shared, line: Line, messages: list[Message]) -> None:
        self._kept, self._line, self._messages = kept, line, messages

    def send(self, text: str, delay_seconds: float = 0) -> None:
        def act() -> None:
            # Whole seconds, rounded up, as the real one sends them.
            at = self._kept.clock.seconds() + math.ceil(max(delay_seconds, 0))
            message = Message(text, at, next(self._kept.numbers))
            self._messages.append(message)
            self._kept.every_message.append(text)
            self._kept.sent(self._messages, message)

        self._call("send", act)

    def receive(self, visible_again_seconds: int) -> Received | None:
        return next(iter(self._received(1, visible_again_seconds)), None)

    def receive_some(self, visible_again_seconds: int) -> list[Received]:
        return self._received(MOST_AT_ONCE, visible_again_seconds)

    def _received(self, most: int, visible_again_seconds: int) -> list[Received]:
        def act() -> list[Received]:
            now = self._kept.clock.seconds()
            messages: list[Any] = self._visible()[:most]
            for message in messages:
                message.visible_at = now + visible_again_seconds
                message.dequeue_count += 1
            return [Received(message.text, message.dequeue_count, message) for message in messages]

        return self._call("receive", act)

    def delete(self, received: Received) -> None:
        def act() -> None:
            if self._is_still(received):
                message: Any = received.message
                self._messages.remove(message)

        self._call("delete", act)

    def release(self, received: Received) -> None:
        def act() -> None:
            if self._is_still(received):
                message: Any = received.message
                message.visible_at = self._kept.clock.seconds()

        self._call("release", act)

    def count(self) -> int:
        return self._call("count", lambda: len(self._messages))

    def clear(self) -> None:
        self._call("clear", self._messages.clear)

    def probe(self) -> bool:
        return self._call("probe", lambda: True)

    def peek(self) -> list[Received]:
        def act() -> list[Received]:
            visible: list[Any] = self._visible()[:MOST_AT_ONCE]
            return [Received(message.text, message.dequeue_count, message) for message in visible]

        return self._call("peek", act)

    def _call[T](self, what: str, act: Callable[[], T]) -> T:
        kept = self._kept
        return self._line.call(f"queue {what}", locked(kept.lock, act) if kept.is_shared else act)

    def _visible(self) -> list[Message]:
        now = self._kept.clock.seconds()
        due = [message for message in self._messages if message.visible_at <= now]
        return sorted(due, key=lambda message: (message.visible_at, message.number))

    def _is_still(self, received: Received) -> bool:
        """Whether nobody has taken the message since."""
        message: Any = received.message
        return message in self._messages and message.dequeue_count == received.dequeue_count
