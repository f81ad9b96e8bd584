"""Virtual time: tasks that take turns at each call, in an order that follows from the seed alone.

A task is a greenlet that gives way whenever it waits. A process is what dies as one: its tasks stop at their call for
ever. They are unwound at once, so that nothing of them is left, but every call that they make meanwhile fails. The
greenlet of a task that is over serves another one, also of a later history: each has a stack of its own, and to make
that takes longer than many a task.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from greenlet import GreenletExit, getcurrent, greenlet

# Greenlets without a task, by that which runs the scheduler and that they return to.
_idle: dict[greenlet, list[greenlet]] = {}


def _serve(work: Callable[[], None]) -> None:
    """What a greenlet does: one task's work after the other's, until a task is killed."""
    hub = getcurrent().parent
    while hub is not None:
        work()
        del work  # which knows its whole history
        _idle.setdefault(hub, []).append(getcurrent())
        work = hub.switch()


def end_idle() -> None:
    """Ends the greenlets that wait here for a task: one that outlives the interpreter keeps all that it knows."""
    _idle.pop(getcurrent(), None)


class Process:
    """One instance of the app with its host."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.stopping = False
        self.frozen_until = 0.0
        self.clock_offset = 0.0
        self.tasks: dict[Task, None] = {}


class Task:
    """One thread of a process."""

    __slots__ = ("done", "greenlet", "name", "process", "waiting", "work")

    def __init__(self, process: Process, name: str, work: Callable[[], None]) -> None:
        self.process = process
        self.name = name
        self.work = work
        self.done = False
        self.waiting: list[Task] = []
        self.greenlet: greenlet | None = None


class Scheduler:
    """Events in the order of their times; those of the same time in the order in which they were planned."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.current: Task | None = None
        self.stopped = False
        self.on_death: Callable[[Process], None] = lambda process: None
        self._hub = getcurrent()
        self._number = 0
        self._until = now
        self._events: list[tuple[float, int, Any]] = []

    def at(self, time: float, what: "Callable[[], object] | Task") -> None:
        """Calls the function at that time, or lets the task go on. Times are POSIX seconds."""
        self._number += 1
        heapq.heappush(self._events, (max(time, self.now), self._number, what))

    def after(self, seconds: float, what: "Callable[[], object] | Task") -> None:
        """The same, so many seconds from now."""
        self.at(self.now + seconds, what)

    def spawn(self, process: Process, name: str, work: Callable[[], None]) -> Task:
        """Starts a task, whose turn comes at once but not before the current one gives way."""
        task = Task(process, name, work)
        process.tasks[task] = None
        self.at(self.now, task)
        return task

    def _begin(self, task: Task) -> None:
        def work() -> None:
            try:
                task.work()
            finally:
                task.done = True
                task.greenlet = None
                task.process.tasks.pop(task, None)
                for other in task.waiting:
                    self.at(self.now, other)

        idle = _idle.setdefault(self._hub, [])
        task.greenlet = idle.pop() if idle else greenlet(_serve, self._hub)
        task.greenlet.gr_context = None
        task.greenlet.switch(work)

    def spawn_beside(self, name: str, work: Callable[[], None]) -> Task:
        """Starts another task of the current one's process. Raises GreenletExit where there is none."""
        if self.current is None:
            raise GreenletExit
        return self.spawn(self.current.process, f"{self.current.name} {name}", work)

    def sleep(self, seconds: float) -> None:
        """The current task waits. Raises GreenletExit where its process has died."""
        task = self.current
        if task is None or task.process.dead:
            raise GreenletExit
        until = self.now + seconds
        events = self._events
        if events and until < events[0][0] and not self.stopped and task.process.frozen_until <= until <= self._until:
            self.now = until  # nothing else happens meanwhile, and the task goes on at once
            return
        self._number += 1
        heapq.heappush(events, (until, self._number, task))
        self._hub.switch()
        if task.process.dead:
            raise GreenletExit

    def join(self, other: Task) -> None:
        """The current task waits for the end of the other."""
        task = self.current
        if other.done or task is None or task.process.dead:
            return
        other.waiting.append(task)
        self._hub.switch()
        if task.process.dead:
            raise GreenletExit

    def kill(self, process: Process) -> None:
        """The process is gone. Called by an event; a task that ends its own process calls `die`."""
        process.dead = True
        for task in list(process.tasks):
            task.done = True
            if task.greenlet is not None:
                self.current = task
                task.greenlet.throw(GreenletExit)
                self.current = None
        process.tasks.clear()
        self.on_death(process)

    def die(self) -> NoReturn:
        """The current task's process is gone, at this very call."""
        task = self.current
        if task is not None and not task.process.dead:
            process = task.process
            process.dead = True
            self.at(self.now, lambda: self.kill(process))
        raise GreenletExit

    def freeze(self, seconds: float) -> None:
        """The current task's process stands still, all of its tasks."""
        if self.current is not None:
            self.current.process.frozen_until = self.now + seconds

    def run(self, until: float) -> None:
        """Plays all events up to a time, or until `stopped` is set."""
        events, self._until = self._events, until
        while events and not self.stopped and events[0][0] <= until:
            time, _, what = heapq.heappop(events)
            self.now = time
            if what.__class__ is not Task:
                what()
                continue
            process = what.process
            if what.done or process.dead:
                continue
            if process.frozen_until > time:
                self.at(process.frozen_until, what)
                continue
            self.current = what
            if what.greenlet is None:
                self._begin(what)
            else:
                what.greenlet.switch()
            self.current = None

    def close(self, processes: Iterable[Process]) -> None:
        """Ends every task, so that no greenlet outlives its history."""
        self._events.clear()
        for process in processes:
            self.kill(process)
