"""An undo of seeded runs, and one that breaks anywhere: the list's members are who they were before the run."""

import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from shared.administration.running import undo_run
from shared.errors import ExportError
from shared.runs.holding import approve
from shared.runs.status import find_run
from tests.faults.breaking import WorkerAt, calls_of, dying_at_brevo
from tests.faults.conftest import Story
from tests.faults.members import ADMINISTRATOR, LIST, address, numbers, put_by_others, refresh, run
from tests.memory_line import WorkerDied
from tests.sizes import in_parts, sampled, thinned

PEOPLE = 40


def undo(story: Story, run_id: str, worker: Any = None) -> dict[str, Any]:
    """The undo, approved where it is held; where its start breaks, the one who asked for it asks again."""
    try:
        started = undo_run(worker or story.app, ADMINISTRATOR, run_id, "http")
    except (WorkerDied, ExportError):
        started = undo_run(story.app, ADMINISTRATOR, run_id, "http")
    story.work(worker)
    if (held := find_run(story.app, started.run_id)).is_held:
        approve(story.app, held, "tester")
        story.work()
    return story.status(started.run_id)


def leave(story: Story, numbers: Iterable[int]) -> None:
    """These people leave the list themselves, whether they are in it or not."""
    for n in numbers:
        story.sandbox.change_contact(address(n), leaves=[LIST])


def some(dice: random.Random, most: int, of: Iterable[int] = range(PEOPLE)) -> set[int]:
    known = sorted(of)
    return set(dice.sample(known, min(len(known), dice.randint(0, most))))


def blocked(story: Story) -> set[str]:
    return {each.email for each in story.sandbox.account.contacts.values() if each.email_blocked}


def two_runs(story: Story, dice: random.Random) -> tuple[set[int], dict[str, Any]]:
    """Some days of an export that mirrors its segment, beside others' members; who was there before the last run."""
    story.sandbox.reset()
    story.connection["leavers"] = dice.choice(["asked", "not_asked"])
    story.save(sync_mode=dice.choice(["mirror", "mirror_exact"]), max_removed=dice.choice([0.1, 1]))
    put_by_others(story, some(dice, 6))
    put_by_others(story, some(dice, 3), emailBlacklisted=True)
    for _ in range(dice.randint(0, 2)):
        refresh(story, some(dice, PEOPLE) | {0, 1})
        run(story)
        put_by_others(story, some(dice, 3))
        leave(story, some(dice, 4, numbers(story)))
    refresh(story, some(dice, PEOPLE) | {2})
    before = numbers(story)
    return before, run(story)


@sampled(60, parts=2, first=1)
def test_undo_restores_membership_exactly(make_story: Callable[[], Story], some: slice) -> None:
    """Of 50 seeds one in `make test`: an odd one, with which others change the list in between."""
    for seed in range(50)[some]:
        try:
            restore(make_story(), seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error


def restore(story: Story, seed: int) -> None:
    dice = random.Random(seed)
    before, status = two_runs(story, dice)
    after = numbers(story)
    left: set[int] = set()
    if seed % 2:
        put_by_others(story, some(dice, 3))
        left = some(dice, 4, before | after)
        leave(story, left)
    now, blocked_before = numbers(story), blocked(story)
    undone = undo(story, status["run_id"])
    assert undone["status"] == "succeeded", undone["error"]
    assert numbers(story) == (now - (after - before)) | (before - after - left)
    assert seed % 2 or numbers(story) == before
    assert undone["contacts_added"] == len(before - after - left - now)
    assert (blocked(story), story.left_behind()) == (blocked_before, [])


# Broken anywhere


def broken(make_story: Callable[[], Story], break_at: WorkerAt, points: range) -> list[str]:
    """Breaks an undo at each of these points; what was not right, point by point."""
    found = []
    assert points
    for at in points:
        story = make_story()
        story.sandbox.reset()
        story.save(sync_mode="mirror", max_removed=1)
        put_by_others(story, [20, 21])
        refresh(story, range(8))
        run(story)
        refresh(story, range(3, 11))
        status = run(story)
        try:
            undone = undo(story, status["run_id"], break_at(story, at))
            assert undone["status"] == "succeeded", undone["error"]
            assert numbers(story) == {*range(8), 20, 21}
            assert (undone["contacts_removed"], undone["contacts_added"]) == (3, 3)
            assert story.left_but_listed() == []
            (record,) = story.kept.blob_names("undo")
            assert status["run_id"] in record, "which says whom the undo has taken out"
            assert run(story)["contacts_new"] == 3, "the next run does again what was undone"
        except (AssertionError, ExportError) as error:
            found.append(f"point {at}: {str(error).splitlines()[0][:300]}")
    return found


@sampled(64, first=5)
@pytest.mark.parametrize("mode", thinned(["dies", "outage", "echo"], 3))
def test_undo_that_breaks_at_any_write_is_as_one_that_does_not(make_story, mode, some):
    points = range(1, calls_of(partial(broken, make_story)) + 1)[some]
    assert broken(make_story, lambda story, at: story.worker(mode, at)[0], points) == []


@in_parts(3)
def test_undo_that_breaks_at_any_read_is_as_one_that_does_not(make_story, some):
    points = range(1, calls_of(partial(broken, make_story), reads=True) + 1)[some]
    assert broken(make_story, lambda story, at: story.worker("outage", at, reads=True)[0], points) == []


@in_parts()
@pytest.mark.parametrize("when", ["before", "after"])
def test_undo_whose_worker_dies_at_any_call_to_brevo_is_as_one_that_does_not(make_story, monkeypatch, when, some):
    assert broken(make_story, dying_at_brevo(monkeypatch, when), range(1, 14)[some]) == []
