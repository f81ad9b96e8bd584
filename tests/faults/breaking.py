"""Where a life may break: at each of its calls of storage, which are counted first, or at one of Brevo."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from shared.brevo.session import BrevoSession
from shared.errors import ExportError
from shared.runs.starting import start_run
from tests.faults.conftest import Story
from tests.memory_line import Line, WorkerDied

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
