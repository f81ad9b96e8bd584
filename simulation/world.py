"""One world: storage, Brevo, receivers, the host with its instances, and people, all of it by the plan."""

import random
from typing import Any

from shared.app import App
from shared.runs.starting import start_due
from shared.runs.steps.confirm import import_finished
from shared.runs.steps.sweep import sweep
from shared.runs.store import OPEN
from simulation.account import Doubling, WatchedStorage
from simulation.brevo import Brevo, Import, Watcher
from simulation.clock import BEGINNING, StorageClock
from simulation.config import CONTAINER, is_shared, person
from simulation.faults import Faults
from simulation.fleet import Fleet
from simulation.host import TIMER_SECONDS, Host
from simulation.judge import Judge
from simulation.people import People
from simulation.plan import Plan
from simulation.receivers import Receivers
from simulation.scheduler import Scheduler
from simulation.storage import LINK

_QUIET_TICKS = 3
_LONGEST_SECONDS = 16 * 3600.0


class World:
    """A history while it is played. `log` has the time, the task and what happened."""

    def __init__(self, plan: Plan, faults: Faults | None = None) -> None:
        self.plan = plan
        self.log: list[tuple[float, str, str]] = []
        self.decoded: dict[str, Any] = {}
        self.chance = random.Random(plan.schedule)
        self.scheduler = Scheduler(BEGINNING)
        self.faults = faults or Faults(plan.faults, plan.latency, random.Random(plan.schedule + 1), BEGINNING)
        self.judge = Judge(self.scheduler, plan)
        watcher = Watcher(self._taken, self._removed, self._over, self._call_back)
        self.brevo: Brevo = Brevo(self.scheduler, self.faults, watcher, plan.import_seconds, self._fetch)
        self.receivers: Receivers = Receivers(self.scheduler, self.faults, self.judge.posted)
        self.host = Host(self.scheduler, self.faults, self.chance, plan.reorder_share, self.note, self.judge.unforeseen)
        doubling = Doubling(self.faults, self.chance, plan.doubled_share)
        clock = StorageClock(self.scheduler)
        self.kept = WatchedStorage(clock, self.judge, self.host, self.note, doubling)
        self.host.listen(self.kept.messages, self.kept.notices, self.kept.poison)
        self._fill()
        self.judge.begin(self.brevo, self.kept, self.receivers)
        Fleet(self.scheduler, self.faults, plan, self.kept, self.brevo, self.host, self.note)
        first_tick = BEGINNING + self.faults.between(30, TIMER_SECONDS)
        People(self.scheduler, plan, self.chance, self.kept, self.host, self.judge, self.note, first_tick)
        self._quiet_ticks = 0
        self.scheduler.at(first_tick, self._tick)
        self.scheduler.at(BEGINNING + plan.trouble_seconds, self.faults.clear)

    def note(self, text: str) -> None:
        """A line of the history's log."""
        task = self.scheduler.current
        self.log.append((self.scheduler.now, task.name if task else "", text))

    def _fill(self) -> None:
        self.kept.containers |= {"app-config": {}, CONTAINER: {}, "staged": {}, "ledgers": {}}
        self.kept.tables |= {name: {} for name in ("runs", "batches", "events", "accounts", "notices")}
        for export in range(self.plan.exports):
            members = self.brevo.lists.setdefault(self.plan.list_of(export), set())
            members.add(f"stranger{export}@elsewhere.example")
            self.brevo.values[f"stranger{export}@elsewhere.example"] = "v0"
            if self.plan.with_rejections:
                self.brevo.refused |= {person(export, 1), person(export, 2)}
            if self.plan.with_shared_numbers:
                numbers = [
                    each
                    for each in (*range(1, 10), *range(1000, 1100), *range(2000, 2100), *range(3000, 3100))
                    if is_shared(each)
                ]
                self.brevo.shared |= {person(export, each) for each in numbers}

    # What Brevo does

    def _taken(self, new: Import, staged: bytes, posted: bytes) -> None:
        self.judge.taken(new, staged, posted)
        self.note(f"Brevo takes import {new.id} of {new.batch}")

    def _fetch(self, link: str) -> bytes | None:
        container, _, name = link.removeprefix(LINK).partition("?")[0].partition("/")
        found = self.kept.containers[container].get(name)
        return found[0] if found else None

    def _removed(self, list_id: int, gone: set[str]) -> None:
        self.note(f"Brevo takes {len(gone)} out of list {list_id}")
        self.judge.following.removed(list_id, gone)

    def _over(self, done: Import, before: dict[str, str]) -> None:
        self.note(f"Brevo's import {done.id} is {done.state}")
        self.judge.applied(done, before)

    def _call_back(self, path: str, late: float) -> None:
        _, _, _, run_id, batch, token = path.split("/")

        def act(app: App) -> None:
            run = app.store.load(run_id)
            if run is not None and run.token == token:
                import_finished(app, run, int(batch))

        self.scheduler.after(late, lambda: self.host.request("call-back", act))

    # The timer

    def _tick(self) -> None:
        self.scheduler.after(TIMER_SECONDS, self._tick)
        self.host.request("timer", sweep if self._is_over() else _tick)
        self._stop_when_quiet()

    def _is_over(self) -> bool:
        """True while exports with a schedule of their own, which are due for ever, have nothing new to send."""
        is_calm = self.scheduler.now - BEGINNING > self.plan.calm_after + TIMER_SECONDS
        return bool(self.plan.cron) and is_calm and not self.judge.unsettled()

    def _stop_when_quiet(self) -> None:
        since = self.scheduler.now - BEGINNING
        is_calm = since > self.plan.calm_after + TIMER_SECONDS
        is_quiet = is_calm and not self._is_busy() and not self.judge.unsettled()
        self._quiet_ticks = self._quiet_ticks + 1 if is_quiet else 0
        if self._quiet_ticks >= _QUIET_TICKS or since > self.plan.calm_after + _LONGEST_SECONDS:
            self.scheduler.stopped = True

    def _is_busy(self) -> bool:
        waits = self.kept.messages or self.kept.notices or self.kept.poison or self.brevo.open_imports()
        listed = any(partition == OPEN for partition, _ in self.kept.tables["runs"])
        return bool(waits or listed or self.judge.open_runs or any(each.busy for each in self.host.instances))


def _tick(app: App) -> None:
    sweep(app)
    start_due(app)
