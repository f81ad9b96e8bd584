"""`make serve` as a person uses it: in processes of its own, seen from outside."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.free_port import is_free
from local.functions_host.http_messages import send
from local.sandbox_process import SandboxProcess
from shared.version import VERSION
from tests.known_account import make_known, make_quick
from tests.sizes import thinned
from tests.waiting import wait_until
from tests.whole.started import REPOSITORY, Started

pytestmark = pytest.mark.timeout(240)


def _serve_facts(folder: Path, serve: Started) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        assert serve.process.poll() is None, serve.end()
        path = folder / "serve.json"
        return json.loads(path.read_text()) if path.exists() else None

    return wait_until(look)


def _get(facts: dict[str, Any], path: str) -> Any:
    answer = send("GET", f"{facts['api']}/api/{path}", headers={"x-functions-key": facts["key"]})
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_serve_is_up_until_it_is_stopped_and_a_second_one_says_so(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "sandbox.json").write_text("from an earlier start, and broken")
    serve = start("local.serve", "--folder", str(folder), "--json", "--fresh", "--sample", "500", PORT="0")
    facts = _serve_facts(folder, serve)
    make_known(facts["storage"])
    make_quick(facts["sandbox"])
    assert {"api", "key", "sandbox", "storage"} <= facts.keys()
    open_to_others = [path for path in folder.rglob("*") if path.stat().st_mode & 0o077 and path.name != "sandbox.json"]
    assert open_to_others == [], "others may read the key, or what segments and contacts hold"
    assert _get(facts, "health") == {"status": "ok", "version": VERSION}
    page = send("GET", f"{facts['sandbox']}/")
    assert (page.status, b"High-value customers" in page.body) == (200, True)

    second, _, words = start("local.serve", "--folder", str(folder), PORT="0").end(30)
    assert second == 1
    assert words.strip().startswith(f"serve: one is up already at {facts['api']} (process {serve.process.pid})")

    def ended_run() -> list[Any]:
        return [run for run in _get(facts, "exports/high-value/runs") if run["finished_at"]]

    (run,) = wait_until(ended_run)
    assert (run["trigger"], run["status"]) == ("event", "succeeded_with_rejections")

    serve.process.send_signal(signal.SIGINT)
    status, lines, errors = serve.end(40)
    assert (status, errors) == (0, "")
    assert [json.loads(line) for line in lines] == [facts]
    assert not (folder / "serve.json").exists()
    assert not (folder / "serve.env").exists()
    assert serve.left_processes() == []


def _call(facts: dict[str, Any], method: str, path: str, document: Any) -> int:
    headers = {"x-functions-key": facts["key"]}
    return send(method, f"{facts['api']}/api/{path}", headers=headers, body=json.dumps(document).encode()).status


@pytest.mark.full
def test_serve_keeps_what_it_holds_and_names_the_log_of_a_part_that_dies(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "Mine.csv").write_text("CustomerId,EMail\nC-1,ana@example.com\n")
    first = start("local.serve", "--folder", str(folder), "--segments", str(tmp_path / "own"), PORT="0")
    facts = _serve_facts(folder, first)
    connection = {"display_name": "Another", "api_key": {"setting": "BREVO_API_KEY"}}
    assert _call(facts, "PUT", "connections/another", connection) == 201
    person = {"contacts": [{"email": "ada.brook@example.com", "emailBlacklisted": True}]}
    assert send("POST", f"{facts['sandbox']}/sandbox/contacts", body=json.dumps(person).encode()).status == 200
    page = send("GET", facts["start_page"]).body.decode()
    assert f'href="{facts["sandbox"]}/"' in page and "segment-export exports" in page
    first.process.send_signal(signal.SIGINT)
    status, lines, errors = first.end(40)
    assert (status, errors) == (0, "")
    assert re.fullmatch(r"serve: \[ 0\.\d s\] .*", lines[0]), "nothing is said in the first second"
    assert any("put 1 file of" in line for line in lines)
    shown = lines[lines.index("Segment Export is up on this machine. Ctrl+C ends it; what it holds is kept.") : -1]
    assert [line for line in shown if len(line) > 80 and str(folder) not in line] == []

    again = start("local.serve", "--folder", str(folder), PORT="0")
    kept = _serve_facts(folder, again)
    assert [kept[name] for name in ("key", "master_key")] == [facts[name] for name in ("key", "master_key")]
    assert [each["id"] for each in _get(kept, "connections")] == ["brevo-eu", "another"]
    contacts = json.loads(send("GET", f"{kept['sandbox']}/sandbox/state").body)["contacts"]
    assert [each["email"] for each in contacts if each["emailBlacklisted"]] == [
        "ada.brook@example.com",
        "blocked.person@example.com",
    ]
    workers = json.loads(
        send("GET", f"{kept['api']}/admin/host/workers", headers={"x-functions-key": kept["master_key"]}).body
    )["workers"]
    assert again.process.stdout is not None
    os.kill(workers[0]["pid"], signal.SIGKILL)
    wait_until(lambda: "worker 1 ended, and the host starts it again" in again.process.stdout.readline())
    (sandbox,) = again.left_pids("local.sandbox_process")
    os.kill(sandbox, signal.SIGKILL)
    status, _, errors = again.end(60)
    assert status == 1
    assert errors.startswith(f"serve: the Brevo sandbox has ended; its log is {folder}/sandbox.log\n    ")
    assert "all of it is stopped now. `make serve` starts it again" in errors
    assert again.left_processes() == []


@pytest.mark.full
def test_a_terminal_with_the_settings_of_serve_runs_an_export(start: Callable[..., Started], tmp_path: Path) -> None:
    serve = start("local.serve", "--folder", str(tmp_path), "--sample", "100", PORT="0", SNAPSHOT_QUIET_SECONDS="1")
    _serve_facts(tmp_path, serve)
    command = f". '{tmp_path}/serve.env' && '{sys.executable}' -m shared.cli run high-value --wait --json"
    done = subprocess.run(["sh", "-c", command], cwd=REPOSITORY, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["contacts_confirmed"] > 100


def test_serve_says_that_its_port_is_taken(start: Callable[..., Started], tmp_path: Path) -> None:
    with SandboxProcess() as other:
        port = other.origin.rsplit(":", 1)[1]
        assert not is_free(int(port))
        (tmp_path / "sandbox.json").write_text("kept")
        status, _, words = start("local.serve", "--folder", str(tmp_path), "--fresh", PORT=port).end(30)
    assert status == 1
    assert (tmp_path / "sandbox.json").read_text() == "kept"
    assert words.strip() == f"serve: port {port} is taken by another program: `PORT=8071 make serve` takes another one"


@pytest.mark.parametrize("port", thinned(["http", "70000", "-1"], 3))
def test_serve_refuses_a_port_that_is_none(start: Callable[..., Started], port: str) -> None:
    status, _, words = start("local.serve", PORT=port).end(30)
    assert (status, f"PORT is '{port}'" in words) == (2, True)
