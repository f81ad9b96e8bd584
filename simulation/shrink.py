"""Makes a failing plan smaller, as long as it violates the same invariant."""

from collections.abc import Iterator
from dataclasses import replace

from simulation.faults import Latency
from simulation.history import play
from simulation.plan import Plan

# What is dropped changes the order of all that follows, so each smaller plan is tried in several orders.
_ORDERS = 12
_MOST_HISTORIES = 3000
_PLAIN = Latency(0.002, 0.03, 0.0, 0.0)


def shrink(plan: Plan, name: str) -> Plan:
    """The smallest plan found that violates the invariant of this name. To be called with the parts replaced."""
    left = _MOST_HISTORIES
    smaller: Plan | None = plan
    while smaller is not None:
        plan, smaller = smaller, None
        for candidate in _smaller(plan):
            for order in range(_ORDERS):
                left -= 1
                tried = replace(candidate, schedule=plan.schedule + order)
                violation = play(tried).violation
                if violation is not None and violation.name == name:
                    smaller = tried
                    break
            if smaller is not None or left <= 0:
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    for faults in _without_one(plan.faults):
        yield replace(plan, faults=faults)
    for actions in _without_one(plan.actions):
        yield replace(plan, actions=actions)
    yield from (new for new in _simpler(plan) if new != plan)


def _without_one[T](items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    if len(items) > 3:
        half = len(items) // 2
        yield items[:half]
        yield items[half:]
    for number in range(len(items)):
        yield items[:number] + items[number + 1 :]


def _simpler(plan: Plan) -> Iterator[Plan]:
    if plan.exports > 1:
        yield replace(plan, exports=1, actions=tuple(replace(each, export=0) for each in plan.actions))
    if plan.workers > 1:
        yield replace(plan, workers=plan.workers - 1)
    if plan.batches > 1:
        yield replace(plan, batches=plan.batches - 1)
    yield replace(plan, doubled_share=0.0)
    yield replace(plan, reorder_share=0.0)
    yield replace(plan, real_staging=False)
    yield replace(plan, with_rejections=False)
    yield replace(plan, with_shared_numbers=False)
    yield replace(plan, call_backs=False)
    yield replace(plan, quiet_seconds=0.0)
    yield replace(plan, slots=1)
    yield replace(plan, clock_offsets=tuple(0.0 for _ in plan.clock_offsets))
    yield replace(plan, latency=_PLAIN)
    yield replace(plan, import_seconds=(0.2, 3.0))
