"""Lets a contender run: a process of its own against a sandbox of its own, judged before its figures count."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.judging import Judge, Verdict, books_are_right
from benchmarks.workload import BenchError, Workload, delivering, shipped_export, write_configuration
from local.azurite import Azurite
from local.sandbox_process import SandboxProcess
from local.stack import REPOSITORY

IMPORT, CREATE = "POST /contacts/import", "POST /contacts"
# Imports are done when they are accepted, so that nobody waits for the stand-in and its work takes no core away.
# A second owner of a number is kept without it: else who does not look for them would lose customers.
SANDBOX = ("--plan", "general", "--defers-work", "--shared-phone", "drop_phone")
_MANY_IMPORTS = 50
PER_SECOND = 10


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one contender. Times in seconds; `to_first` and `to_last` from the start of its process.

    to_first: until its first import arrived. to_last: until its last import was answered, confirmation aside.
    fault: why its figures do not count; empty where they do.
    """

    wall: float
    cpu: float
    peak_of_a_process: float
    peak_of_the_tree: float
    imports: float
    requests: float
    bytes_sent: float
    contacts: float
    to_first: float
    to_last: float
    verdict: Verdict | None = None
    fault: str = ""

    def document(self) -> dict[str, Any]:
        """For the JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Contender:
    """Who is measured: its title, its command, and how right its result must be."""

    name: str
    title: str
    module: str
    runs: Callable[[Workload, Judge, Path], Result]


def script(name: str, title: str) -> Contender:
    """A contender that is a script in `benchmarks/contenders`; it must lose nobody, and may be wrong in details."""
    module = f"benchmarks.contenders.{name}"

    def run(workload: Workload, judge: Judge, folder: Path) -> Result:
        with SandboxProcess(*SANDBOX) as sandbox:
            usage, _ = measured([sys.executable, "-m", module], _settings(workload, sandbox), folder)
            verdict = judge.verdict(sandbox)
            fault = f"{verdict.missing:,} customers are missing" if verdict.missing else ""
            return result_of(usage, sandbox, verdict, fault)

    return Contender(name, title, module, run)


def floor() -> Contender:
    """Downloads and parses, and imports nothing: right when it has seen every row that is CSV in UTF-8."""
    module = "benchmarks.contenders.floor"

    def run(workload: Workload, _: Judge, folder: Path) -> Result:
        usage, output = measured(
            [sys.executable, "-m", module], {"SEGMENT_STORAGE": workload.connection_string}, folder
        )
        rejected = workload.expected.rows_rejected
        rows = workload.expected.rows_read - rejected["malformed_row"] - rejected["invalid_encoding"]
        fault = "" if int(output) == rows else f"{int(output):,} rows instead of {rows:,}"
        wall = usage["wall_seconds"]
        return _result(
            usage, imports=0, requests=0, bytes_sent=0, contacts=rows, to_first=wall, to_last=wall, fault=fault
        )

    return Contender("floor", "the floor", module, run)


def ours(name: str, title: str, *, imports_at_once: int | None = None, delivery: str = "body") -> Contender:
    """The product's own command; every contact and every count must be right."""

    def run(workload: Workload, judge: Judge, folder: Path) -> Result:
        with ExitStack() as stack:
            own = stack.enter_context(Azurite(folder / "azurite"))
            sandbox = stack.enter_context(SandboxProcess(*SANDBOX))
            settings = write_configuration(
                folder / "exports.json", imports_at_once=imports_at_once, exports=delivering(delivery)
            )
            settings |= _settings(workload, sandbox) | {"AzureWebJobsStorage": own.connection_string}
            command = [sys.executable, "-m", "shared.cli", "run", shipped_export()["id"], "--wait", "--json"]
            usage, output = measured(command, settings, folder)
            verdict = judge.verdict(sandbox)
            fault = "" if verdict.is_exact else f"the list is not the segment's: {verdict}"
            if not books_are_right(output, workload.expected):
                fault = "the run's counts are not those of the segment"
            return result_of(usage, sandbox, verdict, fault)

    return Contender(name, title, "shared.cli", run)


