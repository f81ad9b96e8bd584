"""How a run grows with its rows: the same command, an Enterprise plan's limits, and call-backs.

One import at a time, the default. The sandbox calls back at once, so what is measured is our side of it.
"""

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import Bar
from benchmarks.race import IMPORT, measured
from benchmarks.scale.finding import Finding, say
from benchmarks.scale.place import place
from benchmarks.workload import STANDARD_ATTRIBUTES, delivering, shipped_export, write_segment
from local.azurite import Azurite
from local.sample_data import ContactDigest

MILLION = 1_000_000
_SIZES = (MILLION, 3 * MILLION, 10 * MILLION)
_ROWS_A_FILE = 250_000
_LOOK = "GET /processes"


def growth() -> Finding:
    """One, three and ten million rows, and ten million by file."""
    runs = [_run(rows) for rows in _SIZES]
    by_file = _run(_SIZES[-1], "file")
    few, *_, many = runs
    bars = [
        Bar("CPU of 10 million rows to that of a million", many["cpu"] / few["cpu"], 10.5, unit="x"),
        Bar("quadratic share of the CPU of 10 million rows", _quadratic_share(runs) * 100, 2, unit="%"),
        Bar("peak of any process at 10 million rows", max(many["peak"], by_file["peak"]) / 1e6, 350, unit=" MB"),
        Bar("temporary disk at 10 million rows", max(many["disk"], by_file["disk"]) / 1e6, 300, unit=" MB"),
        Bar("imports of 10 million rows by file", by_file["imports"], 7),
        _all_right([*runs, by_file]),
    ]
    return _finding("growth", [*runs, by_file], bars)


def thirty_million() -> Finding:
    """Thirty million rows in one export, beside one million."""
    few, many = _run(MILLION), _run(30 * MILLION)
    bars = [
        Bar("CPU of 30 million rows to that of a million", many["cpu"] / few["cpu"], 33, unit="x"),
        Bar("peak of any process at 30 million rows", many["peak"] / 1e6, 400, unit=" MB"),
        Bar("temporary disk at 30 million rows", many["disk"] / 1e6, 700, unit=" MB"),
        _all_right([few, many]),
    ]
    return _finding("thirty_million", [few, many], bars)


def _finding(name: str, runs: list[dict[str, Any]], bars: list[Bar]) -> Finding:
    figures = {f"{each['rows']}{' by file' * (each['delivery'] == 'file')}": each for each in runs}
    return Finding(name, [_line(each) for each in runs], bars, figures)


def _all_right(runs: list[dict[str, Any]]) -> Bar:
    return Bar("runs whose contacts are not the segment's", sum(not each["right"] for each in runs), 0)


def _quadratic_share(runs: list[dict[str, Any]]) -> float:
    """What of the largest run's CPU the square of its rows takes, by the parabola through all three; at least none."""
    rows, cpu = (np.array([each[name] for each in runs], float) for name in ("rows", "cpu"))
    square = np.polyfit(rows / MILLION, cpu, 2)[0]
    return max(0.0, float(square * (rows[-1] / MILLION) ** 2 / cpu[-1]))


def _line(found: dict[str, Any]) -> str:
    rows = f"{found['rows']:,} rows{' by file' * (found['delivery'] == 'file')}"
    return (
        f"{rows}: {found['cpu']:.1f} s of CPU, {found['wall']:.0f} s, of it {found['staging']:.0f} s "
        f"staging; peak {found['peak'] / 1e6:.0f} MB, disk {found['disk'] / 1e6:.0f} MB; {found['imports']} imports, "
        f"{found['sent'] / 1e6:,.0f} MB posted, {found['looks']} looks at /processes; "
        f"the host took the call-backs in {found['host_cpu']:.1f} s of CPU"
    )


def _run(rows: int, delivery: str = "body") -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name, Azurite() as landed:
        folder = Path(name)
        say(f"writing {rows:,} rows")
        digest = ContactDigest(STANDARD_ATTRIBUTES)
        workload = write_segment(rows, landed.connection_string, digest, max(1, rows // _ROWS_A_FILE))
        say(f"running {rows:,} rows ({delivery})")
        with place(folder, landed.connection_string, "--plan", "enterprise", exports=delivering(delivery)) as here:
            before = here.host_cpu_seconds()
            command = [sys.executable, "-m", "shared.cli", "run", shipped_export()["id"], "--wait", "--json"]
            usage, output = measured(command, here.settings, folder)
            host_cpu = here.host_cpu_seconds() - before
            status = json.loads(output)
            say("comparing what was sent with the segment")
            contacts, sent = here.sent()
            routes = here.sandbox.ask("summary")["requests"]
        at = {state: datetime.fromisoformat(text).timestamp() for state, text in status["times"].items()}
        return {
            "rows": rows,
            "delivery": delivery,
            "cpu": usage["cpu_seconds"],
            "wall": usage["wall_seconds"],
            "staging": at["delivering"] - at["staging"],
            "peak": usage["peak_bytes_of_a_process"],
            "disk": usage["peak_bytes_on_disk"],
            "host_cpu": host_cpu,
            "imports": routes[IMPORT],
            "looks": routes.get(_LOOK, 0),
            "sent": status["bytes_sent"],
            "right": contacts == workload.expected.contacts_mapped
            and sent.hexdigest() == digest.hexdigest()
            and str(status["status"]).startswith("succeeded"),
        }
