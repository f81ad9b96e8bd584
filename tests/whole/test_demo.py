"""`make demo` and `make bench` as a person uses them: in processes of their own, seen from outside."""

import json
import re
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from local.functions_host.http_messages import send
from local.sample_data import make_segment
from local.sandbox_contacts import members_of
from local.sandbox_process import SandboxProcess
from tests.waiting import wait_until
from tests.whole.started import Started

pytestmark = pytest.mark.timeout(240)


@pytest.mark.full
def test_the_demo_takes_a_segment_to_its_list_by_every_trigger_and_leaves_nothing_behind(
    start: Callable[..., Started],
) -> None:
    demo = start("local.demo", "--rows", "2000")
    status, lines, errors = demo.end()
    assert status == 0, "\n".join([*lines, errors])
    found = re.fullmatch(
        r"demo: 4 runs \(http, timer, event, terminal\) confirmed, 3,558 contacts in list 12, "
        r"56 rows rejected and explained, (\d+) s",
        lines[-3],
    )
    assert found, lines[-3]
    assert lines[-2].startswith("Next: `make serve`")
    text = "\n".join(lines)
    assert "3,558 members: 0 missing, 0 wrong, 0 unexpected" in text
    assert "list 13, which belongs to others, is as it was" in text
    assert "segment,file,line,reason,field,customer_id,email_sha256,outcome" in text
    shown = [line.partition("] ")[2] or line.strip() for line in lines if line.strip()]
    assert [line for line, after in pairwise(shown) if line == after] == [], "a line is repeated"
    assert "next check at" not in text, "each look at a run would have a line of its own"
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
    wait_until(lambda: not starter.left_processes())


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
    assert list(runs) == ["floor", "ours", "ours_by_file", "ours_parallel", "pandas_way", "naive", "per_contact"]
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
