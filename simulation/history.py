"""Plays one history: from a plan to what came of it."""

import hashlib
import logging
from dataclasses import dataclass

from simulation.clock import BEGINNING
from simulation.faults import Faults
from simulation.invariants import Violation
from simulation.judge import Listener
from simulation.patches import playing
from simulation.plan import Plan
from simulation.rest import AtRest
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a history. `log` has a line for each call and each thing that happened, in order."""

    violation: Violation | None
    log: list[tuple[float, str, str]]
    hours: float

    @property
    def digest(self) -> str:
        """The same for the same log, byte for byte."""
        return hashlib.sha256("\n".join(log_lines(self.log)).encode()).hexdigest()[:16]


def log_lines(log: list[tuple[float, str, str]]) -> list[str]:
    """The log as text, with seconds from the beginning."""
    return [f"{at - BEGINNING:.6f} {who} {what}" for at, who, what in log]


def play(plan: Plan, faults: Faults | None = None) -> Outcome:
    """Plays the plan, or its world with these faults. To be called with the parts replaced (`patches.replaced`)."""
    world = World(plan, faults)
    app_log = logging.getLogger("shared")
    handler = Listener(world.judge)
    before = app_log.level, app_log.propagate
    app_log.addHandler(handler)
    app_log.setLevel(logging.INFO)
    app_log.propagate = False
    try:
        with playing(world):
            world.scheduler.run(BEGINNING + 48 * 3600)
            world.scheduler.on_death = lambda process: None
            world.scheduler.close([each.process for each in world.host.instances])
            if world.judge.violation is None:
                AtRest(world.judge).check()
    finally:
        app_log.removeHandler(handler)
        app_log.level, app_log.propagate = before
    return Outcome(world.judge.violation, world.log, (world.scheduler.now - BEGINNING) / 3600)
