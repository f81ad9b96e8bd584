"""Where a measurement of scale takes place: storage, a sandbox, and a host that takes Brevo's call-backs."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.workload import STANDARD_ATTRIBUTES, BenchError, write_configuration
from local.azurite import Azurite
from local.free_port import free_port
from local.functions_host import FunctionsHost
from local.functions_host.http_messages import send
from local.sample_data import ContactDigest
from local.sandbox_process import SandboxProcess
from shared.app import App
from shared.runs.store import RunStore
from shared.settings import read_settings
from shared.storage.account import open_storage


@dataclass(frozen=True, slots=True)
class Place:
    """All that runs. `settings` are for the product's own processes, which are not part of it."""

    settings: dict[str, str]
    sandbox: SandboxProcess
    host: FunctionsHost

    @property
    def app(self) -> App:
        """The app over the same storage, to look at it from here."""
        return app_with(self.settings)

    def host_cpu_seconds(self) -> float:
        """What the host that takes the call-backs has used so far; Linux only."""
        fields = Path(f"/proc/{self.host.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sent(self) -> tuple[int, ContactDigest]:
        """Count and digest of the contacts in all imports, as they were sent."""
        count, digest = 0, ContactDigest(STANDARD_ATTRIBUTES)
        for each in self.sandbox.ask("imports"):
            answer = send("GET", f"{self.sandbox.origin}/sandbox/body?import={each['id']}")
            if answer.status != 200:
                raise BenchError(f"the sandbox answers {answer.status} to body")
            for contact in json.loads(answer.body)["jsonBody"]:
                count += 1
                digest.add(contact["email"], contact["attributes"])
        return count, digest


@contextmanager
def place(
    folder: Path,
    segments: str,
    *sandbox_arguments: str,
    imports_at_once: int | None = None,
    exports: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda export: [export],
) -> Iterator[Place]:
    """Starts it all. The host works no queue: the worker that is measured does."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        own = stack.enter_context(Azurite(folder / "azurite"))
        sandbox = stack.enter_context(SandboxProcess("--defers-work", *sandbox_arguments))
        port = free_port()
        settings = write_configuration(folder / "exports.json", imports_at_once=imports_at_once, exports=exports) | {
            "AzureWebJobsStorage": own.connection_string,
            "SEGMENT_STORAGE": segments,
            "BREVO_BASE_URL": sandbox.base_url,
            "BREVO_API_KEY": sandbox.api_key,
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        host = FunctionsHost(
            environment=settings, workers=0, port=port, arguments=["--no-timers"], log_file=folder / "host.log"
        )
        yield Place(settings, sandbox, stack.enter_context(host))


def app_with(settings: dict[str, str]) -> App:
    """The app in this process."""
    read = read_settings(settings)
    storage = open_storage(read)
    return App(read, storage, RunStore(storage))
