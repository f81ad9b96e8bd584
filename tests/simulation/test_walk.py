"""All orders of the deciding calls of two workers are walked, with a fault at each of them."""

import subprocess
import sys
from pathlib import Path as FilePath

import pytest

from simulation.history import play
from simulation.patches import replaced
from simulation.walk import PLAN, Path, WalkedFaults, walk

ROOT = FilePath(__file__).parents[2]


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


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_no_order_of_the_deciding_calls_violates_an_invariant():
    result = subprocess.run([sys.executable, "-m", "simulation.walk"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
