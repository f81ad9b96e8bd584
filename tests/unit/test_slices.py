"""The long tests run in slices: each test is in exactly one, and the seed says which."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
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


@pytest.fixture
def collected(tmp_path):
    """Collects in a small suite with the same conftest, without other plug-ins: a fraction of a second each."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    lines = ["import pytest", "@pytest.mark.full", "def test_long(): pass", *(f"def {name}(): pass" for name in NAMES)]
    (tmp_path / "test_some.py").write_text("\n".join(lines))
    markers = "[pytest]\nmarkers =\n    full: long\n    stand_in(reason): not on Core Tools\n"
    (tmp_path / "pytest.ini").write_text(markers)

    def collect(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path, env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        return set(re.findall(r"^test_some\.py::(\w+)$", done.stdout, re.MULTILINE)), done.returncode

    return collect


@pytest.mark.full
def test_slices_of_a_selection_make_it_up_and_a_wrong_one_is_wrong_use(collected):
    selection = ["-m", "not full"]
    first, _ = collected(*selection, "--slice=1/2")
    second, _ = collected(*selection, "--slice=2/2")
    assert first | second == set(NAMES)
    assert not first & second
    assert collected("--slice=3/2")[1] == 4


def test_long_tests_run_only_where_they_are_selected(collected):
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"]
    usual = [word for word in shlex.split(options) if word in ("-m", "not full")]
    assert usual == ["-m", "not full"]
    assert collected(*usual)[0] == set(NAMES)
    assert collected(*usual, "-m", "full")[0] == {"test_long"}


@pytest.mark.full
def test_seed_chooses_the_slice_that_the_script_prints_and_the_same_seed_the_same():
    def first_line(seed):
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

    assert first_line("6") == "slice 3 of 4 of the long tests, seed 6; again with: make test-slice SEED=6 SLICES=4"
    assert first_line("9").startswith("slice 2 of 4 of the long tests, seed 9;")
