"""From a seed to the plan of a history: how large the world is, what people do in it, and what goes wrong."""

import random
from dataclasses import dataclass
from typing import Literal

from simulation.faults import BrevoFault, Fault, Freeze, KeyRefused, Latency, Outage
from simulation.mirroring import mirroring
from simulation.mishaps import around_repetition, mishaps

ActionKind = Literal["refresh", "start", "start-again", "plan", "approve", "cancel", "save", "typo", "webhook", "leave"]

# One history in so many stages its files with the real code.
REAL_STAGING_EVERY = 250


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody does, `at` seconds after the beginning, or after a run of the export is first in the state `when`.

    `refresh`: Customer Insights writes a new snapshot · `start`: a person starts the export · `start-again`: a program
    does, under an id of its own, and again `seconds` later, just when the timer ticks · `webhook`: a program says that
    the segment was refreshed · `plan`: a person plans the export · `approve`: a person approves what it holds ·
    `cancel`: a person cancels its run · `save`: a person changes the export's name ·
    `typo`: somebody uploads a configuration that cannot be read, and corrects it after `seconds` · `leave`: a member
    leaves the export's list.
    """

    kind: ActionKind
    at: float
    export: int = 0
    seconds: float = 0.0
    when: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a history. The same plan is always played in the same way."""

    schedule: int
    workers: int
    exports: int
    batches: int
    slots: int
    call_backs: bool
    with_rejections: bool
    quiet_seconds: float
    real_staging: bool
    latency: Latency
    import_seconds: tuple[float, float]
    clock_offsets: tuple[float, ...]
    reorder_share: float
    doubled_share: float
    trouble_seconds: float
    actions: tuple[Action, ...]
    faults: tuple[Fault, ...]
    with_shared_numbers: bool = False
    asks_leavers: bool = False
    mirrors: bool = False
    by_file: bool = False
    one_list: bool = False
    cron: str = ""
    large_refreshes: tuple[bool, ...] = ()
    """Which refreshes a guard holds, over and over in this order; empty: none."""

    def list_of(self, export: int) -> int:
        """The number of the export's list."""
        return 12 if self.one_list else 12 + export

    def is_large(self, refresh: int) -> bool:
        """True for a refresh that has more people than the export lets through unseen."""
        return bool(self.large_refreshes) and self.large_refreshes[refresh % len(self.large_refreshes)]

    @property
    def calm_after(self) -> float:
        """When nobody does anything any more and nothing goes wrong: seconds after the beginning."""
        lasting = (Outage, KeyRefused, Freeze)
        ends = [each.at + each.seconds for each in self.faults if isinstance(each, lasting)]
        ends += [each.at + each.seconds for each in self.actions]
        return max(self.trouble_seconds, *ends, 0.0)


def make_plan(seed: int) -> Plan:
    """The plan of this seed. Each history has its own mix of faults, so that some have many of one kind."""
    chance = random.Random(seed)
    workers, exports = chance.choice((2, 2, 3, 4)), chance.choice((1, 1, 1, 2))
    trouble = chance.choice((60.0, 240.0, 900.0, 2400.0))
    real = seed % REAL_STAGING_EVERY == 0
    actions = _actions(chance, exports, trouble)
    # By a chance of its own, so that the histories of before stay as they are.
    leaving = random.Random(seed + 0.5)
    asks_leavers = leaving.random() < 0.3
    leaves = _leaves(leaving, exports, trouble) if asks_leavers else ()
    holding = random.Random(seed + 0.25)
    holds = holding.random() < 0.25
    decisions = _decisions(holding, exports, trouble) if holds else ()
    mirrors, removing = mirroring(seed)
    failing = (BrevoFault("export-failed", "exports", 1),) if asks_leavers and leaving.random() < 0.2 else ()
    return Plan(
        schedule=chance.getrandbits(32),
        workers=workers,
        exports=exports,
        batches=chance.choice((1, 2, 2, 3)),
        slots=chance.choice((1, 1, 2)),
        call_backs=chance.random() < 0.5,
        with_rejections=chance.random() < 0.3,
        quiet_seconds=chance.choice((0.0, 0.0, 30.0)),
        real_staging=real,
        latency=chance.choice(_LATENCIES),
        import_seconds=chance.choice(((0.2, 3.0), (0.2, 3.0), (0.2, 3.0), (5.0, 60.0), (5.0, 60.0), (60.0, 900.0))),
        clock_offsets=tuple(round(chance.uniform(-2, 2), 3) if chance.random() < 0.5 else 0.0 for _ in range(workers)),
        reorder_share=chance.choice((0.0, 0.3)),
        doubled_share=chance.choice((0.0, 0.0, 0.2, 0.6)),
        trouble_seconds=trouble,
        actions=tuple(sorted((*actions, *leaves, *decisions), key=lambda each: each.at)),
        faults=(*mishaps(chance, workers, trouble), *_around(chance, actions), *failing, *removing),
        with_shared_numbers=chance.random() < 0.25,
        asks_leavers=asks_leavers,
        mirrors=mirrors,
        large_refreshes=tuple(holding.random() < 0.6 for _ in range(3)) if holds else (),
    )


