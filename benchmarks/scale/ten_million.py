"""Ten million rows beside one million: the same command, an Enterprise plan's limits, and call-backs.

One import at a time, the default. The sandbox calls back at once, so what is measured is our side of it.
"""

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar
from benchmarks.race import IMPORT, measured
from benchmarks.scale.finding import Finding, say
from benchmarks.scale.place import place
from benchmarks.workload import STANDARD_ATTRIBUTES, shipped_export, write_segment
from local.azurite import Azurite
from local.sample_data import ContactDigest

ROWS = 10_000_000
_TIMES = 10
_ROWS_A_FILE = 250_000
_LOOK = "GET /processes"


def ten_million(rows: int = ROWS) -> Finding:
    """A tenth of the rows first, then all of them."""
    few, many = (_run(count) for count in (rows // _TIMES, rows))
    lines = [_line(each) for each in (few, many)]
    bars = [
        Bar(f"CPU of {rows:,} rows to that of {rows // _TIMES:,}", many["cpu"] / few["cpu"], 12, unit="x"),
        Bar(f"peak of any process at {rows:,} rows", many["peak"] / 1e6, 400, unit=" MB"),
        Bar(f"temporary disk at {rows:,} rows", many["disk"] / 1e6, 600, unit=" MB"),
        Bar("runs whose contacts are not the segment's", sum(not each["right"] for each in (few, many)), 0),
    ]
    return Finding("ten_million", lines, bars, {str(each["rows"]): each for each in (few, many)})


def _line(found: dict[str, Any]) -> str:
    return (
        f"{found['rows']:,} rows: {found['cpu']:.1f} s of CPU, {found['wall']:.0f} s, of it {found['staging']:.0f} s "
        f"staging; peak {found['peak'] / 1e6:.0f} MB, on disk {found['disk'] / 1e6:.0f} MB; {found['imports']} imports "
        f"of {found['sent'] / 1e6:,.0f} MB in all, {found['looks']} looks at /processes; "
        f"the host took the call-backs in {found['host_cpu']:.1f} s of CPU"
    )


def _run(rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name, Azurite() as landed:
        folder = Path(name)
        say(f"writing {rows:,} rows")
        digest = ContactDigest(STANDARD_ATTRIBUTES)
        workload = write_segment(rows, landed.connection_string, digest, max(1, rows // _ROWS_A_FILE))
        say(f"running {rows:,} rows")
        with place(folder, landed.connection_string, "--plan", "enterprise") as here:
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
