"""What goes wrong in a history, and when: at a call, for a time, or with a message."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Literal

CallKind = Literal["dies", "dies-after", "error", "lost", "echo", "hangs", "hangs-after", "freezes"]
MessageKind = Literal["doubled", "delayed"]


@dataclass(frozen=True, slots=True)
class CallFault:
    """The `number`-th call of this name breaks (the `number`-th of all where the name is empty).

    `dies`, `dies-after`: the process is gone before or after the call · `error`: the call is not made, and fails ·
    `lost`: it is made, and fails · `echo`: it is made twice, as a client does whose answer was lost · `hangs`,
    `hangs-after`: it takes so many seconds before or after it is made · `freezes`: its whole process stands still for
    so many seconds before it is made.
    """

    kind: CallKind
    name: str
    number: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outage:
    """Services that do not answer from a time on (seconds of the history), for so long."""

    services: tuple[str, ...]
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class MessageFault:
    """The `number`-th message that is sent comes twice, `seconds` apart, or so much later."""

    kind: MessageKind
    number: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """A process does nothing from a time on, for so long, and then goes on as if nothing had been."""

    worker: int
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Restart:
    """A process is stopped in good order: it takes nothing more and has ten seconds for what it is at."""

    worker: int
    at: float


@dataclass(frozen=True, slots=True)
class BrevoFault:
    """What Brevo does at the `number`-th call of this name (`import`, `processes`, `remove`, `check`).

    For calls: `400` (of a file), `403`, `429`, `500`, `503`, `reset`: refused · `500-after`, `524-after`,
    `reset-after`: taken, and the answer lost · `garbled`: taken, the answer is no JSON · `slow`: the answer takes so
    many seconds.
    For imports: `import-failed`, `import-cancelled`, `import-slow` (takes so many seconds), `report-broken`,
    `file-unreachable` (its file cannot be fetched).
    For call-backs: `call-back-lost`, `call-back-late` (by so many seconds), `call-back-twice`.
    """

    kind: str
    name: str
    number: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class KeyRefused:
    """Brevo refuses the key from a time on, for so long."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ReceiverFault:
    """What the `number`-th post to a receiver of notices meets: `503`, `reset`, `lost` (taken, no answer), `410`."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class MessagesLost:
    """All messages of the steps are gone: `at` seconds after the beginning, or after the repetition of a start."""

    at: float
    after_repetition: bool


@dataclass(frozen=True, slots=True)
class StartBreaksOff:
    """The process of the first of two starts under one id dies so many seconds after it has begun."""

    seconds: float


Fault = (
    MessagesLost
    | StartBreaksOff
    | CallFault
    | Outage
    | MessageFault
    | Freeze
    | Restart
    | BrevoFault
    | KeyRefused
    | ReceiverFault
)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls take, in seconds; some of them (`slow_share`) up to `slowest`."""

    least: float
    most: float
    slow_share: float
    slowest: float


class Faults:
    """Counts calls and messages, and says which of them break."""

    def __init__(self, faults: tuple[Fault, ...], latency: Latency, schedule: random.Random, begins: float) -> None:
        self.outages = [each for each in faults if isinstance(each, Outage)]
        self.keys_refused = [each for each in faults if isinstance(each, KeyRefused)]
        self._next, self._begins = schedule.random, begins
        self._latency = latency
        self._calls = {(each.name, each.number): each for each in faults if isinstance(each, CallFault)}
        self._names = {name for name, _ in self._calls}
        self._messages = {each.number: each for each in faults if isinstance(each, MessageFault)}
        self._brevo = {(each.name, each.number): each for each in faults if isinstance(each, BrevoFault)}
        self._receivers = {each.number: each for each in faults if isinstance(each, ReceiverFault)}
        self._counts: Counter[str] = Counter()
        self._calls_made = 0
        self.is_over = False

    def clear(self) -> None:
        """From now on nothing goes wrong any more, so that all can come to its end."""
        self.is_over = True
        self._names = set()
        for each in (self._calls, self._messages, self._brevo, self._receivers):
            each.clear()

    def latency(self) -> float:
        """How long the next call is under way."""
        how = self._latency
        if how.slow_share and self._next() < how.slow_share:
            return how.most + self._next() * (how.slowest - how.most)
        return how.least + self._next() * (how.most - how.least)

    def between(self, least: float, most: float) -> float:
        """A number of seconds."""
        return least + self._next() * (most - least)

    def at_call(self, name: str) -> CallFault | None:
        """What becomes of this call to storage."""
        self._calls_made += 1
        if not self._names:
            return None
        counts = self._counts
        if name in self._names:
            counts[name] += 1
            if (name, counts[name]) in self._calls:
                return self._calls.pop((name, counts[name]))
        return self._calls.pop(("", self._calls_made), None)

    def at_message(self) -> MessageFault | None:
        """What becomes of this message."""
        self._counts["message"] += 1
        return self._messages.get(self._counts["message"])

    def at_brevo(self, name: str) -> BrevoFault | None:
        """What becomes of this call to Brevo, this import, or this call-back."""
        self._counts[f"brevo {name}"] += 1
        return self._brevo.get((name, self._counts[f"brevo {name}"]))

    def at_post(self) -> ReceiverFault | None:
        """What becomes of this post of a notice."""
        self._counts["post"] += 1
        return self._receivers.get(self._counts["post"])

    def is_away(self, service: str, now: float) -> bool:
        """True while this service does not answer."""
        since = now - self._begins
        for each in self.outages:  # noqa: SIM110 - before each call, in half of the time
            if each.at <= since < each.at + each.seconds and service in each.services:
                return True
        return False

    def is_key_refused(self, now: float) -> bool:
        """True while Brevo refuses the key."""
        since = now - self._begins
        return any(each.at <= since < each.at + each.seconds for each in self.keys_refused)
