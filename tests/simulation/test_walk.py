"""All orders of the deciding calls of two workers are walked, with a fault at each of them."""

import re
import subprocess
import sys
from itertools import chain
from pathlib import Path as FilePath

import pytest

from simulation.history import play
from simulation.patches import replaced
from simulation.walk import PLAN, Path, WalkedFaults, _play, first_paths, main, walk

ROOT = FilePath(__file__).parents[2]
# Each takes half a minute of a core, a few of them a whole one.
PARTS = 64


def test_calls_that_decide_are_claims_slots_commits_posts_and_endings():
    faults = WalkedFaults(Path(None, -1, ()))
    with replaced():
        outcome = play(PLAN, faults)
    assert outcome.violation is None
    assert 12 <= faults.deciding <= 30
    assert sum("takes import" in what for _, _, what in outcome.log) == 2


def test_each_path_adds_its_switches_behind_the_last_one():
    with replaced():
        paths = [path for path, _ in walk(Path(None, -1, ()), most=1)]
        faults = WalkedFaults(Path(None, -1, ()))
        play(PLAN, faults)
    assert paths == [Path(None, -1, ()), *(Path(None, -1, (number,)) for number in range(faults.deciding))]


def test_switch_lets_the_other_worker_go_first():
    with replaced():
        logs = {str(play(PLAN, WalkedFaults(Path(None, -1, switches))).log) for switches in ((), (2,), (5,), (2, 5))}
    assert len(logs) == 4


def walk_part(number, *options):
    # It only computes: what runs beside it, such as chaos, watches the clock.
    command = ["nice", sys.executable, "-m", "simulation.walk", "--part", f"{number}/{PARTS}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(1, PARTS + 1))
def test_no_order_of_the_deciding_calls_violates_an_invariant(part):
    result = walk_part(part, "--processes", "1")
    assert result.returncode == 0, result.stdout
    assert re.match(rf"part {part} of {PARTS}: [1-9][\d,]* orders of", result.stdout)


def test_parts_make_up_the_whole_walk():
    with replaced():
        calls, _ = _play(Path(None, -1, ()))
    parts = [first_paths(calls, (number, PARTS)) for number in range(1, PARTS + 1)]
    whole = first_paths(calls)
    assert sorted(map(str, chain(*parts))) == sorted(map(str, whole))
    assert len(whole) == 1 + 3 * calls
    # A slice of the long tests holds as many paths as it has parts, or one more for each.
    assert 1 <= min(map(len, parts)) <= max(map(len, parts)) <= 2


def test_what_is_no_part_is_wrong_use(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["walk", "--part", f"{PARTS + 1}/{PARTS}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
