"""The whole-app tests on Azure's own host: the way there, tried with a stub of `func`, as Core Tools are not here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.core_tools import CoreToolsHost
from local.functions_host import HostNotReadyError
from tests.host.conftest import TOY_APP

REPOSITORY = Path(__file__).parents[2]
# As far as the tests go, `func start` is our stand-in behind the command line of Core Tools.
STUB = f"""#!/bin/sh
set -eu
case "$1 ${{2:-}}" in
"--version ") echo 4.9.9 ;;
"start --port")
    app=$(pwd)
    cd {REPOSITORY}
    exec {sys.executable} -m local.functions_host --app "$app" --port "$3" --key core-tools --master-key core-tools \\
        --event-grid-key core-tools ;;
*) echo "func does not know: $*" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def path_with_stub(tmp_path):
    stub = tmp_path / "bin" / "func"
    stub.parent.mkdir()
    stub.write_text(STUB)
    stub.chmod(0o755)
    return f"{stub.parent}:{os.environ['PATH']}"


def run_script(path, *arguments):
    return subprocess.run(
        ["scripts/test-host.sh", *arguments], cwd=REPOSITORY, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip


def test_without_func_the_command_says_so_and_is_no_failure(tmp_path):
    done = run_script("/usr/bin:/bin")
    assert done.returncode == 0
    assert done.stdout.startswith("test-host: func is not on the PATH, so nothing was run on the real host.")


def test_without_func_the_host_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(HostNotReadyError, match="install Azure Functions Core Tools"):
        CoreToolsHost(TOY_APP).start()


def test_app_is_started_called_and_stopped_by_func(path_with_stub, monkeypatch, tmp_path, azurite):
    monkeypatch.setenv("PATH", path_with_stub)
    settings = {
        "NOTES": str(tmp_path / "notes.jsonl"),
        "TOY_SCHEDULE": "0 0 3 1 1 *",
        "TOY_QUEUE": "core-tools-orders",
        "TOY_STORAGE": azurite.connection_string,
        "AzureWebJobsStorage": azurite.connection_string,
    }
    host = CoreToolsHost(TOY_APP, settings).start()
    try:
        assert json.loads(host.request("GET", "/api/echo/word").body)["word"] == "word"
        assert host.run_now("tick").status == 202
        assert host.worker_pids() == []
        assert "Executing 'Functions.echo'" in host.log_text()
    finally:
        assert host.stop() == 0


def test_func_that_does_not_start_is_reported_with_the_end_of_its_log(path_with_stub, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", path_with_stub)
    with pytest.raises(HostNotReadyError, match=r"has no function_app\.py|is missing"):
        CoreToolsHost(tmp_path).start()


@pytest.mark.full
@pytest.mark.timeout(180)
def test_whole_app_tests_run_on_func_by_the_command(path_with_stub):
    done = run_script(
        path_with_stub, "-k", "health or every_route or blob_that_lands or given_up", "-p", "no:cacheprovider"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test-host: the whole-app tests on func 4.9.9" in done.stdout
