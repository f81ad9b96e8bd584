"""Instances are lost, host and all, each in the middle of a step; their messages stay hidden for the real lease.

What is measured: who goes on with the run, and when. What is proved: the message that comes back at last, to a run
that has moved on or ended, changes nothing.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf, isfinite
from random import Random
from typing import Any

from local.brevo_sandbox import SandboxSettings
from local.chaos.exports import ExportUnderTest
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import LARGEST_TIME_FACTOR, NO_TIMER, Site
from local.chaos.world import World
from local.sample_people import seeded

STEPS = ("stage", "deliver", "confirm")
NOTICED_SECONDS = 360.0
"""How long after an instance's last sign of life another one must go on with its run, at the latest."""

# The runs of the one account have ended when the lost message comes back, that of the other is still at its imports.
_QUICK, _SLOW = "BREVO_A", "BREVO_B"
_SLOW_IMPORT_SECONDS = 12.0
_SLOW_ROWS = 16_000
# A step that has begun lasts longer than this: the instance dies within it.
_STEP_SECONDS = {"stage": 0.5, "deliver": 0.25, "confirm": 0.1}
# How late a message may be taken on a busy machine after it can be seen.
_SLACK_SECONDS = 8.0


@dataclass(frozen=True)
class _Loss:
    """An instance that was lost: which message it had taken, and when (POSIX seconds)."""

    export: ExportUnderTest
    message: dict[str, Any]
    taken_at: float
    lost_at: float


def lost(world: World, seed: int) -> Report:
    """A run for each step; the instance that takes it is lost, and all ends well without waiting for its message."""
    report = Report("lost", seed)
    rng = seeded(seed, "lost")
    # Imports of a second or two, so that a run has a step to be hit in.
    settings = SandboxSettings.quick(seconds_fixed=1.5)
    options = {"sandbox_settings": settings, "hosts": 2, "workers": 1, "time_factor": LARGEST_TIME_FACTOR}
    options["schedule"] = NO_TIMER  # it would find the runs as well: each run's own watch message has to
    with world.site("lost", accounts={_QUICK: 1, _SLOW: 1}, **options) as site:
        site.accounts[_SLOW].sandbox.change(seconds_fixed=_SLOW_IMPORT_SECONDS)
        hits = [*world.scaled([("stage", _SLOW)], []), *((step, _QUICK) for step in world.scaled(STEPS, STEPS[1:2]))]
        losses = [loss for hit in hits if (loss := _lose_one(world, site, report, rng, seed, *hit))]
        wanted = len(hits)
        few = [] if len(losses) == wanted else [f"only {len(losses)} instances were lost"]
        report.check("each step has lost its instance", few, wanted)
        _judge_late_messages(site, report, losses)
        site.wait_for_ends(240)
        report.check(
            f"each loss is noticed within {NOTICED_SECONDS:.0f} s, by the time factor {LARGEST_TIME_FACTOR}",
            _unnoticed(site, report, losses),
            len(losses),
        )
        judge(site, report, repeats_allowed=len(losses))
    return report


def _lose_one(
    world: World, site: Site, report: Report, rng: Random, seed: int, step: str, account: str
) -> _Loss | None:
    """Starts a run and kills the instance that takes the step."""
    rows = _SLOW_ROWS if account == _SLOW else world.scaled(6_000, 3_000)
    export = site.add_export(account, rows=rows, seed=seed)
    site.start(export)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid, message in site.marks().items():
            if message["step"] != step or not message["run"].startswith(f"{export.id}-"):
                continue
            taken_at = time.time()
            time.sleep(rng.random() * _STEP_SECONDS[step])
            if not site.lose_instance(pid, message):
                continue
            report.done[f"instances lost in {step}"] += 1
            site.say(f"lost: worker {pid} and its host, in step {step} of {message['run']}")
            return _Loss(export, message, taken_at, time.time())
        time.sleep(0.004)
    return None


