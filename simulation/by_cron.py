"""Which histories run by a schedule of their own instead of with each refresh."""

import random
from dataclasses import replace

from simulation.plan import Plan

# Those before it, with the seeds that are kept, stay as they were.
BY_CRON_FROM = 9_000_001


def by_cron(plan: Plan, seed: int) -> Plan:
    """The plan of a history whose exports are due at fixed times, whether anything is new or not."""
    chance = random.Random(seed + 0.625)
    return replace(plan, cron=chance.choice(("*/10 * * * *", "*/20 * * * *", "7-59/25 * * * *")))
