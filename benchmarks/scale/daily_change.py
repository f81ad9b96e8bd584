"""A day on which one customer in a hundred has changed, beside a run of the whole segment; and what the ledger costs.

Whole runs of the same segment in turns, with a ledger and without one (no APP_SECRET), then the next days' with
`changes_only`, then a plan. The same command; Brevo's imports are done when they are accepted, and its exports when
they are written, so that nobody waits for how long the stand-in says that it takes.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from azure.storage.blob import ContainerClient

from benchmarks.bars import Bar
from benchmarks.judging import settle
from benchmarks.race import measured
from benchmarks.scale.finding import Finding, say
from benchmarks.scale.place import app_with, place
from benchmarks.workload import FLAWS, PARTITIONS, STANDARD_ATTRIBUTES, shipped_export, write_segment
from local.azurite import Azurite
from local.sample_data import ContactDigest, SegmentPlan
from local.sandbox_process import SandboxProcess
from local.stack import CONTAINER
from shared.app_secret import new_secret
from shared.sync.stored import LEDGERS

ROWS = 1_000_000
_EVERY = 100
# What the ledger costs is less than what this machine's speed changes by from run to run.
_TURNS = 5
_DAYS = 3
_SANDBOX = ("--plan", "enterprise", "--export-seconds-fixed", "0", "--export-seconds-per-contact", "0")


def daily_change(rows: int = ROWS) -> Finding:
    """Measures the three kinds of run."""
    with tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name, Azurite() as landed:
        folder = Path(name)
        say(f"writing {rows:,} rows")
        workload = write_segment(rows, landed.connection_string, ContactDigest(STANDARD_ATTRIBUTES))
        with place(folder, landed.connection_string, *_SANDBOX) as here:
            plain = here.settings | {"APP_SECRET": ""}
            kept = here.settings | {"APP_SECRET": new_secret()}
            say("running the whole segment")
            _run(kept, folder)
            say("letting the sandbox read its imports, so that the list has its members")
            settle(here.sandbox)
            whole = [(_run(plain, folder), _run(kept, folder)) for _ in range(_TURNS)]
            _change_mode(kept, "changes_only")
            days = []
            for day in range(1, _DAYS + 1):
                _write_next_day(rows, landed.connection_string, day)
                say(f"running what has changed on day {day}")
                days.append(_run(kept, folder))
            changed = {name: median(each[name] for each in days) for name in days[0]}
            _write_next_day(rows, landed.connection_string, _DAYS + 1)
            say("planning a mirror")
            plan = _plan(kept, folder, here.sandbox)
            blobs = app_with(kept).storage.app_blobs.listing(LEDGERS, "")
    ledger = sum(blob.size_bytes for blob in blobs if blob.file == "ledger.parquet")
    without, with_ledger = (median(pair[place]["cpu"] for pair in whole) for place in (0, 1))
    full = whole[-1][1]
    lines = [
        f"{rows:,} rows, {workload.expected.contacts_mapped:,} contacts: the whole segment {with_ledger:.1f} s of CPU, "
        f"{without:.1f} s without a ledger; {full['bytes'] / 1e6:,.1f} MB sent",
        f"one in {_EVERY} changed: {changed['cpu']:.1f} s of CPU, {changed['delivered']:,} contacts, "
        f"{changed['bytes'] / 1e6:,.1f} MB sent; ledger {ledger / 1e6:.1f} MB",
        f"a plan with mirror against a list of {plan['members']:,}, which Brevo writes down at once: "
        f"{plan['wall']:.1f} s, {plan['cpu']:.1f} s of CPU, "
        f"peak {plan['peak'] / 1e6:.0f} MB, {plan['calls']} calls to /contacts",
    ]
    bars = [
        Bar("bytes of a day's change to those of the whole", changed["bytes"] / full["bytes"] * 100, 1.1, unit="%"),
        Bar("CPU of a day's change to that of the whole", changed["cpu"] / with_ledger * 100, 75, unit="%"),
        Bar("what the ledger adds to a whole run's CPU", (with_ledger / without - 1) * 100, 5, unit="%"),
        Bar("bytes of the ledger for each contact", ledger / workload.expected.contacts_mapped, 24),
        Bar("a plan with mirror, Brevo's time for its list aside", plan["wall"], 25, unit=" s"),
        Bar("its calls to /contacts, the checks of list and attributes among them", plan["calls"], 6),
    ]
    return Finding("daily_change", lines, bars, {"whole": whole, "days": days, "plan": plan, "ledger_bytes": ledger})


def _run(settings: Mapping[str, str], folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "shared.cli", "run", shipped_export()["id"], "--wait", "--json"]
    usage, output = measured(command, settings, folder)
    status = json.loads(output)
    return {"cpu": usage["cpu_seconds"], "bytes": status["bytes_sent"], "delivered": status["contacts_delivered"]}


def _plan(settings: Mapping[str, str], folder: Path, sandbox: SandboxProcess) -> dict[str, Any]:
    _change_mode(settings, "mirror")
    command = [sys.executable, "-m", "shared.cli", "plan", shipped_export()["id"], "--wait", "--json"]
    before = _calls(sandbox)
    usage, output = measured(command, settings, folder, status=3)
    return {
        "wall": usage["wall_seconds"],
        "cpu": usage["cpu_seconds"],
        "peak": usage["peak_bytes_of_a_process"],
        "calls": _calls(sandbox) - before,
        "members": json.loads(output)["list_before"],
    }


def _calls(sandbox: SandboxProcess) -> int:
    routes: dict[str, int] = sandbox.ask("summary")["requests"]
    return sum(count for route, count in routes.items() if "/contacts" in route)


def _change_mode(settings: Mapping[str, str], mode: str) -> None:
    path = Path(settings["EXPORT_CONFIG"])
    document = json.loads(path.read_text(encoding="utf-8"))
    document["exports"][0]["sync_mode"] = mode
    path.write_text(json.dumps(document), encoding="utf-8")


def _write_next_day(rows: int, connection_string: str, day: int) -> None:
    """The segment as it was, so many days later, with another last name each day in one line of a hundred."""
    plan = SegmentPlan(name=shipped_export()["segments"][0], rows=rows, flaws=FLAWS, partitions=PARTITIONS)
    later = replace(plan, taken=plan.taken + timedelta(days=day))
    with ContainerClient.from_connection_string(connection_string, CONTAINER) as container:
        for (source, _), (target, _) in zip(plan.files(), later.files(), strict=True):
            data = container.download_blob(source).readall()
            container.upload_blob(
                target, b"".join(_changed(data.splitlines(keepends=True), b"x" * day)), overwrite=True
            )


def _changed(lines: list[bytes], ending: bytes) -> list[bytes]:
    column = lines[0].strip().removeprefix(b"\xef\xbb\xbf").split(b",").index(b"LastName")
    for number in range(_EVERY, len(lines), _EVERY):
        cells = lines[number].split(b",")
        # A line with quotes may be a part of a record only.
        if b'"' not in lines[number] and len(cells) > column:
            cells[column] += ending
            lines[number] = b",".join(cells)
    return lines