def _seen(site: Site) -> Iterator[dict[str, Any]]:
    with (site.chaos / "seen.jsonl").open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def _unnoticed(site: Site, report: Report, losses: list[_Loss]) -> Iterator[str]:
    bound = NOTICED_SECONDS / LARGEST_TIME_FACTOR + _SLACK_SECONDS
    seen = list(_seen(site))
    slowest = 0.0
    for loss in losses:
        after = _noticed_at(site, seen, loss) - loss.lost_at
        slowest = max(slowest, after)
        if after > bound:
            yield f"{loss.message['run']}: nobody went on for {after:.0f} s after it was lost in {loss.message['step']}"
    unscaled = slowest * LARGEST_TIME_FACTOR
    report.notes.append(f"the slowest loss was noticed after {slowest:.1f} s: {unscaled:.0f} s without the time factor")


def _noticed_at(site: Site, seen: list[dict[str, Any]], loss: _Loss) -> float:
    """When the lost step was taken up again, or its run ended without it: the step had done its work."""
    moments = [_ended_at(site, loss.export)]
    names = ("run", "step", "batch")
    moments += [
        each["at"]
        for each in seen
        if each["at"] > loss.lost_at and all(each["message"][name] == loss.message[name] for name in names)
    ]
    return min(moments)


def _judge_late_messages(site: Site, report: Report, losses: list[_Loss]) -> None:
    """Waits until the lost messages come back: to runs that have ended, and to one that is still at its imports."""
    quick = [loss for loss in losses if loss.export.account == _QUICK]
    site.wait_until(
        lambda: all(isfinite(_ended_at(site, each.export)) for each in quick), 120, "the quick runs have ended"
    )
    before = _state_of(site, quick)
    until = max((loss.taken_at for loss in losses), default=0.0) + site.lease_seconds + _SLACK_SECONDS
    site.wait_until(lambda: len(_late(site, losses)) == len(losses), max(until - time.time(), 0), "late messages came")
    report.check("late messages change nothing of what has ended", _differences(before, _state_of(site, quick)))
    late = _late(site, losses)
    missing = [f"not that of {loss.message['run']}" for loss in losses if loss.message["run"] not in late]
    report.check("each lost message comes back when its lease is over", missing, len(losses))
    ended = [loss for loss in losses if late.get(loss.message["run"], 0.0) > _ended_at(site, loss.export)]
    report.done["late messages to runs that had ended"] = len(ended)
    report.done["late messages to runs that had moved on"] = len(late) - len(ended)
    report.check("some runs had ended", [] if ended else ["none had"])
    if len(quick) < len(losses):
        report.check("some run had only moved on", [] if len(ended) < len(late) else ["all had ended"])


def _late(site: Site, losses: list[_Loss]) -> dict[str, float]:
    """When the lost message of each run was taken once more, a lease after it was taken first (POSIX seconds)."""
    seen = list(_seen(site))
    return {
        loss.message["run"]: each["at"]
        for loss in losses
        for each in seen
        if each["message"] == loss.message and each["at"] > loss.taken_at + site.lease_seconds - _SLACK_SECONDS
    }


def _ended_at(site: Site, export: ExportUnderTest) -> float:
    """POSIX seconds; infinite while the run is open."""
    moments = [datetime.fromisoformat(run.times[run.state]).timestamp() for run in site.runs(export) if run.is_final]
    return max(moments, default=inf)


def _state_of(site: Site, losses: list[_Loss]) -> dict[str, object]:
    """Whatever a late message might change."""
    state: dict[str, object] = {}
    for loss in losses:
        imports = site.accounts[loss.export.account].sandbox.imports.records()
        state[loss.export.id] = sum(loss.export.list_id in each.order.list_ids for each in imports)
        state |= {run.run_id: replace(run, etag=None) for run in site.runs(loss.export)}
    return state


def _differences(before: dict[str, object], after: dict[str, object]) -> list[str]:
    names = sorted(before.keys() | after.keys())
    return [
        f"{name}: {before.get(name)} before, {after.get(name)} after"
        for name in names
        if before.get(name) != after.get(name)
    ]
