"""`make bench`: measures a run of a million rows, from a segment in Azurite to a confirmed list in the sandbox.

The run is one terminal command in a process of its own. The sandbox has the limits of a general plan and imports
fast, so that the figures are the product's and not the sandbox's.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient

from benchmarks.result import Result, as_json, as_table, result_of, summary
from local.azurite import Azurite
from local.sample_data import COLUMNS, MAPPING, ContactDigest, Expected, SegmentPlan, stream_to_storage
from local.sandbox_contacts import members_of
from local.sandbox_process import SandboxProcess
from local.stack import CANNOT_START, CONFIG, CONTAINER, REPOSITORY

ROWS = 1_000_000
PARTITIONS = 4
# What the connector that people replace matches: e-mail address, first name, last name, phone.
STANDARD_ATTRIBUTES = frozenset(("FIRSTNAME", "LASTNAME", "SMS"))
FLAWS = 0.01
_SANDBOX = ("--plan", "general", "--seconds-fixed", "0.2", "--seconds-per-contact", "0.000005")


class BenchError(Exception):
    """The run could not be measured."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 every bar held, 1 not, 130 stopped."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        workload, results = _measured(options.rows, options.runs, options.fields)
    except (BenchError, *CANNOT_START) as error:
        print(f"bench: FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    print(json.dumps(as_json(workload, results), indent=2) if options.json else as_table(workload, results))
    # With --json the line stands on standard error, so that the output is JSON and nothing else.
    print(summary(workload, results), file=sys.stderr if options.json else sys.stdout)
    return 1 if any(result.faults for result in results) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the segment (default: {ROWS})")
    parser.add_argument("--runs", type=int, default=1, help="measure so often, each time from nothing (default: 1)")
    parser.add_argument(
        "--fields",
        choices=("standard", "example"),
        default="standard",
        help="standard: e-mail, names and phone, as the built-in connector maps; example: two attributes more",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    if options.rows < 100 or options.runs < 1:
        parser.error("--rows begins at 100, --runs at 1")
    return options


def _measured(rows: int, runs: int, fields: str) -> tuple[dict[str, Any], list[Result]]:
    with (
        tempfile.TemporaryDirectory(prefix="segment-export-bench-") as name,
        Azurite(Path(name) / "segments") as landed,
    ):
        folder = Path(name)
        export = _configuration(folder / "exports.json", fields)
        _say(f"writing {rows:,} rows into Azurite")
        plan = SegmentPlan(name=export["segments"][0], rows=rows, flaws=FLAWS, partitions=PARTITIONS)
        digest = ContactDigest(STANDARD_ATTRIBUTES if fields == "standard" else None)
        expected = stream_to_storage([plan], landed.connection_string, CONTAINER, digest)
        if fields == "standard":
            del expected.warnings["invalid_date"]  # the date is not mapped
        workload = {
            "rows": rows,
            "columns": len(COLUMNS),
            "partitions": PARTITIONS,
            "fields": fields,
            "flaws": FLAWS,
            "segment_bytes": _stored_bytes(landed.connection_string),
        }
        results = []
        for number in range(1, runs + 1):
            _say(f"run {number} of {runs}")
            results.append(_one_run(folder / str(number), folder / "exports.json", export, landed, expected))
    return workload, results


def _one_run(folder: Path, config: Path, export: dict[str, Any], landed: Azurite, expected: Expected) -> Result:
    """A run of an app that has run nothing before, into an account with an empty list."""
    with Azurite(folder) as own, SandboxProcess(*_SANDBOX) as sandbox:
        settings = {
            "AzureWebJobsStorage": own.connection_string,
            "SEGMENT_STORAGE": landed.connection_string,
            "EXPORT_CONFIG": str(config),
            "BREVO_BASE_URL": sandbox.base_url,
            "BREVO_API_KEY": sandbox.api_key,
            "SNAPSHOT_QUIET_SECONDS": "0",
            "PUBLIC_URL": "",
            "WEBSITE_HOSTNAME": "",
        }
        usage, status = _terminal_run(export["id"], settings, folder / "usage.json")
        _say("comparing the list with the segment")
        return result_of(
            usage,
            status,
            sandbox.ask("summary"),
            sandbox.ask("requests"),
            sandbox.ask("imports"),
            _digest(sandbox.origin, export["list_id"], ContactDigest(expected.digest.only)),
            expected,
        )


def _terminal_run(export: str, settings: dict[str, str], report: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.usage", str(report)]
    command += [sys.executable, "-m", "shared.cli", "run", export, "--wait", "--json"]
    with _group(command, {**os.environ, **settings}) as process:
        output = process.communicate()[0]
    try:
        status = json.loads(output)
        return json.loads(report.read_text(encoding="utf-8")), status
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"the run ended with exit status {process.returncode}: {output.strip()[-500:]}") from error


@contextmanager
def _group(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that ends with all its children, whatever happens."""
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _configuration(path: Path, fields: str) -> dict[str, Any]:
    """Writes the shipped configuration with its first export, which has one segment here; returns that export."""
    document = json.loads(CONFIG.read_text(encoding="utf-8"))
    export: dict[str, Any] = document["exports"][0]
    if export["mapping"] != MAPPING:
        raise BenchError(f"{CONFIG} maps other fields than the sample data is made for")
    if fields == "standard":
        del export["mapping"]["attributes"]
    export["segments"] = export["segments"][:1]
    path.write_text(json.dumps(document | {"exports": [export]}), encoding="utf-8")
    return export


def _digest(origin: str, list_id: int, digest: ContactDigest) -> tuple[int, ContactDigest]:
    count = 0
    for email, attributes in members_of(origin, list_id):
        count += 1
        digest.add(email, attributes)
    return count, digest


def _stored_bytes(connection_string: str) -> int:
    with ContainerClient.from_connection_string(connection_string, CONTAINER) as container:
        return sum(int(blob.size) for blob in container.list_blobs() if ".csv" in blob.name)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
