"""The instances of the app: how they start, freeze, stop and die, and are replaced."""

from collections import Counter
from collections.abc import Callable

from simulation.app import open_app
from simulation.brevo import Brevo
from simulation.clock import BEGINNING, ProcessClock
from simulation.faults import Faults, Freeze, Outage, Restart
from simulation.host import Host, Instance
from simulation.line import StorageLine
from simulation.plan import Plan
from simulation.scheduler import Process, Scheduler
from simulation.storage import Kept

# A host stops where its queues have not answered for so long; running steps then have so long left.
_HOST_STOPS_AFTER = 25.0
_STOP_SECONDS = 10.0


class Fleet:
    """As many instances as the plan has, of which each comes back some time after it is gone."""

    def __init__(
        self,
        scheduler: Scheduler,
        faults: Faults,
        plan: Plan,
        kept: Kept,
        brevo: Brevo,
        host: Host,
        note: Callable[[str], None],
    ) -> None:
        self._scheduler, self._faults, self._plan, self._note = scheduler, faults, plan, note
        self._kept, self._brevo, self._host = kept, brevo, host
        self._generations: Counter[int] = Counter()
        scheduler.on_death = self._died
        for number in range(plan.workers):
            self._start(number)
        for fault in plan.faults:
            self._plan_fault(fault)

    def _plan_fault(self, fault: object) -> None:
        at = self._scheduler.at
        if isinstance(fault, Freeze):
            at(BEGINNING + fault.at, lambda: self._freeze(fault))
        elif isinstance(fault, Restart):
            at(BEGINNING + fault.at, lambda: self._restart(fault))
        elif isinstance(fault, Outage) and "queues" in fault.services and fault.seconds > _HOST_STOPS_AFTER:
            after = self._faults.between(_HOST_STOPS_AFTER, _HOST_STOPS_AFTER + 3)
            at(BEGINNING + fault.at + after, self._stop_all)

    def _start(self, number: int) -> None:
        process = Process(f"w{number}.{self._generations[number]}")
        self._generations[number] += 1
        process.clock_offset = self._plan.clock_offsets[number]
        line = StorageLine(self._scheduler, self._faults, self._note)
        storage = self._kept.storage(line, ProcessClock(self._scheduler, process))
        self._host.instances.append(Instance(process, open_app(storage, self._brevo, self._plan), number))
        for listener in self._host.listeners:
            self._scheduler.after(0.1, listener.look)

    def _died(self, process: Process) -> None:
        instance = next((each for each in self._host.instances if each.process is process), None)
        if instance is not None:
            self._note(f"{process.name} is gone")
            self._host.instances.remove(instance)
            self._start_later(instance.number, self._faults.between(3.0, 40.0))

    def _start_later(self, number: int, seconds: float) -> None:
        """A new host does not come up while it cannot reach its queues."""

        def start() -> None:
            if self._faults.is_away("queues", self._scheduler.now):
                self._start_later(number, 10.0)
            else:
                self._start(number)

        self._scheduler.after(seconds, start)

    def _instance(self, number: int) -> Instance | None:
        return next((each for each in self._host.instances if each.number == number), None)

    def _freeze(self, fault: Freeze) -> None:
        if instance := self._instance(fault.worker):
            self._note(f"{instance.process.name} is frozen for {fault.seconds:.0f} s")
            instance.process.frozen_until = self._scheduler.now + fault.seconds
            for listener in self._host.listeners:
                self._scheduler.after(fault.seconds + 0.1, listener.look)

    def _restart(self, fault: Restart) -> None:
        if instance := self._instance(fault.worker):
            self._stop(instance)

    def _stop_all(self) -> None:
        if self._faults.is_away("queues", self._scheduler.now):
            for instance in list(self._host.instances):
                self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        if not instance.process.stopping:
            self._note(f"{instance.process.name} is stopped")
            instance.process.stopping = True
            self._scheduler.after(_STOP_SECONDS, lambda: self._scheduler.kill(instance.process))
