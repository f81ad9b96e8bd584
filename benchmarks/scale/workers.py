"""1, 2 and 4 workers deliver a million rows to an account that takes four imports at once, 300 ms away.

A worker is a process that works the queue one message at a time, as an instance does with host.json's batchSize of 1;
here `segment-export run --wait`. Reading and staging is one worker's work however many there are, so it is left out.
Three rounds, in turns; what counts is the median.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bars import Bar
from benchmarks.race import IMPORT, group
from benchmarks.scale.finding import Finding, say
from benchmarks.scale.place import Place, place
from benchmarks.workload import STANDARD_ATTRIBUTES, BenchError, Workload, shipped_export, write_segment
from local.azurite import Azurite
from local.sample_data import ContactDigest
from local.stack import REPOSITORY

ROWS = 1_000_000
WORKERS = (1, 2, 4)
LATENCY_SECONDS = 0.3
IMPORTS_AT_ONCE = 4
ROUNDS = 3
_SECONDS = 600


def workers(rows: int = ROWS) -> Finding:
    """Delivers the same segment with each number of workers."""
    with tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name, Azurite() as landed:
        say(f"writing {rows:,} rows")
        workload = write_segment(rows, landed.connection_string, ContactDigest(STANDARD_ATTRIBUTES))
        found: dict[int, list[dict[str, Any]]] = {count: [] for count in WORKERS}
        for number in range(ROUNDS):
            for count, runs in found.items():
                runs.append(_delivered(Path(name) / f"{count}-{number}", workload, count))
    seconds = {count: median(run["delivering"] for run in runs) for count, runs in found.items()}
    one, most = seconds[WORKERS[0]], seconds[WORKERS[-1]]
    lines = [
        f"{count} worker{'s' * (count > 1)}: {runs[0]['imports']} imports in {seconds[count]:.1f} s "
        f"({min(run['delivering'] for run in runs):.1f}-{max(run['delivering'] for run in runs):.1f}), "
        f"{one / seconds[count]:.1f}x as fast as one; imports at once: {max(run['at_once'] for run in runs)}"
        for count, runs in found.items()
    ]
    bars = [
        Bar(
            f"delivering with {WORKERS[-1]} workers at {LATENCY_SECONDS * 1000:.0f} ms: times as fast as with one",
            one / most,
            2.5,
            "at least",
            "x",
        ),
        Bar(
            "runs whose contacts are not the segment's",
            sum(not run["right"] for runs in found.values() for run in runs),
            0,
        ),
    ]
    return Finding("workers", lines, bars, {str(count): runs for count, runs in found.items()})


def _delivered(folder: Path, workload: Workload, count: int) -> dict[str, Any]:
    say(f"{count} worker{'s' * (count > 1)}")
    arguments = ("--plan", "enterprise", "--latency-seconds", str(LATENCY_SECONDS))
    with place(folder, workload.connection_string, *arguments, imports_at_once=IMPORTS_AT_ONCE) as here:
        _terminal(here, "run", shipped_export()["id"], "--json")  # starts it; the workers find it active
        status = _worked(here, count)
        at = {state: datetime.fromisoformat(text).timestamp() for state, text in status["times"].items()}
        answered = [each["at"] for each in here.sandbox.ask("requests") if each["route"] == IMPORT]
        contacts, digest = here.sent()
        return {
            "staging": at["delivering"] - at["staging"],
            "delivering": max(answered) - at["delivering"],
            "confirmed": at[status["status"]] - at["delivering"],
            "imports": len(answered),
            "at_once": _most_at_once(here),
            "right": contacts == workload.expected.contacts_mapped
            and digest.hexdigest() == workload.digest.hexdigest()
            and str(status["status"]).startswith("succeeded"),
        }


def _worked(here: Place, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "shared.cli", "run", shipped_export()["id"], "--wait", "--json"]
    with ExitStack() as stack:
        processes = [stack.enter_context(group(command, {**os.environ, **here.settings})) for _ in range(count)]
        outputs = [process.communicate(timeout=_SECONDS)[0] for process in processes]
    status: dict[str, Any] = json.loads(outputs[0])
    return status


def _terminal(here: Place, *arguments: str) -> None:
    command = [sys.executable, "-m", "shared.cli", *arguments]
    found = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **here.settings}, capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise BenchError(f"{' '.join(arguments)}: {found.stderr[-500:].strip()}")


def _most_at_once(here: Place) -> int:
    """How many imports were on their way at the same time."""
    moves: list[tuple[float, int]] = []
    for each in here.sandbox.ask("requests"):
        if each["route"] == IMPORT:
            moves += [(each["at"] - each["seconds"], 1), (each["at"], -1)]
    open_now = most = 0
    for _, change in sorted(moves):
        open_now += change
        most = max(most, open_now)
    return most