def contenders() -> list[Contender]:
    """All that are run whole, the floor first."""
    return [
        floor(),
        ours("ours", "ours"),
        ours("ours_by_file", "ours, by file", delivery="file"),
        ours("ours_parallel", "ours, imports in parallel", imports_at_once=_MANY_IMPORTS),
        script("pandas_way", "pandas"),
        script("naive", "naive"),
    ]


def per_contact(workload: Workload, folder: Path, sample: int) -> Result:
    """The first contacts, and from them what all would take; the wall by Brevo's ten a second, at best."""
    with SandboxProcess(*SANDBOX) as sandbox:
        module = "benchmarks.contenders.per_contact"
        settings = _settings(workload, sandbox)
        usage, output = measured([sys.executable, "-m", module, str(sample)], settings, folder)
        members = sandbox.ask("summary")["lists"][str(shipped_export()["list_id"])]["members"]
        found = result_of(usage, sandbox, None, "" if members == sample else f"{members} of {sample} arrived")
    contacts = workload.expected.contacts_mapped
    seconds = found.to_first + contacts / PER_SECOND
    return replace(
        found,
        wall=seconds,
        to_last=seconds,
        cpu=found.cpu + float(output) / (sample - 1) * (contacts - sample),
        requests=found.requests / sample * contacts,
        bytes_sent=found.bytes_sent / sample * contacts,
        contacts=contacts,
    )


def result_of(usage: Mapping[str, float], sandbox: SandboxProcess, verdict: Verdict | None, fault: str) -> Result:
    """Puts together what was measured and what the sandbox saw."""
    log = [each for each in sandbox.ask("requests") if each["at"] >= usage["started_at"]]
    sent = [each for each in log if each["route"] in (IMPORT, CREATE)]
    if not sent:
        raise BenchError("nothing was sent to the sandbox")
    return _result(
        usage,
        imports=sum(each["route"] == IMPORT for each in sent),
        requests=len(log),
        bytes_sent=sum(each["request_bytes"] for each in log),
        contacts=verdict.contacts if verdict else len(sent),
        to_first=min(each["at"] - each["seconds"] for each in sent) - usage["started_at"],
        to_last=max(each["at"] for each in sent) - usage["started_at"],
        verdict=verdict,
        fault=fault,
    )


def _result(usage: Mapping[str, float], **counted: Any) -> Result:
    return Result(
        wall=usage["wall_seconds"],
        cpu=usage["cpu_seconds"],
        peak_of_a_process=usage["peak_bytes_of_a_process"],
        peak_of_the_tree=usage["peak_bytes_of_the_tree"],
        **counted,
    )


def measured(
    command: list[str], settings: Mapping[str, str], folder: Path, status: int = 0
) -> tuple[dict[str, float], str]:
    """Runs a command to its end; what it used, and what it printed. Raises: BenchError for another exit status."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    report = folder / "usage.json"
    environment = {**os.environ, **settings, "TMPDIR": str(temporary)}
    with group([sys.executable, "-m", "benchmarks.measuring", str(report), *command], environment) as process:
        output = process.communicate()[0]
    if process.returncode != status:
        raise BenchError(
            f"{' '.join(command[1:])} ended with exit status {process.returncode}: {output[-500:].strip()}"
        )
    usage: dict[str, float] = json.loads(report.read_text(encoding="utf-8"))
    return usage, output


@contextmanager
def group(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that ends with all its children, whatever happens."""
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=dict(environment), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _settings(workload: Workload, sandbox: SandboxProcess) -> dict[str, str]:
    return {
        "SEGMENT_STORAGE": workload.connection_string,
        "BREVO_BASE_URL": sandbox.base_url,
        "BREVO_API_KEY": sandbox.api_key,
    }
