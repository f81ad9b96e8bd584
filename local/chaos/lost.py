"""Instances are lost, host and all, each in the middle of a step; their messages stay hidden for the real lease.

What is measured: who goes on with the run, and when. What is proved: the message that comes back at last, to a run
that has moved on or ended, changes nothing.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from local.brevo_sandbox import SandboxSettings
from local.chaos.exports import ExportUnderTest
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import LARGEST_TIME_FACTOR, Site
from local.chaos.world import World
from local.sample_people import seeded

STEPS = ("stage", "deliver", "confirm")
NOTICED_SECONDS = 360.0
"""How long after an instance's last sign of life another one must go on with its run, at the latest."""

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
    # Imports of a few seconds, so that a run has a step to be hit in.
    settings = SandboxSettings.quick(seconds_fixed=2.0)
    options = {"sandbox_settings": settings, "hosts": 2, "workers": 1, "time_factor": LARGEST_TIME_FACTOR}
    with world.site("lost", **options) as site:
        losses = [
            loss
            for step in world.scaled(STEPS, STEPS[1:2])
            for _ in range(world.scaled(2, 1))
            if (loss := _lose_one(world, site, report, rng, seed, step))
        ]
        wanted = world.scaled(2 * len(STEPS), 1)
        few = [] if len(losses) == wanted else [f"only {len(losses)} instances were lost"]
        report.check("each step has lost its instance", few, wanted)
        site.wait_for_ends(240)
        before = _state_of(site)
        _await_late_messages(site, report, losses)
        report.check("late messages change nothing", _differences(before, _state_of(site)), len(losses))
        report.check(
            f"each loss is noticed within {NOTICED_SECONDS:.0f} s, by the time factor {LARGEST_TIME_FACTOR}",
            _unnoticed(site, report, losses),
            len(losses),
        )
        judge(site, report, repeats_allowed=len(losses))
    return report


def _lose_one(world: World, site: Site, report: Report, rng: Random, seed: int, step: str) -> _Loss | None:
    """Starts a run and kills the instance that takes the step."""
    export = site.add_export(rows=world.scaled(16_000, 3_000), seed=seed)
    site.start(export)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid, message in site.marks().items():
            if message["step"] != step or not message["run"].startswith(f"{export.id}-"):
                continue
            taken_at = time.time()
            time.sleep(rng.random() * _STEP_SECONDS[step])
            if site.marks().get(pid) != message:
                continue
            site.lose_instance(pid)
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
    """Another message of the run, after the loss, is the proof that somebody has noticed."""
    bound = NOTICED_SECONDS / LARGEST_TIME_FACTOR + _SLACK_SECONDS
    slowest = 0.0
    for loss in losses:
        run = loss.message["run"]
        later = [
            each["at"]
            for each in _seen(site)
            if each["message"]["run"] == run and each["message"]["step"] != "watch" and each["at"] > loss.lost_at
        ]
        after = min(later, default=float("inf")) - loss.lost_at
        slowest = max(slowest, after)
        if after > bound:
            yield f"{run}: nobody went on for {after:.0f} s after it was lost in {loss.message['step']}"
    unscaled = slowest * LARGEST_TIME_FACTOR
    report.notes.append(f"the slowest loss was noticed after {slowest:.1f} s: {unscaled:.0f} s without the time factor")


def _await_late_messages(site: Site, report: Report, losses: list[_Loss]) -> None:
    """Waits until the messages of the lost instances have come back, to runs that have ended."""
    until = max((loss.taken_at for loss in losses), default=0.0) + site.lease_seconds + _SLACK_SECONDS
    site.wait_until(lambda: len(_late(site, losses)) == len(losses), max(until - time.time(), 0), "late messages came")
    late = _late(site, losses)
    report.done["late messages of lost instances"] = len(late)
    missing = [loss.message["run"] for loss in losses if loss.message["run"] not in late]
    report.check("each lost message comes back when its lease is over", [f"not that of {run}" for run in missing])


def _late(site: Site, losses: list[_Loss]) -> set[str]:
    """The runs whose lost message was taken once more, a lease after it was taken first."""
    seen = list(_seen(site))
    return {
        loss.message["run"]
        for loss in losses
        for each in seen
        if each["message"] == loss.message and each["at"] > loss.taken_at + site.lease_seconds - _SLACK_SECONDS
    }


def _state_of(site: Site) -> dict[str, object]:
    """Whatever a late message might change."""
    imports: dict[str, object] = {
        name: len(account.sandbox.imports.records()) for name, account in site.accounts.items()
    }
    runs: dict[str, object] = {run.run_id: replace(run, etag=None) for _, run in site.all_runs()}
    return {**imports, **runs}


def _differences(before: dict[str, object], after: dict[str, object]) -> list[str]:
    names = sorted(before.keys() | after.keys())
    return [
        f"{name}: {before.get(name)} before, {after.get(name)} after"
        for name in names
        if before.get(name) != after.get(name)
    ]
