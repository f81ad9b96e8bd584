"""Which histories deliver by file, and what goes wrong with these."""

import random
from dataclasses import replace

from simulation.faults import BrevoFault, Fault
from simulation.plan import Plan

# Those before it, with the seeds that are kept, stay as they were.
BY_FILE_FROM = 5_000_001


def by_file(plan: Plan, seed: int) -> Plan:
    """The plan of a history that delivers by file: Brevo may refuse a file, or not be able to fetch it."""
    chance = random.Random(seed + 0.125)
    found: list[Fault] = []
    if chance.random() < 0.4:
        found.append(BrevoFault("file-unreachable", "imports", chance.randint(1, 3)))
    if chance.random() < 0.15:
        found.append(BrevoFault("400", "import", chance.randint(1, 2)))
    return replace(plan, by_file=True, faults=(*plan.faults, *found))
