"""A very small chaos: three kills, and the oracle's verdict; and the long one by scenario. Both are long tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.chaos import kills
from local.chaos.command import SCENARIOS, main, run_scenarios
from local.chaos.site import ChaosError, Site
from local.chaos.world import World

REPOSITORY = Path(__file__).parents[2]


def run_chaos(folder: Path, scenario: str, seed: str, seconds: float, *arguments: str) -> dict[str, Any]:
    """The scenario's report, once it holds no violation."""
    command = [sys.executable, "-m", "local.chaos", "--only", scenario, "--seed", seed, "--json", *arguments]
    done = subprocess.run(
        [*command, f"--folder={folder}"], cwd=REPOSITORY, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.stdout, done.stderr
    [report] = json.loads(done.stdout)["scenarios"]
    failures = [text for check in report["checks"] for text in check["failures"]]
    assert not failures, "\n".join([f"python -m local.chaos --only {scenario} --seed {seed}", *failures])
    assert done.returncode == 0
    found: dict[str, Any] = report
    return found


@pytest.mark.full
@pytest.mark.timeout(240)
def test_small_chaos_of_kills_loses_no_contact_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looking all the time would take as much of the processor as the app does.
    monkeypatch.setattr(kills, "_GLANCE_SECONDS", 0.02)
    [report] = run_scenarios(World(tmp_path, small=True, quiet=True), ["kills"], 11, at_once=1)
    assert not report.violations
    by_state = {what: count for what, count in report.done.items() if what.startswith("kills while")}
    assert by_state == {"kills while staging": 1, "kills while delivering": 1, "kills while confirming": 1}


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_chaos_loses_no_contact_and_leaves_nothing_behind(tmp_path: Path, scenario: str) -> None:
    run_chaos(tmp_path, scenario, os.environ.get("SEED") or "7", 1150)


def test_unknown_scenario_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "floods"])
    assert ended.value.code == 2
    assert "unknown: floods" in capsys.readouterr().err


def test_time_factor_above_ten_is_refused_because_queues_count_whole_seconds(tmp_path: Path) -> None:
    with pytest.raises(ChaosError, match="a time factor of 11"):
        Site("too-fast", tmp_path, print, time_factor=11)
