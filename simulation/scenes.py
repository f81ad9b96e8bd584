"""Scenes: what chance alone seldom brings together. A quarter of the histories has one of them on top of its own plan.

They have dice of their own: the rest of a plan, and with it each seed in `seeds.txt`, is what it was without scenes.
"""

import random
from collections.abc import Callable
from dataclasses import replace

from simulation.by_cron import BY_CRON_FROM, by_cron
from simulation.by_file import BY_FILE_FROM, by_file
from simulation.faults import BrevoFault, CallFault, Fault, MessagesLost, ReceiverFault
from simulation.plan import Action, Plan, make_plan
from simulation.sharing import SHARING_FROM, sharing

_SHARE, _REPEATED_SHARE, _LATE_SHARE = 0.25, 0.05, 0.05
Scene = tuple[tuple[Action, ...], tuple[Fault, ...]]


def plan_of(seed: int) -> Plan:
    """The plan of this seed, perhaps with a scene in it."""
    plan, chance = make_plan(seed), random.Random(f"scene no. {seed}")
    plan = by_file(plan, seed) if BY_FILE_FROM <= seed < SHARING_FROM else plan
    plan = sharing(plan, seed) if SHARING_FROM <= seed < BY_CRON_FROM else plan
    plan = by_cron(plan, seed) if seed >= BY_CRON_FROM else plan
    if chance.random() < _SHARE:
        plan = _with(plan, chance.choice(_SCENES)(chance))
    chance = random.Random(f"repetition no. {seed}")
    plan = _with(plan, _repeated_start(chance)) if chance.random() < _REPEATED_SHARE else plan
    chance = random.Random(f"approval no. {seed}")
    return _with(plan, _late_approval(chance)) if chance.random() < _LATE_SHARE else plan


def _with(plan: Plan, scene: Scene) -> Plan:
    actions, faults = scene
    actions = tuple(sorted((*plan.actions, *actions), key=lambda each: each.at))
    return replace(plan, actions=actions, faults=(*plan.faults, *faults))


def _cancelled_post(chance: random.Random) -> Scene:
    """A person cancels while the first batch goes out, which may be slow, or lose its worker before it is noted."""
    seconds = round(chance.uniform(0.0, chance.choice((0.3, 0.6, 1.5))), 3)
    kind = chance.choice(("", "", "slow", "slow", "dies"))
    faults: dict[str, tuple[Fault, ...]] = {
        "slow": (BrevoFault("slow", "import", 1, chance.choice((5.0, 30.0, 90.0))),),
        "dies": (CallFault("dies", "batches replace", 2),),
        "": (),
    }
    return (Action("cancel", seconds, when="delivering"),), faults[kind]


def _stale_poll(chance: random.Random) -> Scene:
    """An import fails, and the worker that has read so stands still before it writes that down."""
    still = CallFault("hangs", "batches replace", chance.randint(3, 6), chance.choice((300.0, 400.0)))
    return (), (BrevoFault("import-failed", "imports", 1), still)


def _death_behind_an_end(chance: random.Random) -> Scene:
    """A run fails for want of a snapshot, and its worker dies while it clears up behind it."""
    death = CallFault("dies", chance.choice(("staged listing", "accounts query", "events put")), chance.randint(1, 2))
    return (Action("start", 0.01),), (death,)


def _refused_notice(chance: random.Random) -> Scene:
    """A run fails for want of a snapshot, and the receivers of its notice refuse it at first."""
    faults = [ReceiverFault(chance.choice(("lost", "lost", "503", "reset")), number) for number in (1, 2)]
    return (Action("start", 0.01),), tuple(faults)


def _stale_staging(chance: random.Random) -> Scene:
    """A worker stands still in the midst of staging; meanwhile another one takes over, or a person cancels."""
    name = chance.choice(("staged write", "staged write", "batches put", "batches put+put", "runs replace"))
    still = CallFault("freezes", name, chance.randint(1, 3), chance.choice((45.0, 130.0, 300.0, 400.0)))
    cancelled = (Action("cancel", round(chance.uniform(0.0, 5.0), 3), when="staging"),)
    return cancelled if chance.random() < 0.5 else (), (still,)


def _left_import(chance: random.Random) -> Scene:
    """A run is cancelled while its import takes long at Brevo, and the next snapshot comes."""
    slow = BrevoFault("import-slow", "imports", 1, chance.choice((120.0, 1200.0, 5400.0)))
    cancelled = Action("cancel", round(chance.uniform(0.0, 5.0), 3), when="confirming")
    return (cancelled, Action("refresh", round(chance.uniform(5.0, 60.0), 3), when="confirming")), (slow,)


def _repeated_start(chance: random.Random) -> Scene:
    """A start breaks off between its two writes, is repeated just when a sweep comes by, and its messages are lost."""
    lost = MessagesLost(round(chance.uniform(0.5, 4.0), 3), after_repetition=True)
    return (Action("start-again", 0.02, seconds=3600.0),), (CallFault("dies", "runs insert+insert", 1), lost)


def _late_approval(chance: random.Random) -> Scene:
    """Somebody approves a plan when its hour is over, and the message that would have ended it is lost."""
    planned = Action("plan", round(chance.uniform(0.0, 5.0), 3), when="succeeded")
    approved = Action("approve", round(chance.uniform(3595.0, 3850.0), 3), when="held")
    return (planned, approved), (MessagesLost(round(chance.uniform(3400.0, 3700.0), 3), after_repetition=False),)


_SCENES: tuple[Callable[[random.Random], Scene], ...] = (
    _cancelled_post,
    _stale_poll,
    _death_behind_an_end,
    _refused_notice,
    _stale_staging,
    _left_import,
)
