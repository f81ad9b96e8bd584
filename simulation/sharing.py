"""Which histories have two exports on one list: who leaves the segment of the one may be in that of the other."""

import random
from dataclasses import replace

from simulation.faults import BrevoFault, CallFault, CallKind, Fault
from simulation.plan import Action, Plan

# Those before it, with the seeds that are kept, stay as they were.
SHARING_FROM = 8_000_001
_EXPORTS = 2
_MOVERS = range(1, 5)
_AT_REMOVALS = ("ledgers read", "ledgers listing", "ledgers write", "runs replace")


def sharing(plan: Plan, seed: int) -> Plan:
    """The plan of a history whose exports have one list; both are refreshed again a few times, at about one time."""
    chance = random.Random(seed + 0.375)
    actions: list[Action] = []
    for _ in range(chance.randint(1, 3)):
        at = chance.uniform(20.0, max(plan.trouble_seconds, 120.0))
        apart = chance.choice((0.5, 8.0, 40.0))
        times = [round(at + chance.uniform(0.0, apart), 3) for _ in range(_EXPORTS)]
        actions += [Action("refresh", time, export) for export, time in enumerate(times)]
    faults: list[Fault] = []
    if chance.random() < 0.5:
        kind: CallKind = chance.choice(("hangs", "hangs-after", "freezes"))
        seconds = chance.choice((5.0, 12.0, 25.0, 45.0, 130.0))
        faults.append(CallFault(kind, chance.choice(_AT_REMOVALS), chance.randint(1, 40), seconds))
    # Long enough for the other export to send somebody meanwhile.
    slow = [BrevoFault("slow", "remove", number, chance.choice((5.0, 12.0, 25.0))) for number in range(1, 9)]
    faults += [each for each in slow if chance.random() < 0.4]
    return replace(
        plan,
        exports=_EXPORTS,
        mirrors=True,
        one_list=True,
        actions=tuple(sorted((*plan.actions, *actions), key=lambda each: each.at)),
        faults=(*plan.faults, *faults),
    )


def movers(export: int, refresh: int) -> tuple[str, ...]:
    """The addresses of those who are in this refresh of the export, and not in the same one of the other."""
    return tuple(f"m{each}@people.example" for each in _MOVERS if (each + refresh + export) % 2 == 0)


def is_mover(email: str) -> bool:
    """True for one of those: two exports write their values, in no order."""
    return email.startswith("m")


MOVERS_IN_A_REFRESH = len(_MOVERS) // 2


def is_of(email: str, export: str) -> bool:
    """True for one who is in this export's refreshes alone."""
    return email.partition("@")[0].endswith(f".{export.removeprefix('gold')}")
