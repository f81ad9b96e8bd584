"""A very small chaos: three kills, one in each state of a run, and the oracle's verdict."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(240)
def test_small_chaos_of_kills_loses_no_contact_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.chaos", "--small", "--only", "kills", "--seed", "11", "--json"]
    done = subprocess.run(
        [*command, f"--folder={tmp_path}"], cwd=REPOSITORY, capture_output=True, text=True, timeout=220, check=False
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    [report] = told["scenarios"]
    failures = [text for check in report["checks"] for text in check["failures"]]
    assert not failures, "\n".join(failures)
    assert done.returncode == 0
    assert sum(count for what, count in report["done"].items() if what.startswith("kills while")) == 3


def test_unknown_scenario_is_refused_by_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.chaos", "--only", "floods"], cwd=REPOSITORY, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "unknown: floods" in done.stderr
