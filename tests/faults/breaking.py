"""Where a life may break: at each of its calls of storage, which are counted first, or at one of Brevo."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from shared.brevo.session import BrevoSession
from shared.errors import ExportError
from shared.runs.starting import start_run
from tests.faults.conftest import Story
from tests.memory_line import Line, Mode, WorkerDied
from tests.sizes import sampled

# One point in twenty-four is broken by `make test`, all of them by `make test-full`.
at_some_points = sampled(24, parts=2)
PEOPLE = 520  # three batches

# The worker that a life gets for each point at which it is to break.
type WorkerAt = Callable[[Story, int], Any]
# Plays lives that break at these points, and says what was not right.
type Broken = Callable[[WorkerAt, range], list[str]]


def calls_of(broken: Broken, *, reads: bool = False) -> int:
    """How many calls of storage are made where nothing breaks."""
    lines: list[Line] = []

    def counted(story: Story, _: int) -> Any:
        worker, line = story.worker(reads=reads)
        lines.append(line)
        return worker

    assert broken(counted, range(1)) == []
    return lines[0].calls


def dying_at_brevo(monkeypatch: pytest.MonkeyPatch, when: Literal["before", "after"]) -> WorkerAt:
    """Workers that die before or after one of their calls of Brevo; each contact that leaves a list is noted."""
    call, left = BrevoSession.call, [0]

    def dying(self: BrevoSession, *arguments: Any, **how: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and when == "before":
            raise WorkerDied
        answer = call(self, *arguments, **how)
        if left[0] == 0:
            raise WorkerDied
        return answer

    monkeypatch.setattr(BrevoSession, "call", dying)
    monkeypatch.setattr("shared.runs.steps.settle._NOTED_EVERY", 1)

    def worker_at(story: Story, at: int) -> Any:
        left[0] = at
        return story.app

    return worker_at


def planned_by(story: Story, worker: Any) -> str:
    """A plan, started by the worker; where that breaks, the person does it again."""
    for app in (worker, story.app):
        try:
            return start_run(app, app.ready_export("gold"), "http", "ana", kind="plan").run_id
        except (WorkerDied, ExportError):
            continue
    raise AssertionError("it was not started")


def start(story: Story, worker: Any) -> None:
    """Starts the export; where that breaks, the one who asked for it asks again."""
    try:
        story.start(worker)
    except (WorkerDied, ExportError):
        story.start()


def live(
    story: Story, mode: Mode, at: int, *, reads: bool = False, how: Callable[[Story, Any], None] = start
) -> dict[str, Any]:
    """A whole run with one break; its status."""
    story.sandbox.reset()
    worker, line = story.worker(mode, at, reads=reads)
    how(story, worker)
    story.work(story.app if line.dead else worker, hours=2)
    runs = story.runs()
    assert len(runs) == 1, runs
    return story.status(runs[0].run_id)


def points(make_story: Callable[..., Story], tell: Callable[[Story], object], **how: Any) -> int:
    """How many calls a whole run makes when nothing breaks."""
    story = make_story()
    tell(story)
    worker, line = story.worker(reads=how.get("reads", False))
    how.get("how", start)(story, worker)
    story.work(worker)
    return line.calls


def troubles(
    make_story: Callable[..., Story],
    mode: Mode,
    some: slice | None,
    check: Callable[[Story, dict[str, Any]], None],
    tell: Callable[[Story], object] = lambda story: story.people(PEOPLE),
    step: int = 1,
    only: slice = slice(None),
    **how: Any,
) -> list[str]:
    """Breaks at these points of every `step`-th, or of a whole run's `only`; what was not right, point by point."""
    found = []
    every = range(1, points(make_story, tell, **how) + 2)
    broken = every[only] if some is None else every[::step][some]
    assert broken
    for at in broken:
        story = make_story()
        tell(story)
        name = f"{mode} at call {at}"
        try:
            status = live(story, mode, at, **how)
            assert not [error for error in story.errors if not isinstance(error, ExportError)], story.errors
            check(story, status)
        except (AssertionError, ExportError) as error:
            found.append(f"{name}: {str(error).splitlines()[0][:300]}")
    return found


def work_on(story, worker, line, hours):
    story.work(story.app if line.dead else worker, hours=hours)
