"""scripts/bicep-check.sh, which compiles infra/ where Microsoft's Bicep CLI is installed: here, a stand-in for it."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/bicep-check.sh"
# Notes each call, says and returns what the test wants, and makes the files that the real one would make.
STAND_IN = """#!/bin/sh
echo "$*" >>"$CALLS"
case $1 in
--version) echo "Bicep CLI version 0.49.2" ;;
build) [ -f "$2" ] && echo '{}' >"$4" ;;
lint) [ -f "$2" ] && case $2 in "$LINT_COMPLAINS_OF") echo "$2(1,1) : Warning no-unused-params" >&2 ;; esac ;;
snapshot) printf '%s' "$SNAPSHOT" >"${2%.bicepparam}.snapshot.json" ;;
esac
case "$1 $2" in "$FAILS") exit 1 ;; esac
exit 0
"""
TWO_RESOURCES = json.dumps({"predictedResources": [{"type": "a"}, {"type": "b"}]})


class Cli:
    def __init__(self, folder: Path, where: str) -> None:
        self.path, self.home = folder / "bin", folder / "home"
        (folder / where).mkdir(parents=True)
        program = folder / where / "bicep"
        program.write_text(STAND_IN)
        program.chmod(0o755)
        self.calls_file = folder / "calls"
        self.calls_file.touch()

    def check(self, **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "PATH": f"{self.path}:/usr/bin:/bin",
            "HOME": str(self.home),
            "CALLS": str(self.calls_file),
            "SNAPSHOT": TWO_RESOURCES,
            "FAILS": "",
            "LINT_COMPLAINS_OF": "",
        }
        return subprocess.run(
            [str(SCRIPT)], env=settings | environment, capture_output=True, text=True, timeout=60, check=False
        )

    def calls(self, word: str) -> list[str]:
        return [line for line in self.calls_file.read_text().splitlines() if line.startswith(f"{word} ")]


@pytest.fixture(params=["bin", "home/.azure/bin"], ids=["bicep on the path", "the one of az bicep install"])
def cli(request, tmp_path) -> Cli:
    return Cli(tmp_path, request.param)


def test_each_file_is_linted_each_template_built_and_both_sets_of_parameters_evaluated(cli):
    done = cli.check()
    assert done.returncode == 0, done.stderr
    assert {line.split()[1] for line in cli.calls("build")} == {"main.bicep", "app/event-subscription.bicep"}
    files = {str(path.relative_to(ROOT / "infra")) for path in (ROOT / "infra").rglob("*.bicep")}
    assert {line.split()[1] for line in cli.calls("lint")} == files
    assert [line.split()[1] for line in cli.calls("snapshot")] == [
        "checks/default.bicepparam",
        "checks/network.bicepparam",
    ]
    # What the template asks of Azure itself: without these it would not be evaluated.
    assert all(word in line for line in cli.calls("snapshot") for word in ("--subscription-id", "--tenant-id"))
    assert done.stdout.count("makes 2 resources") == 2
    assert "Bicep CLI version 0.49.2" in done.stdout


def test_repository_stays_as_it_was(cli):
    def state() -> set[Path]:
        return set((ROOT / "infra").rglob("*"))

    before = state()
    assert cli.check().returncode == 0
    assert state() == before


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"LINT_COMPLAINS_OF": "app/roles.bicep"}, "bicep lint infra/app/roles.bicep is not clean"),
        ({"FAILS": "build main.bicep"}, "bicep build infra/main.bicep is not clean"),
        ({"FAILS": "snapshot checks/network.bicepparam"}, "bicep snapshot infra/checks/network.bicepparam failed"),
        ({"SNAPSHOT": '{"predictedResources": []}'}, "makes no resource"),
    ],
)
def test_warning_and_failure_of_the_compiler_are_faults(cli, environment, told):
    done = cli.check(**environment)
    assert done.returncode == 1
    assert told in done.stderr


def test_without_the_compiler_one_line_says_so_and_nothing_fails(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("bicep-check: not compiled: the Bicep CLI is not installed")


def test_check_of_the_infrastructure_compiles_it():
    assert "scripts/bicep-check.sh\n" in (ROOT / "scripts/infra-check.sh").read_text(encoding="utf-8")


def test_sets_of_parameters_name_parameters_that_are_there():
    declared = {
        line.split()[1]
        for line in (ROOT / "infra/main.bicep").read_text(encoding="utf-8").splitlines()
        if line.startswith("param ")
    }
    for path in (ROOT / "infra/checks").glob("*.bicepparam"):
        given = {line.split()[1] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("param ")}
        assert {"environmentName", "location"} <= given <= declared, path
