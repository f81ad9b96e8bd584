"""Kills workers by SIGKILL in the middle of a step, evenly over the states of their runs."""

import itertools
import os
import signal
import time
from collections import Counter
from typing import Any

from local.brevo_sandbox import SandboxSettings
from local.chaos.exports import ExportUnderTest
from local.chaos.oracle import judge
from local.chaos.report import Report
from local.chaos.site import LARGEST_TIME_FACTOR, Site
from local.chaos.watching import export_of
from local.chaos.world import World
from local.sample_people import seeded

STATES = ("staging", "delivering", "confirming")
# How long such a step takes, about: a kill comes at a random moment of it.
_STEP_SECONDS = {"stage": 2.0, "deliver": 0.35, "confirm": 0.15, "watch": 0.05}
_SMALL_STAGE_SECONDS = 0.3  # of a few thousand rows
_IMPATIENT_SECONDS = 8.0
# Few runs leave their next state late, above all after a kill: it is waited for, since only three kills come.
_SMALL_IMPATIENT_SECONDS = 60.0
_ROUND_SECONDS = 1.0
# The shortest step takes several glances.
_GLANCE_SECONDS = 0.004
_UNEVEN = 3
# In a small chaos a run has a dozen batches, so that each of its states lasts long enough to be met.
_SMALL_BODY_BYTES = 25_000


def kills(world: World, seed: int) -> Report:
    """Four runs at a time, over two accounts, until enough workers have died; then everything must come right."""
    report = Report("kills", seed)
    settings = SandboxSettings.quick(seconds_fixed=0.25, seconds_per_contact=0.000_02)
    accounts = {"BREVO_A": 1, "BREVO_B": 2}
    options = {"workers": world.scaled(4, 2), "time_factor": LARGEST_TIME_FACTOR}
    if world.small:
        options["body_bytes"] = _SMALL_BODY_BYTES
    with world.site("kills", accounts=accounts, sandbox_settings=settings, **options) as site:
        killer = Killer(world, site, seed)
        killer.run(world.scaled(36, 3))
        site.say("no more kills; the runs go on to their end")
        site.wait_for_ends(120)
        report.done |= Counter({f"kills while {state}": count for state, count in killer.by_state.items()})
        report.done |= Counter({f"kills in step {step}": count for step, count in killer.by_step.items()})
        report.check("enough kills", [] if killer.total >= world.scaled(30, 2) else [f"only {killer.total} kills"])
        judge(site, report, repeats_allowed=killer.total, repeats_by_export=killer.deliveries_hit)
    return report


class Killer:
    """Keeps runs going, and kills the workers that are at them."""

    def __init__(self, world: World, site: Site, seed: int) -> None:
        self._world, self._site, self._seed = world, site, seed
        self._rng = seeded(seed, "kills")
        self._active: list[ExportUnderTest] = []
        self._accounts = itertools.cycle(["BREVO_A", "BREVO_A", "BREVO_B", "BREVO_A"])
        self._triggers = itertools.cycle(["http", "event"])
        self.by_state: Counter[str] = Counter(dict.fromkeys(STATES, 0))
        self.by_step: Counter[str] = Counter()
        self.deliveries_hit: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Kills so far."""
        return self.by_state.total()

    def run(self, wanted: int, seconds: float = 240) -> None:
        """Kills as many workers, spread over the states."""
        deadline = time.monotonic() + seconds
        patience_seconds = self._world.scaled(_IMPATIENT_SECONDS, _SMALL_IMPATIENT_SECONDS)
        impatient_at = time.monotonic() + patience_seconds
        while self.total < wanted and (now := time.monotonic()) < deadline:
            self._keep_going()
            if self._kill_once(evenly=now < impatient_at):
                impatient_at = time.monotonic() + patience_seconds

    def _keep_going(self) -> None:
        """Starts another run where one has ended, by a person or by Event Grid."""
        self._active = [
            e for e in self._active if any(not run.is_final for run in self._site.runs(e)) or not self._site.runs(e)
        ]
        while len(self._active) < self._world.scaled(4, 2):
            by_event = next(self._triggers) == "event"
            rows = self._world.scaled(self._rng.randrange(12_000, 30_000), 2_000)
            export = self._site.add_export(
                next(self._accounts), rows=rows, seed=self._seed, schedule="with_refresh" if by_event else "off"
            )
            if by_event:
                self._site.deliver_events(export)
            else:
                self._site.start(export)
            self._active.append(export)

    def _kill_once(self, *, evenly: bool) -> bool:
        """Kills a worker in its step, `evenly` at a run in one of the states with fewest kills. False: none met."""
        most = min(self.by_state.values()) + self._world.scaled(_UNEVEN, 1)
        deadline = time.monotonic() + _ROUND_SECONDS
        while time.monotonic() < deadline:
            wanted = {state for state in STATES if not evenly or self.by_state[state] < most}
            for pid, message in self._site.marks().items():
                if self._state(message) not in wanted:
                    continue
                time.sleep(self._rng.random() * self._seconds_of(message["step"]))
                # The run may have gone on meanwhile, and the worker to another step.
                if (state := self._state(message)) in wanted and self._site.marks().get(pid) == message:
                    self._kill(pid, message, state)
                    return True
            time.sleep(_GLANCE_SECONDS)
        return False

    def _seconds_of(self, step: str) -> float:
        """About how long a step takes, so that a kill may come anywhere in it."""
        return _SMALL_STAGE_SECONDS if step == "stage" and self._world.small else _STEP_SECONDS[step]

    def _state(self, message: dict[str, Any]) -> str:
        """The state of the message's run; the step that takes a queued run is its staging."""
        run = self._site.app.store.load(message["run"])
        return "" if run is None else "staging" if run.state == "queued" else run.state

    def _kill(self, pid: int, message: dict[str, object], state: str) -> None:
        os.kill(pid, signal.SIGKILL)
        (self._site.chaos / "marks" / str(pid)).unlink(missing_ok=True)
        step, run = str(message["step"]), str(message["run"])
        after = self._site.app.store.load(run)
        state = after.state if after and after.state in STATES else state
        self.by_state[state] += 1
        self.by_step[step] += 1
        if step == "deliver":
            self.deliveries_hit[export_of(run)] += 1
        self._site.say(f"kill {self.total}: worker {pid} in step {step} of {run}, {state}")
