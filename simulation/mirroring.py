"""Which histories have lists that follow their segments, and what goes wrong with these."""

import random

from simulation.faults import BrevoFault, CallFault, CallKind, Fault

_SHARE = 0.25
_AT_REMOVALS = ("429", "503", "reset", "500-after", "524-after", "reset-after", "garbled")
_AT_LEDGERS = ("ledgers write", "ledgers delete", "ledgers listing", "ledgers read", "runs replace", "events put")


def mirroring(seed: int) -> tuple[bool, tuple[Fault, ...]]:
    """Whether a history is such a one, and its faults; by a chance of its own, so that others stay as they are."""
    chance = random.Random(seed + 0.75)
    if chance.random() >= _SHARE:
        return False, ()
    found: list[Fault] = []
    if chance.random() < 0.5:
        found.append(BrevoFault(chance.choice(_AT_REMOVALS), "remove", chance.randint(1, 2)))
    if chance.random() < 0.5:
        kinds: tuple[CallKind, ...] = ("dies", "dies-after", "error", "echo", "lost")
        found.append(CallFault(chance.choice(kinds), chance.choice(_AT_LEDGERS), chance.randint(1, 8)))
    if chance.random() < 0.3:
        found.append(BrevoFault("403", "remove", chance.randint(1, 2)))
    return True, tuple(found)
