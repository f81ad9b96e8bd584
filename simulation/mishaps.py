"""What goes wrong in a history: which kinds of fault it has, how many of each, and when."""

import random
from collections.abc import Callable

from simulation.faults import (
    BrevoFault,
    CallFault,
    Fault,
    Freeze,
    KeyRefused,
    MessageFault,
    MessageKind,
    MessagesLost,
    Outage,
    ReceiverFault,
    Restart,
    StartBreaksOff,
)

# Calls that decide something, which a fault meets more often than chance alone would let it.
_DECIDING = (
    "runs replace",
    "runs put",
    "runs insert+insert+replace",
    "runs insert+insert+insert",
    "runs insert+insert",
    "runs replace+delete",
    "runs replace+delete+put",
    "runs insert",
    "runs delete",
    "batches replace",
    "batches put+put",
    "batches query",
    "accounts insert",
    "accounts replace",
    "accounts delete",
    "queue send",
    "notices insert",
    "notices replace",
    "staged write",
    "staged delete",
    "events put",
    "app-config read",
)


def _point(chance: random.Random) -> tuple[str, int]:
    if chance.random() < 0.5:
        return chance.choice(_DECIDING), 1 + int(chance.expovariate(0.3))
    return "", chance.randint(1, 350)


def _call(chance: random.Random, workers: int, trouble: float) -> Fault:
    return CallFault(chance.choice(("error", "lost", "echo", "echo")), *_point(chance))


def _death(chance: random.Random, workers: int, trouble: float) -> Fault:
    return CallFault(chance.choice(("dies", "dies-after")), *_point(chance))


def _hang(chance: random.Random, workers: int, trouble: float) -> Fault:
    seconds = chance.choice((3.0, 25.0, 45.0, 130.0, 400.0))
    return CallFault(chance.choice(("hangs", "hangs-after", "freezes")), *_point(chance), seconds)


# Where a worker is in the middle of staging or posting. One that stands still there comes back to a run that has moved.
_MIDDLE = ("runs replace", "staged write", "batches put", "batches put+put", "batches put+put+put", "staged read")


def _still(chance: random.Random, workers: int, trouble: float) -> Fault:
    number = 1 + int(chance.expovariate(0.7))
    return CallFault("freezes", chance.choice(_MIDDLE), number, chance.choice((25.0, 45.0, 130.0, 300.0, 400.0)))


def _freeze(chance: random.Random, workers: int, trouble: float) -> Fault:
    at = round(chance.uniform(0, min(trouble, 120)), 3)
    return Freeze(chance.randrange(workers), at, chance.choice((10.0, 30.0, 60.0, 300.0, 700.0)))


def _restart(chance: random.Random, workers: int, trouble: float) -> Fault:
    return Restart(chance.randrange(workers), round(chance.uniform(0, min(trouble, 300)), 3))


_SERVICES = (("tables",), ("queues",), ("blobs",), ("tables", "queues", "blobs"))


def _outage(chance: random.Random, workers: int, trouble: float) -> Fault:
    services = chance.choice(_SERVICES)
    seconds = chance.choice((5.0, 17.0, 40.0, 150.0, 400.0, 900.0))
    return Outage(services, round(chance.uniform(0, min(trouble, 60)), 3), seconds)


def _message(chance: random.Random, workers: int, trouble: float) -> Fault:
    kinds: tuple[MessageKind, ...] = ("doubled", "doubled", "delayed")
    kind = chance.choice(kinds)
    seconds = chance.choice((0.05, 0.1, 1.0, 30.0)) if kind == "doubled" else chance.choice((3.0, 30.0, 400.0))
    return MessageFault(kind, chance.randint(1, 20), seconds)


def _brevo(chance: random.Random, workers: int, trouble: float) -> Fault:
    kinds = ("429", "503", "reset", "500-after", "524-after", "reset-after", "garbled", "slow", "slow-after")
    kind = chance.choice(kinds)
    seconds = chance.choice((5.0, 30.0, 90.0)) if kind.startswith("slow") else 0.0
    return BrevoFault(kind, chance.choice(("import", "import", "processes", "check")), chance.randint(1, 6), seconds)


def _import(chance: random.Random, workers: int, trouble: float) -> Fault:
    kind = chance.choice(("import-failed", "import-cancelled", "import-slow", "import-slow", "report-broken"))
    seconds = chance.choice((120.0, 120.0, 1200.0, 1200.0, 5400.0, 30_000.0)) if kind == "import-slow" else 0.0
    return BrevoFault(kind, "imports", chance.randint(1, 5), seconds)


def _lost(chance: random.Random, workers: int, trouble: float) -> Fault:
    return MessagesLost(round(chance.uniform(0, min(trouble, 120)), 3), after_repetition=False)


def _call_back(chance: random.Random, workers: int, trouble: float) -> Fault:
    kind = chance.choice(("call-back-lost", "call-back-late", "call-back-twice"))
    return BrevoFault(kind, "call-back", chance.randint(1, 4), chance.choice((10.0, 120.0)))


def _key(chance: random.Random, workers: int, trouble: float) -> Fault:
    return KeyRefused(round(chance.uniform(0, min(trouble, 120)), 3), chance.choice((5.0, 50.0, 90.0, 400.0)))


def _receiver(chance: random.Random, workers: int, trouble: float) -> Fault:
    return ReceiverFault(chance.choice(("503", "reset", "lost", "410")), chance.randint(1, 3))


Maker = Callable[[random.Random, int, float], Fault]
_KINDS: tuple[tuple[Maker, float, int], ...] = (
    (_call, 0.35, 4),
    (_death, 0.35, 3),
    (_hang, 0.3, 3),
    (_still, 0.2, 1),
    (_freeze, 0.15, 2),
    (_restart, 0.15, 1),
    (_outage, 0.25, 1),
    (_message, 0.3, 3),
    (_brevo, 0.3, 3),
    (_import, 0.3, 2),
    (_call_back, 0.15, 2),
    (_key, 0.08, 1),
    (_receiver, 0.15, 2),
    (_lost, 0.06, 1),
)


def around_repetition(chance: random.Random) -> tuple[Fault, ...]:
    """Where a start is repeated, the first one often breaks off, and the second one's messages are often lost."""
    found: list[Fault] = []
    if chance.random() < 0.7:
        found.append(StartBreaksOff(round(chance.uniform(0.0, 0.2), 3)))
    if chance.random() < 0.7:
        found.append(MessagesLost(round(chance.uniform(0.1, 10.0), 3), after_repetition=True))
    return tuple(found)


def mishaps(chance: random.Random, workers: int, trouble: float) -> tuple[Fault, ...]:
    """Some of each kind that this history has, within its first `trouble` seconds."""
    found: list[Fault] = []
    for make, share, most in _KINDS:
        if chance.random() < share:
            found += [make(chance, workers, trouble) for _ in range(chance.randint(1, most))]
    return tuple(found)
