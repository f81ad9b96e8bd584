"""Whole lives of runs in virtual time: none violates an invariant, and a seed is always played in the same way."""

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.by_cron import BY_CRON_FROM
from simulation.by_file import BY_FILE_FROM
from simulation.history import log_lines, play
from simulation.invariants import INVARIANTS
from simulation.many import play_range
from simulation.patches import ALWAYS, STAGING, replaced
from simulation.plan import REAL_STAGING_EVERY
from simulation.scenes import plan_of
from simulation.sharing import SHARING_FROM
from tests.sizes import thinned

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "simulation" / "seeds.txt"
PARTS = 2
HISTORIES = 60  # CI plays 2,000 besides


@pytest.mark.parametrize("part", range(PARTS))
def test_no_history_violates_an_invariant(part):
    size = HISTORIES // PARTS
    result = play_range(range(1 + part * size, 1 + (part + 1) * size))
    assert result.histories == size
    assert result.failures == ()


def test_no_history_that_delivers_by_file_violates_an_invariant():
    result = play_range(range(BY_FILE_FROM, BY_FILE_FROM + HISTORIES // 4))
    assert result.failures == ()
    with replaced():
        assert all(plan_of(seed).by_file is (seed >= BY_FILE_FROM) for seed in (1, BY_FILE_FROM - 1, BY_FILE_FROM))
        assert not plan_of(SHARING_FROM).by_file


def test_no_history_of_two_mirrors_of_one_list_violates_an_invariant():
    result = play_range(range(SHARING_FROM, SHARING_FROM + HISTORIES // 4))
    assert result.failures == ()
    with replaced():
        assert [plan_of(seed).one_list for seed in (1, SHARING_FROM - 1, SHARING_FROM)] == [False, False, True]


def test_no_history_of_exports_with_a_schedule_of_their_own_violates_an_invariant():
    result = play_range(range(BY_CRON_FROM, BY_CRON_FROM + HISTORIES // 4))
    assert result.failures == ()
    with replaced():
        assert [bool(plan_of(seed).cron) for seed in (1, SHARING_FROM, BY_CRON_FROM)] == [False, False, True]
        log = "\n".join(log_lines(play(plan_of(BY_CRON_FROM)).log))
    assert log.count(" queued") > 2, "it is due again and again"


def known_seeds() -> list[int]:
    lines = [line for line in SEEDS.read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"\d+ \S.*", line) for line in lines)
    return [int(line.split()[0]) for line in lines]


def test_no_seed_that_has_ever_failed_fails_again():
    assert [failure for seed in known_seeds() for failure in play_range(range(seed, seed + 1)).failures] == []


def log_of(seed: int) -> bytes:
    """The log that another process writes; its hashes differ from those here, which are random."""
    command = [sys.executable, "-m", "simulation", "--seed", str(seed), "--log"]
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True).stdout


@pytest.mark.parametrize("seed", thinned([REAL_STAGING_EVERY, 7], 2))
def test_seed_gives_the_same_log_in_every_process_byte_for_byte(seed):
    with replaced():
        log = list(log_lines(play(plan_of(seed)).log))
    assert len(log) > 100
    assert log_of(seed).decode().splitlines()[:-1] == log


def test_command_tells_what_it_played_and_on_which_machine():
    command = [sys.executable, "-m", "simulation", "--histories", "3", "--processes", "1", "--first-seed", "1"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert re.match(r"3 histories \(seeds 1 to 3\), [\d,]+ events in [\d,]+ virtual hours, in [\d.]+ s: ", text)
    assert f"Python {platform.python_version()}" in text
    told = json.loads(subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True).stdout)
    assert (told["histories"], told["first_seed"], told["failures"]) == (3, 1, [])


def test_another_seed_gives_another_log():
    with replaced():
        logs = {"\n".join(log_lines(play(plan_of(seed)).log)) for seed in range(20, 30)}
    assert len(logs) == 10


def test_real_parts_are_back_in_their_places_afterwards():
    from shared.runs import claim

    before = claim._renewing
    with replaced():
        assert claim._renewing is ALWAYS["shared.runs.claim._renewing"]
        assert STAGING
    assert claim._renewing is before


MET = {
    *("!dies", "!error", "!lost", "!echo", "!hangs", "!freezes", "!away", "is gone", "is stopped", "is frozen"),
    *("Brevo takes import", "action cancel", "action typo", " succeeded", " failed", " cancelled", " told"),
}


def test_histories_soon_meet_every_kind_of_fault_and_ending():
    missing = set(MET)
    with replaced():
        for seed in range(1, 151):
            text = "\n".join(log_lines(play(plan_of(seed)).log))
            missing = {word for word in missing if word not in text}
            if not missing:
                break
    assert missing == set()


def test_reliability_page_lists_every_invariant_with_its_sentence():
    text = (ROOT / "docs" / "reliability.md").read_text()
    rows = dict(re.findall(r"^\| ([a-z ]+) \| ([A-Z][^|]+\.) \|$", text, re.MULTILINE))
    assert {name: rows.get(name) for name in INVARIANTS} == INVARIANTS
