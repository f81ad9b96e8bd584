"""Each command and request of README and the guides, run as it stands there beside `make serve`, as a reader does.

README's lines run in `make test`, those of the guides are long tests. One start of `make serve` for all pages that are
run. A page is one shell, in which `serve.env` was read: what a line sets, the next
ones use. The command segment-export is forked from one that has loaded the product; all else is as for a reader.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.functions_host.http_messages import send
from tests.documented import ROOT, commands
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(240)

PAGES = (
    *("README.md", "docs/marketer.md", "docs/api.md", "docs/configure.md", "docs/sandbox.md"),
    *("docs/operate.md", "docs/deploy.md", "docs/sync.md"),
)
AZURE = "needs a subscription of Azure"
ACCOUNT = "names an account or an app on Azure"
# Beginnings of commands that are not run, each with its reason.
NOT_RUN = {
    "make ": "starts processes of its own; tests/whole/test_demo.py runs demo and serve",
    "OTEL_EXPORTER_OTLP_ENDPOINT=": "starts another `make serve`; tests/whole/test_telemetry.py has a receiver",
    "azd ": AZURE,
    "az ": AZURE,
    "WRITER=$(az ": AZURE,
    "ACCOUNT=$(az ": AZURE,
    "git checkout ": AZURE,
    "read -rs BREVO_API_KEY": "asks at a terminal for the key that azd gets",
    "export AzureWebJobsStorage__accountName": ACCOUNT,
    "export SEGMENT_STORAGE__accountName": ACCOUNT,
    "export EXPORT_CONFIG=config/exports.json": ACCOUNT,
    "AzureWebJobsStorage__": ACCOUNT,
    "SEGMENT_STORAGE__blobServiceUri": ACCOUNT,
    "AZURE_AUTHORITY_HOST=": ACCOUNT,
    'curl -H "x-functions-key: KEY" https://<app>': ACCOUNT,
    "segment-export undo high-value-": "names a run; tests/flow/administration has undone ones",
    "segment-export probe ": "takes minutes or waits for a person; tests/flow/administration has it in a second",
}
TYPED = "ana@example.com\n"


class Ended(NamedTuple):
    """A command's exit status, and what it printed."""

    status: int
    printed: str


def reason_not_to_run(command: str) -> str:
    return next((reason for beginning, reason in NOT_RUN.items() if command.startswith(beginning)), "")


def expected_status(command: str) -> int:
    """What the page says beside the command, in its comment; 0 where it says nothing."""
    said = re.search(r"# .*exit status (\d)", command)
    return int(said[1]) if said else 0


def lines_to_run(page: str) -> list[str]:
    return [command for command in commands(page) if not reason_not_to_run(command)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, forked: list[str]) -> Iterator[Path]:
    """The folder of a `make serve` on free ports. Its processes are forked, too."""
    assert forked
    folder = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "local.serve", "--json", "--folder", str(folder)]
    environment = {**os.environ, "PORT": "0", "SNAPSHOT_QUIET_SECONDS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as serve:
        try:
            wait_until(lambda: (folder / "serve.json").exists() or serve.poll() is not None, 120)
            assert serve.poll() is None
            facts = json.loads((folder / "serve.json").read_text())
            wait_until(lambda: _has_ended(facts, "high-value"), 60)
            yield folder
        finally:
            serve.send_signal(signal.SIGTERM)
            serve.wait(40)


def _has_ended(facts: dict[str, Any], export: str) -> bool:
    """Whether the run that starts with the sample, while a reader still reads, is over."""
    answer = send("GET", f"{facts['api']}/api/exports/{export}/runs", headers={"x-functions-key": facts["key"]})
    runs = json.loads(answer.body)
    return bool(runs) and all(run["finished_at"] for run in runs)


def ended(served: Path, forked: list[str], work: Path, page: str) -> list[Ended]:
    """What became of each of the page's commands."""
    shutil.copytree(ROOT / "config", work / "config")
    results = work / "results"
    results.mkdir()
    script = _script(served, _programs(work, forked), results, lines_to_run(page))
    done = subprocess.run(["sh", "-c", script], cwd=work, env=_environment(), capture_output=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return [
        Ended(int((results / f"{number}.status").read_text()), (results / f"{number}.printed").read_text())
        for number in range(len(lines_to_run(page)))
    ]


def _programs(work: Path, forked: list[str]) -> Path:
    """A folder with segment-export, and curl that ends with 22 where a request is refused."""
    folder = work / "programs"
    folder.mkdir()
    for name, line in {
        "segment-export": f'{shlex.join(forked)} shared.cli "$@"',
        "curl": f'{shutil.which("curl")} --fail-with-body --max-time 60 "$@"',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\nexec {line}\n")
        (folder / name).chmod(0o755)
    return folder


def _script(served: Path, programs: Path, results: Path, lines: list[str]) -> str:
    run = [f". {served}/serve.env", f"PATH={programs}:$PATH"]
    for number, command in enumerate(lines):
        place = f"{results}/{number}"
        run.append(f"{{ {command}\n}} > {place}.printed 2>&1 <<'TYPED'\n{TYPED}TYPED\necho $? > {place}.status")
    return "\n".join(run)


def _environment() -> dict[str, str]:
    """A reader's: nothing of the app's but what serve.env sets."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "USER": "ana", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    "page", ["README.md", *(pytest.param(page, marks=pytest.mark.full) for page in PAGES if page != "README.md")]
)
def test_documented_lines_do_what_the_page_says(served: Path, forked: list[str], tmp_path: Path, page: str) -> None:
    lines = lines_to_run(page)
    assert lines
    wrong = [
        f"{command}\n{found.printed}"
        for command, found in zip(lines, ended(served, forked, tmp_path, page), strict=True)
        if found.status != expected_status(command)
    ]
    assert not wrong, "\n".join(wrong)


def test_serve_env_has_what_the_guides_need(served: Path) -> None:
    script = f'. {served}/serve.env && command -v segment-export && echo "$API" && echo "$KEY" && echo "$SANDBOX"'
    done = subprocess.run(["sh", "-ec", script], env=_environment(), capture_output=True, text=True, check=True)
    facts: dict[str, Any] = json.loads((served / "serve.json").read_text())
    program, *values = done.stdout.splitlines()
    assert Path(program) == Path(sys.executable).parent / "segment-export"
    assert values == [f"{facts['api']}/api", facts["key"], facts["sandbox"]]


@pytest.mark.parametrize("beginning", NOT_RUN)
def test_what_is_not_run_is_still_in_a_page(beginning: str) -> None:
    assert any(command.startswith(beginning) for page in PAGES for command in commands(page))
