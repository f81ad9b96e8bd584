"""CI runs a test that failed beside others once more, alone, and says so; a fault is still a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Fails the first time alone, as a test does that others disturb. Each has a file of its own.
AT_FIRST = "at_first"


@pytest.fixture
def run(tmp_path):
    """Runs the script over a small suite; its exit status and its last lines."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def run(**fails):
        lines = ["import os, pathlib", "def at_first(file): return not (file.exists() or file.touch())"]
        for name, when in fails.items():
            condition = f"at_first(pathlib.Path('{name}-ran'))" if when == AT_FIRST else when
            lines.append(f"def test_{name}():\n    assert not {condition}\n")
        (tmp_path / "test_some.py").write_text("\n".join(lines))
        outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        outer["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        done = subprocess.run(
            [ROOT / "scripts" / "ci-test.sh", sys.executable, "-m", "pytest", "-q", "-p", "xdist.plugin"],
            cwd=tmp_path, env=outer, capture_output=True, text=True, check=False, timeout=110,
        )  # fmt: skip
        return done.returncode, done.stdout.splitlines()

    return run


def test_tests_that_pass_run_once(run):
    status, lines = run(a="0", b="0")
    assert status == 0
    assert not any("alone" in line for line in lines)


def test_test_that_passes_alone_is_named_and_no_failure(run):
    status, lines = run(a="0", b=AT_FIRST)
    assert status == 0
    assert lines[-1] == "passed alone, failed beside others: test_some.py::test_b"


@pytest.mark.full
def test_test_that_fails_alone_too_is_a_failure(run):
    status, lines = run(a=AT_FIRST, b="1")
    assert status == 1
    assert lines[-2:] == [
        "failed alone, too: test_some.py::test_b",
        "passed alone, failed beside others: test_some.py::test_a",
    ]


def test_more_than_three_failures_are_not_run_again(run):
    status, lines = run(a=AT_FIRST, b=AT_FIRST, c=AT_FIRST, d=AT_FIRST)
    assert status == 1
    assert lines[-1] == "4 tests failed: none of them is run again"


def test_run_that_is_no_run_is_a_failure_with_its_own_status(run):
    status, lines = run(a="os._exit(3) or 0")
    assert status != 0
    assert not any("passed alone" in line for line in lines)
