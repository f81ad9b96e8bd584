"""What the benchmarks count, judge and draw, over made-up figures and small real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.bars import Bar, of_every_size, of_the_race
from benchmarks.cold_start import APP, ColdStart, imported
from benchmarks.judging import Verdict, books_are_right, verdict_of
from benchmarks.plot import svg
from benchmarks.race import Result
from benchmarks.table import ratios, table
from benchmarks.workload import Fingerprints
from local.sample_data import make_segment

RESULT = Result(
    wall=2.0,
    cpu=2.0,
    peak_of_a_process=100e6,
    peak_of_the_tree=120e6,
    imports=15,
    requests=20,
    bytes_sent=120e6,
    contacts=1000,
    to_first=1.0,
    to_last=1.5,
    verdict=Verdict(1000, 0, 0, 0),
)
NAMES = ("floor", "ours", "ours_by_file", "ours_parallel", "pandas_way", "naive")
BY_FILE = replace(RESULT, imports=1, requests=8)
WARM = ColdStart(libraries=1.0, app=2.0, loaded=())


def _runs(**changed: Result) -> dict[str, list[Result]]:
    runs = {name: [RESULT] for name in NAMES} | {"naive": [replace(RESULT, cpu=20.0)]}
    runs["ours_by_file"] = [BY_FILE]
    return runs | {name: [result] for name, result in changed.items()}


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, ""),
        ({"ours": replace(RESULT, cpu=6.1)}, "our CPU to the floor's"),
        ({"naive": replace(RESULT, cpu=19.9)}, "naive's CPU to ours"),
        ({"ours_parallel": replace(RESULT, to_last=8.1)}, "our wall until the last import"),
        ({"ours": replace(RESULT, to_first=6.1)}, "our wall until the first import"),
        ({"ours_parallel": replace(RESULT, imports=16)}, "import requests"),
        ({"ours_by_file": replace(BY_FILE, cpu=5.5)}, "our CPU to the floor's, by file"),
        ({"ours_by_file": replace(BY_FILE, imports=2)}, "import requests, by file"),
        ({"ours_by_file": replace(BY_FILE, requests=9)}, "requests to Brevo in all, by file"),
    ],
)
def test_a_bar_of_the_race_is_missed_just_beyond_it(changed: dict[str, Result], missed: str) -> None:
    found = [bar.words for bar in of_the_race(_runs(**changed)) if not bar.is_met]
    expected = {missed, "naive's CPU to ours"} if missed == "our CPU to the floor's" else {missed} - {""}
    # Words may end with a figure.
    assert {min(expected, key=lambda wanted: not words.startswith(wanted), default="") for words in found} == expected
    assert len(found) == len(expected)


def test_the_median_of_the_runs_is_what_counts() -> None:
    runs = _runs() | {"ours": [replace(RESULT, cpu=seconds) for seconds in (2.0, 2.0, 600.0)]}
    assert all(bar.is_met for bar in of_the_race(runs))


@pytest.mark.parametrize(
    ("runs", "cold"),
    [
        (_runs(ours=replace(RESULT, peak_of_a_process=300.1e6)), WARM),
        (_runs(pandas_way=replace(RESULT, fault="7 customers are missing")), WARM),
        (_runs(), replace(WARM, app=3.1)),
        (_runs(), replace(WARM, loaded=("duckdb",))),
    ],
)
def test_a_bar_of_every_size_is_missed_and_says_so(runs: dict[str, list[Result]], cold: ColdStart) -> None:
    (missed,) = [bar for bar in of_every_size(runs, cold) if not bar.is_met]
    assert missed.line().startswith("MISSED  ")


def test_a_bar_shows_both_numbers_with_their_unit() -> None:
    assert Bar("peak", 281.26, 300, unit=" MB").line() == "met     peak: 281.3 MB (at most 300 MB)"
    assert Bar("as fast", 2.0, 2.5, "at least", "x").line() == "MISSED  as fast: 2x (at least 2.5x)"


def test_a_figure_just_beyond_its_bar_never_looks_like_the_bar() -> None:
    assert Bar("CPU", 3.004, 3, unit="x").line() == "MISSED  CPU: 3.004x (at most 3x)"


def test_missing_unexpected_and_differing_contacts_are_counted() -> None:
    expected = Fingerprints()
    for email, name in (("ana@x.ro", "Ana"), ("ben@x.ro", "Ben"), ("cy@x.ro", "Cy")):
        expected.add(email, {"FIRSTNAME": name})
    found = [("ana@x.ro", {"FIRSTNAME": "Ana", "CITY": "Cluj"}), ("ben@x.ro", {}), ("dan@x.ro", {}), ("eve@x.ro", {})]
    verdict = verdict_of(found, expected)
    assert verdict == Verdict(contacts=4, missing=1, unexpected=2, differing=1)
    assert not verdict.is_exact


def test_books_that_do_not_balance_or_are_not_the_oracles_are_wrong() -> None:
    expected = make_segment(rows=500, flaws=0.05).expected
    status = {
        "status": "succeeded_with_rejections",
        "rows_read": expected.rows_read,
        "rows_merged": 0,
        "rows_rejected": dict(expected.rows_rejected),
        "warnings": dict(expected.warnings),
        "contacts_mapped": expected.contacts_mapped,
        "contacts_delivered": expected.contacts_mapped,
        "contacts_confirmed": expected.contacts_mapped,
        "contacts_rejected_by_brevo": {},
    }
    assert books_are_right(json.dumps(status), expected)
    for wrong in ({"status": "failed"}, {"rows_read": 499}, {"contacts_confirmed": 1}, {"rows_rejected": {}}):
        assert not books_are_right(json.dumps(status | wrong), expected)


@pytest.fixture
def used(tmp_path: Path) -> Callable[[str], dict[str, float]]:
    """What a Python program uses, by the benchmarks' own measure."""

    def run(code: str) -> dict[str, float]:
        report, temporary = tmp_path / "usage.json", tmp_path / "tmp"
        temporary.mkdir()
        command = [sys.executable, "-m", "benchmarks.measuring", str(report), sys.executable, "-S", "-c", code]
        found = subprocess.run(command, env={**os.environ, "TMPDIR": str(temporary)}, check=False)
        usage: dict[str, float] = json.loads(report.read_text()) | {"status": found.returncode}
        return usage

    return run


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a tree's memory is read from /proc")
def test_memory_and_processor_time_of_children_and_temporary_files_are_measured(
    used: Callable[[str], dict[str, float]],
) -> None:
    child = "import time\nheld = bytearray(b'x') * 60_000_000\nwhile time.process_time() < 0.5: pass"
    usage = used(
        "import os, subprocess, sys, tempfile\n"
        "with tempfile.NamedTemporaryFile() as file:\n"
        "    file.write(os.urandom(9_000_000)); file.flush()\n"
        f"    run = [subprocess.Popen([sys.executable, '-S', '-c', {child!r}]) for _ in range(2)]\n"
        "    sys.exit(3 if any(each.wait() for each in run) else 4)"
    )
    assert usage["status"] == 4
    assert usage["cpu_seconds"] >= 1.0
    assert 60e6 < usage["peak_bytes_of_a_process"] < 110e6
    assert usage["peak_bytes_of_the_tree"] > 120e6
    assert 9e6 <= usage["peak_bytes_on_disk"] < 12e6