_LATENCIES = (
    Latency(0.002, 0.03, 0.0, 0.0),
    Latency(0.002, 0.03, 0.05, 1.0),
    Latency(0.005, 0.3, 0.02, 5.0),
    Latency(0.01, 0.05, 0.01, 30.0),
)

_STATES = ("queued", "staging", "delivering", "confirming", "confirming")

_DOINGS: tuple[tuple[ActionKind, float, int], ...] = (
    ("refresh", 0.5, 3),
    ("start", 0.3, 2),
    ("start-again", 0.04, 1),
    ("cancel", 0.3, 2),
    ("save", 0.1, 1),
    ("typo", 0.08, 1),
    ("webhook", 0.1, 1),
)


def _around(chance: random.Random, actions: tuple[Action, ...]) -> tuple[Fault, ...]:
    return around_repetition(chance) if any(each.kind == "start-again" for each in actions) else ()


def _actions(chance: random.Random, exports: int, trouble: float) -> tuple[Action, ...]:
    found = _refreshes(chance, exports, chance.uniform(0, 20))
    for kind, share, most in _DOINGS:
        if chance.random() < share:
            for _ in range(chance.randint(1, most)):
                found += _doings(chance, exports, trouble, kind)
    return tuple(sorted(found, key=lambda each: each.at))


def _doings(chance: random.Random, exports: int, trouble: float, kind: ActionKind) -> list[Action]:
    at = round(chance.uniform(0, trouble if chance.random() < 0.6 else 60), 3)
    if kind == "refresh" and exports > 1 and chance.random() < 0.3:
        return _refreshes(chance, exports, at)
    state = ""
    if kind in ("cancel", "refresh") and chance.random() < 0.5:
        state, at = chance.choice(_STATES), round(chance.uniform(0, chance.choice((0.2, 1.0, 5.0))), 3)
    seconds = {"typo": chance.choice((5.0, 60.0, 400.0)), "start-again": 3600.0}.get(kind, 0.0)
    return [Action(kind, at, chance.randrange(exports), seconds, state)]


def _refreshes(chance: random.Random, exports: int, at: float) -> list[Action]:
    """Customer Insights refreshes all segments, mostly at once."""
    apart = chance.choice((0.0, 0.5, 0.5, 15.0))
    return [Action("refresh", round(at + chance.uniform(0, apart), 3), export) for export in range(exports)]


def _leaves(chance: random.Random, exports: int, trouble: float) -> tuple[Action, ...]:
    """Some leave at any time, and some just before the export runs again: then another refresh comes, or a start."""
    found = []
    for _ in range(chance.randint(1, 4)):
        at = round(chance.uniform(10, max(trouble, 120)), 3)
        export = chance.randrange(exports)
        found.append(Action("leave", at, export))
        if chance.random() < 0.6:
            kind: ActionKind = chance.choice(("refresh", "start"))
            found.append(Action(kind, round(at + chance.uniform(0, 60), 3), export))
    return tuple(found)


def _decisions(chance: random.Random, exports: int, trouble: float) -> tuple[Action, ...]:
    """People plan, and decide on what is held: at once, after a while, or about when its hour is over."""
    found = []
    for _ in range(chance.randint(1, 4)):
        kind: ActionKind = chance.choice(("approve", "approve", "approve", "cancel", "refresh", "start", "leave"))
        at = chance.choice((chance.uniform(0, 2), chance.uniform(0, 600), chance.uniform(3590, 3900)))
        found.append(Action(kind, round(at, 3), chance.randrange(exports), when="held"))
    if chance.random() < 0.5:
        found.append(Action("plan", round(chance.uniform(0, max(trouble, 120)), 3), chance.randrange(exports)))
    return tuple(found)
