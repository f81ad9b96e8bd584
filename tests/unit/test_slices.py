"""The long tests run in slices: each test is in exactly one, and the seed says which."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import in_slice, slice_of

ROOT = Path(__file__).parents[2]
NAMES = [f"test_{number:02}" for number in range(11)]


@pytest.mark.parametrize("count", [1, 2, 3, 11, 20])
def test_each_test_is_in_exactly_one_slice(count):
    slices = [in_slice(NAMES[::-1], number, count) for number in range(1, count + 1)]
    assert sorted(name for part in slices for name in part) == NAMES
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/2/3", "-1/3"])
def test_what_is_no_slice_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        slice_of(text)


def collected(*arguments):
    pytest_command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_command, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    return set(re.findall(r"^tests/\S+::.+$", done.stdout, re.MULTILINE)), done


def test_slices_of_a_selection_make_it_up_and_a_wrong_one_is_wrong_use():
    here = ["tests/unit/test_slices.py", "-k", "refused or exactly"]
    every, _ = collected(*here)
    first, _ = collected(*here, "--slice=1/2")
    second, _ = collected(*here, "--slice=2/2")
    assert len(every) == 11
    assert first | second == every
    assert not first & second
    assert collected(*here, "--slice=3/2")[1].returncode == 4


def test_long_tests_run_only_where_they_are_asked_for():
    long = "tests/host/test_queue_triggers.py"
    usual, _ = collected(long)
    full, _ = collected(long, "-m", "full")
    assert len(full) == 2
    assert usual
    assert not usual & full


def test_seed_chooses_the_slice_that_the_script_tells_and_the_same_seed_the_same():
    def told(seed):
        environment = {**os.environ, "SEED": seed, "SLICES": "4"}
        done = subprocess.run(
            ["scripts/test-slice.sh", "--collect-only", "tests/unit/test_slices.py"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0]

    assert told("6") == "slice 3 of 4 of the long tests, seed 6; again with: make test-slice SEED=6 SLICES=4"
    assert told("9").startswith("slice 2 of 4 of the long tests, seed 9;")