def test_the_plot_has_a_bar_for_each_contender_in_each_panel() -> None:
    document = {
        "titles": {name: f"{name} & co" for name in NAMES},
        "runs": {name: [result.document() for result in results] for name, results in _runs().items()},
        "workload": {"rows": 1_000_000},
        "machine": {"cpu": "a <fast> one", "cores": 2},
    }
    texts = [element.text for element in ElementTree.fromstring(svg(document)).iter() if element.tag.endswith("text")]
    assert all(texts.count(f"{name} & co") == 3 for name in NAMES)
    assert any("a <fast> one" in str(text) for text in texts)


def test_the_table_shows_the_spread_and_what_is_wrong() -> None:
    titles = {name: name for name in NAMES}
    runs = _runs(naive=replace(RESULT, verdict=Verdict(1070, 0, 70, 3)), pandas_way=replace(RESULT, fault="7 missing"))
    runs["ours"] = [replace(RESULT, cpu=seconds) for seconds in (2.0, 9.0, 3.0)]
    lines = table(titles, runs).splitlines()
    ours = next(number for number, line in enumerate(lines) if line.startswith("ours "))
    assert lines[ours].split()[2] == "3.0" and lines[ours].endswith("exactly")
    assert lines[ours + 1].split() == ["2.0-9.0"]
    assert any(line.endswith("yes, 70 more, 3 other") for line in lines)
    assert any(line.endswith("NO: 7 missing") for line in lines)
    assert "1.5x" in next(line for line in ratios(titles, runs).splitlines() if line.startswith("ours "))


def test_the_app_loads_no_heavy_library_before_a_step_needs_it() -> None:
    seconds, loaded = imported(APP)
    assert loaded == []
    assert seconds > 0
    assert imported("import duckdb")[1] == ["duckdb"]
