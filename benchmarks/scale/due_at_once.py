"""200 exports due at once: half by a new refresh, half by their cron line, started by one tick of the timer.

Once by a tick alone, and then a tick that finds nothing due; once by two hosts that tick at the same moment, as a
platform does that runs a timer twice.
"""

import re
import tempfile
import time
from pathlib import Path
from typing import Any

from azure.storage.queue import QueueClient

from benchmarks.bars import Bar
from benchmarks.scale.finding import Finding, say
from benchmarks.scale.place import Place, place
from benchmarks.workload import BenchError, write_segment
from local.azurite import Azurite
from local.functions_host import FunctionsHost
from local.sample_data import ContactDigest
from shared.storage.account import QUEUE

EXPORTS = 200
_ROWS = 200
_LONG_AGO = "2026-01-01T00:00Z"
_DEADLINE_SECONDS = 300
# The tick logs a line for each export at its end: a run's id, or why there is none.
_TOLD = re.compile(r"export (due-\d+): (.*)")


def due_at_once(exports: int = EXPORTS) -> Finding:
    """Lets them be due, and counts."""
    with tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name, Azurite() as landed:
        write_segment(_ROWS, landed.connection_string, ContactDigest())
        alone = _tick(Path(name) / "alone", landed.connection_string, exports, hosts=1)
        twice = _tick(Path(name) / "twice", landed.connection_string, exports, hosts=2)
    lines = [
        f"{exports} exports due, one tick: {alone['started']} started in {alone['seconds']:.1f} s "
        f"({alone['seconds'] / exports * 1000:.0f} ms each); the next, with none due: {alone['idle_seconds']:.1f} s",
        f"{exports} exports due, two ticks at the same moment: {twice['started']} started in {twice['seconds']:.1f} s",
    ]
    bars = [
        Bar("exports started by the tick in which they were due", alone["started"], exports, "at least"),
        Bar("exports started by two ticks at once", twice["started"], exports, "at least"),
        Bar("runs too many, by one tick or two", alone["too_many"] + twice["too_many"], 0),
    ]
    return Finding("due_at_once", lines, bars, {"one_tick": alone, "two_ticks": twice})


def _tick(folder: Path, segments: str, count: int, *, hosts: int) -> dict[str, float]:
    """Makes the exports due, and lets each host run its timer once."""
    say(f"{count} exports due, {hosts} tick{'s' * (hosts > 1)}")

    def exports(export: dict[str, Any]) -> list[dict[str, Any]]:
        by_cron = {"cron": "0 3 * * *", "time_zone": "Europe/Bucharest"}
        return [
            export | {"id": f"due-{number}", "schedule": by_cron if number % 2 else "with_refresh"}
            for number in range(count)
        ]

    with place(folder, segments, exports=exports) as here:
        for number in range(1, count, 2):
            here.app.store.note_due(f"due-{number}", _LONG_AGO)
        if hosts == 1:
            seconds = _ticked([here.host], count, ticks=1)
            return _counted(here, count) | {"seconds": seconds, "idle_seconds": _ticked([here.host], count, ticks=2)}
        with FunctionsHost(environment=here.settings, workers=0, arguments=["--no-timers"]) as other:
            seconds = _ticked([here.host, other], count, ticks=1)
            return _counted(here, count) | {"seconds": seconds}


def _ticked(hosts: list[FunctionsHost], count: int, *, ticks: int) -> float:
    """Seconds until each host's timer has ended for the so-manieth time, run once more now."""
    began = time.monotonic()
    for host in hosts:
        host.run_now("timer_export")
    while any(len(_TOLD.findall(host.log_text())) < ticks * count for host in hosts):
        if time.monotonic() - began > _DEADLINE_SECONDS:
            raise BenchError(f"the timer has not ended after {_DEADLINE_SECONDS} s")
        time.sleep(0.1)
    return time.monotonic() - began


def _counted(here: Place, count: int) -> dict[str, float]:
    runs = [len(list(here.app.store.latest(f"due-{number}"))) for number in range(count)]
    # Two for each run: its stage message, and its delayed watch message.
    messages = _messages(here.settings["AzureWebJobsStorage"])
    return {
        "started": sum(found > 0 for found in runs),
        "too_many": sum(max(0, found - 1) for found in runs) + max(0, messages - 2 * count),
    }


def _messages(connection_string: str) -> int:
    with QueueClient.from_connection_string(connection_string, QUEUE) as queue:
        return int(queue.get_queue_properties().approximate_message_count or 0)
