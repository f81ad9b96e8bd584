"""Tasks take turns in the order of their times, also where one goes on without giving way."""

import weakref

from greenlet import getcurrent

from simulation.scheduler import Process, Scheduler, end_idle


def played(*plans: tuple[str, tuple[float, ...]]) -> list[tuple[float, str]]:
    scheduler, seen = Scheduler(0.0), []

    def work(name: str, pauses: tuple[float, ...]) -> None:
        for seconds in pauses:
            scheduler.sleep(seconds)
            seen.append((scheduler.now, name))

    for name, pauses in plans:
        scheduler.spawn(Process(name), name, lambda name=name, pauses=pauses: work(name, pauses))
    scheduler.run(10.0)
    return seen


def test_task_that_nothing_comes_before_goes_on():
    assert played(("a", (1.0, 1.0, 1.0)), ("b", (2.5,))) == [(1.0, "a"), (2.0, "a"), (2.5, "b"), (3.0, "a")]


def test_of_two_tasks_of_the_same_time_the_one_that_was_first_to_wait_goes_first():
    assert played(("a", (2.0,)), ("b", (1.0, 1.0))) == [(1.0, "b"), (2.0, "a"), (2.0, "b")]


def test_no_task_goes_on_beyond_the_end():
    assert played(("a", (4.0, 4.0, 4.0)), ("b", (20.0,))) == [(4.0, "a"), (8.0, "a")]


def test_frozen_process_goes_on_when_it_has_thawed():
    scheduler, seen = Scheduler(0.0), []
    process = Process("p")

    def work() -> None:
        scheduler.freeze(5.0)
        scheduler.sleep(1.0)
        seen.append(scheduler.now)

    scheduler.spawn(process, "p", work)
    scheduler.at(9.0, lambda: None)
    scheduler.run(10.0)
    assert seen == [5.0]


def test_nothing_goes_on_once_the_history_is_stopped():
    scheduler, seen = Scheduler(0.0), []

    def work() -> None:
        scheduler.stopped = True
        scheduler.sleep(1.0)
        seen.append(scheduler.now)

    scheduler.spawn(Process("p"), "p", work)
    scheduler.at(9.0, lambda: None)
    scheduler.run(10.0)
    assert seen == []


def test_greenlet_serves_one_task_after_the_other_and_none_is_left():
    scheduler, seen = Scheduler(0.0), []
    for at in range(3):
        scheduler.at(at, lambda: scheduler.spawn(Process("p"), "p", lambda: seen.append(getcurrent())))
    scheduler.run(10.0)
    assert len(seen) == 3
    assert len(set(seen)) == 1
    served = weakref.ref(seen[0])
    seen.clear()
    assert served() is not None
    end_idle()
    assert served() is None


def test_killed_task_takes_its_greenlet_along():
    scheduler, process, seen = Scheduler(0.0), Process("p"), []

    def work() -> None:
        seen.append(getcurrent())
        scheduler.sleep(5.0)

    scheduler.spawn(process, "p", work)
    scheduler.at(1.0, lambda: scheduler.kill(process))
    scheduler.run(10.0)
    assert seen[0].dead
    assert process.tasks == {}
