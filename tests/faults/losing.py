"""Instances that are lost with their message, where no timer ticks."""

from collections.abc import Callable
from typing import Any

from shared.runs.state import Run
from shared.runs.status import find_run
from shared.runs.steps.dispatch import take_step
from tests.faults.conftest import LEASE_SECONDS, Story

AT_MOST_SECONDS = 360.0


def watches(story: Story) -> list[Any]:
    return [each for each in story.kept.messages if '"watch"' in each.text]


def take_away(story: Story, step: str) -> str:
    """Another instance takes the newest message of this step, and is lost with it."""
    message = next(each for each in reversed(story.kept.messages) if f'"{step}"' in each.text)
    story.kept.messages.remove(message)
    return str(message.text)


def work_until(story: Story, done: Callable[[Run], bool], run_id: str) -> Run:
    """Takes one message after the other, without a timer, until the run is as wanted."""
    for _ in range(200):
        run = find_run(story.app, run_id)
        if done(run):
            return run
        received = story.app.storage.queue.receive(LEASE_SECONDS)
        if received is None:
            story.sandbox.imports.wait_until_idle(60)
            next_at = min(message.visible_at for message in story.kept.messages)
            story.kept.clock.skip(next_at - story.kept.clock.seconds())
            continue
        take_step(story.app, received.text)
        story.app.storage.queue.delete(received)
    raise AssertionError(f"the run stays {find_run(story.app, run_id)}")


def slots(story):
    return [
        values for (_, key), (values, _) in story.kept.tables.get("accounts", {}).items() if key.startswith("slot-")
    ]
