"""`make demo`, `make serve` and `make bench` as a person uses them: in processes of their own, seen from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.functions_host.http_messages import send
from local.sample_data import make_segment
from local.sandbox_contacts import members_of
from local.sandbox_process import SandboxProcess
from local.stack import is_free
from shared.version import VERSION
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
MARK = "STARTED_BY_THE_TEST"

pytestmark = pytest.mark.timeout(240)


class Started:
    """A command with a mark in its environment, by which everything that it started is found again."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = folder / f"tmp-{self.mark[:8]}"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, MARK: self.mark, "TMPDIR": str(self.temporary), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, seconds: float = 200) -> tuple[int, list[str], str]:
        """Exit status, lines of the output, and what stood on standard error."""
        output, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, output.splitlines(), errors

    def left_processes(self) -> list[str]:
        """Command lines of what it started and what is still there; Linux only."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes():
                    found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def left_files(self) -> list[str]:
        return [path.name for path in self.temporary.iterdir()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def run(*arguments: str, **environment: str) -> Started:
        started.append(Started(tmp_path, *arguments, **environment))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.process.terminate()
            each.process.communicate(timeout=30)


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


def test_the_demo_takes_a_segment_to_its_list_by_every_trigger_and_leaves_nothing_behind(
    start: Callable[..., Started],
) -> None:
    demo = start("local.demo", "--rows", "2000")
    status, lines, errors = demo.end()
    assert status == 0, "\n".join([*lines, errors])
    found = re.fullmatch(
        r"demo: 4 runs \(http, timer, event, terminal\) confirmed, 3,558 contacts in list 12, "
        r"56 rows rejected and explained, (\d+) s",
        lines[-1],
    )
    assert found, lines[-1]
    text = "\n".join(lines)
    assert "3,558 members: 0 missing, 0 wrong, 0 unexpected" in text
    assert "list 13, which belongs to others, is as it was" in text
    assert "segment,file,line,reason,field,customer_id,email_sha256,outcome" in text
    assert "@" not in text, "the demo shows somebody's address"
    assert demo.left_processes() == []
    assert demo.left_files() == []


def test_the_demo_says_in_its_last_line_what_is_wrong_and_fails(start: Callable[..., Started], tmp_path: Path) -> None:
    demo = start("local.demo", "--rows", "100", AZURITE_COMMAND=str(tmp_path / "no-azurite"))
    status, lines, _ = demo.end()
    assert status == 1
    assert lines[-1].startswith("demo: FAILED: ")
    assert "no-azurite is missing" in lines[-1]
    assert demo.left_processes() == []


@pytest.mark.full
def test_the_demo_that_is_stopped_half_way_ends_all_that_it_started(start: Callable[..., Started]) -> None:
    demo = start("local.demo", "--rows", "500")
    wait_until(lambda: any("functions_host.worker" in command for command in demo.left_processes()))
    demo.process.send_signal(signal.SIGTERM)
    status, lines, _ = demo.end(60)
    assert (status, lines[-1]) == (130, "demo: stopped")
    assert demo.left_processes() == []
    assert demo.left_files() == []


def test_serve_is_up_until_it_is_stopped_and_a_second_one_says_so(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    serve = start("local.serve", "--folder", str(folder), "--json", "--sample", "500", PORT="0")
    facts = _serve_facts(folder, serve)
    assert {"api", "key", "sandbox", "storage"} <= facts.keys()
    assert (folder / "serve.json").stat().st_mode & 0o077 == 0, "others may read the key"
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


@pytest.mark.full
def test_serve_that_is_started_again_has_kept_its_runs(start: Callable[..., Started], tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    first = start("local.serve", "--folder", str(folder), "--sample", "100", PORT="0")
    facts = _serve_facts(folder, first)
    (run,) = wait_until(lambda: _get(facts, "exports/high-value/runs"))
    first.process.send_signal(signal.SIGINT)
    assert first.end(40)[0] == 0

    again = start("local.serve", "--folder", str(folder), PORT="0")
    (kept,) = _get(_serve_facts(folder, again), "exports/high-value/runs")
    assert kept["run_id"] == run["run_id"]


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
        status, _, words = start("local.serve", "--folder", str(tmp_path), PORT=port).end(30)
    assert status == 1
    assert words.strip() == f"serve: port {port} is taken by another program: `PORT=8071 make serve` takes another one"


@pytest.mark.parametrize("port", ["http", "70000", "-1"])
def test_serve_refuses_a_port_that_is_none(start: Callable[..., Started], port: str) -> None:
    status, _, words = start("local.serve", PORT=port).end(30)
    assert (status, f"PORT is '{port}'" in words) == (2, True)


def test_the_sandbox_process_ends_when_its_starter_is_killed(start: Callable[..., Started], tmp_path: Path) -> None:
    (tmp_path / "starter.py").write_text(
        "import signal\n"
        "from local.sandbox_process import SandboxProcess\n"
        "print(SandboxProcess().start().base_url, flush=True)\n"
        "signal.pause()\n"
    )
    starter = start("starter", PYTHONPATH=str(tmp_path))
    assert starter.process.stdout is not None
    assert starter.process.stdout.readline().startswith("http://127.0.0.1:")
    assert any("sandbox_process" in command for command in starter.left_processes())
    starter.process.kill()
    wait_until(lambda: not starter.left_processes(), 20)


def test_the_members_of_a_list_are_read_from_the_sandbox_as_they_were_seeded() -> None:
    contacts = make_segment(rows=5_000).expected.contacts
    with SandboxProcess() as sandbox:
        seeded = [{"email": email, "attributes": attributes, "lists": [12]} for email, attributes in contacts.items()]
        body = json.dumps({"contacts": seeded}).encode()
        answer = send("POST", f"{sandbox.origin}/sandbox/seed", body=body)
        assert answer.status == 200, answer.body
        assert dict(members_of(sandbox.origin, 12)) == contacts
        assert len(dict(members_of(sandbox.origin, 13))) == 4


@pytest.mark.full
def test_the_benchmark_judges_each_contender_and_ends_with_one_line(start: Callable[..., Started]) -> None:
    bench = start("benchmarks.bench", "--quick", "--rows", "3000", "--json")
    status, lines, errors = bench.end()
    assert status == 0, errors
    found = json.loads("\n".join(lines))
    runs = {name: run for name, (run,) in found["runs"].items()}
    assert list(runs) == ["floor", "ours", "ours_parallel", "pandas_way", "naive", "per_contact"]
    assert all(not run["fault"] for run in runs.values())
    assert runs["ours"]["verdict"] == {
        "contacts": found["workload"]["contacts"],
        "missing": 0,
        "unexpected": 0,
        "differing": 0,
    }
    assert runs["naive"]["verdict"]["missing"] == 0 and runs["naive"]["verdict"]["unexpected"] > 0
    for run in (runs["ours"], runs["pandas_way"], runs["naive"]):
        assert run["imports"] == 1 and run["bytes_sent"] > 300_000
        assert 0 < run["to_first"] <= run["to_last"] < run["wall"]
        assert 20e6 < run["peak_of_a_process"] <= run["peak_of_the_tree"]
    assert runs["per_contact"]["wall"] >= found["workload"]["contacts"] / 10
    assert re.fullmatch(r"bench: 3,000 rows: .* every bar held", errors.splitlines()[-1])
    assert bench.left_processes() == []
    assert bench.left_files() == []
