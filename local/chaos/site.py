"""One scenario's ground: a storage of its own, Brevo accounts, functions hosts, exports with invented customers."""

import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from azure.storage.blob import BlobServiceClient

from local.app_storage import make_app_storage
from local.azurite import Azurite
from local.brevo_sandbox import BrevoSandbox, Faults, SandboxSettings
from local.chaos.exports import Account, ExportUnderTest, make_export_under_test, note_strangers
from local.chaos.watching import FOLDERS
from local.free_port import free_port
from local.functions_host import FunctionsHost
from local.run_module import RUN_MODULE
from local.sample_data import FOLDER, MAPPING
from shared.app import App
from shared.app_secret import new_secret
from shared.errors import ExportError
from shared.runs.state import Run
from shared.runs.store import RunStore
from shared.settings import read_settings
from shared.storage.account import open_storage

CHAOS_APP = Path(__file__).parent / "app"
LEASE_SECONDS = 600
"""How long the real host hides the message of an instance that was lost."""

LARGEST_TIME_FACTOR = 10
TIMER_EACH_30_SECONDS = "*/30 * * * * *"
"""The product's five minutes by the largest time factor."""

NO_TIMER = "0 0 3 1 1 *"


class ChaosError(Exception):
    """The chaos itself cannot go on; the message says why."""


class Site:
    """Use it in `with`, in the thread that runs the scenario: Azurite ends with its thread.

    `time_factor` divides the host's lease and all the app's own grace periods alike; outages are never shortened.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        say: Callable[[str], None],
        *,
        accounts: Mapping[str, int] | None = None,
        sandbox_settings: SandboxSettings | None = None,
        faults: Faults | None = None,
        workers: int = 4,
        hosts: int = 1,
        body_bytes: int = 250_000,
        schedule: str = TIMER_EACH_30_SECONDS,
        time_factor: float = 1,
        quiet_seconds: float = 0,
    ) -> None:
        if not 1 <= time_factor <= LARGEST_TIME_FACTOR:
            raise ChaosError(
                f"a time factor of {time_factor:g}: queues count whole seconds, so 1 to {LARGEST_TIME_FACTOR}"
            )
        self.name = name
        self.folder = folder / name
        self._say = say
        self.lease_seconds = LEASE_SECONDS / time_factor
        self._accounts_wanted = accounts or {"BREVO_A": 1}
        self._sandbox_settings = sandbox_settings
        self._faults = faults
        self._workers, self._hosts_wanted = workers, hosts
        self._settings = {
            "CHAOS_BODY_BYTES": str(body_bytes),
            "CHAOS_TIME_FACTOR": str(time_factor),
            "EXPORT_SCHEDULE": schedule,
            "SNAPSHOT_QUIET_SECONDS": str(quiet_seconds),
        }
        self._stack = ExitStack()
        self._document: dict[str, list[dict[str, Any]]] = {"connections": [], "exports": []}
        self.exports: list[ExportUnderTest] = []
        self.accounts: dict[str, Account] = {}
        self.hosts: list[FunctionsHost] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.chaos.mkdir(parents=True)
        (self.folder / "tmp").mkdir()
        for name in FOLDERS:
            (self.chaos / name).mkdir()
        self.azurite = self._stack.enter_context(Azurite(self.folder / "azurite"))
        make_app_storage(self.azurite.connection_string)
        environment = {
            **self._settings,
            "AzureWebJobsStorage": self.azurite.connection_string,
            "EXPORT_CONFIG": str(self.config),
            "CHAOS_FOLDER": str(self.chaos),
            "APP_SECRET": new_secret(),
            "TMPDIR": str(self.folder / "tmp"),
            RUN_MODULE: "",  # the chaos's app changes modules before others are loaded
        }
        for name, slots in self._accounts_wanted.items():
            sandbox = self._stack.enter_context(BrevoSandbox(self._sandbox_settings, self._faults))
            self.accounts[name] = Account(name, sandbox, slots)
            note_strangers(self.accounts[name], self.exports)
            environment |= {name: sandbox.api_key, f"{name}_BASE_URL": sandbox.base_url}
            environment.setdefault("BREVO_BASE_URL", sandbox.base_url)
            self._document["connections"].append(
                {
                    "id": name.lower().replace("_", "-"),
                    "display_name": name,
                    "api_key": {"setting": name},
                    "imports_at_once": slots,
                    "consent": {"agreed_by": "chaos", "agreed_on": "2026-11-01"},
                }
            )
        self._save()
        settings = read_settings(environment)
        storage = open_storage(settings)
        self.app = App(settings, storage, RunStore(storage))
        for number in range(1, self._hosts_wanted + 1):
            self.hosts.append(self._start_host(number, environment))

    def _start_host(self, number: int, environment: Mapping[str, str]) -> FunctionsHost:
        port = free_port()
        host = FunctionsHost(
            CHAOS_APP,
            {**environment, "PUBLIC_URL": f"http://127.0.0.1:{port}"},
            workers=self._workers,
            port=port,
            # Shortened with the app's own graces by one factor, or a lost worker's message would be waited for in vain.
            queue_lease_seconds=self.lease_seconds,
            log_file=self.folder / f"host-{number}.log",
        )
        return self._stack.enter_context(host)

    def lose_instance(self, pid: int, message: Mapping[str, Any]) -> bool:
        """Kills the host of a worker, the worker and all, if that is still at this message; starts another instance.

        The worker is stopped first: its step could end between the look and the kill, and its message with it.
        """
        os.kill(pid, signal.SIGSTOP)
        if self.marks().get(pid) != message:
            os.kill(pid, signal.SIGCONT)
            return False
        lost = next(host for host in self.hosts if pid in host.worker_pids())
        for worker in lost.worker_pids():
            os.kill(worker, signal.SIGKILL)
            (self.chaos / "marks" / str(worker)).unlink(missing_ok=True)
        lost.kill()
        lost.start()
        return True

    def say(self, text: str) -> None:
        """One line of progress."""
        self._say(f"[{self.name}] {text}")

    @property
    def chaos(self) -> Path:
        """Where the workers note what they do."""
        return self.folder / "chaos"

    @property
    def config(self) -> Path:
        """The exports' document."""
        return self.folder / "exports.json"

    @property
    def host(self) -> FunctionsHost:
        """The first host."""
        return self.hosts[0]

    def _save(self) -> None:
        fresh = self.config.with_suffix(".new")
        fresh.write_text(json.dumps(self._document), encoding="utf-8")
        fresh.rename(self.config)

    # Exports and starts

    @property
    def next_export_id(self) -> str:
        """The id that the next export gets."""
        return f"{self.name}-{len(self.exports) + 1}"

    def add_export(
        self,
        account: str = "BREVO_A",
        *,
        rows: int,
        flaws: float = 0.02,
        seed: int = 1,
        upload: bool = True,
        **changes: Any,
    ) -> ExportUnderTest:
        """Another export of two overlapping segments with customers of its own, to a list of its own."""
        number = len(self.exports) + 1
        export = make_export_under_test(
            self.accounts[account], self.next_export_id, number, rows=rows, flaws=flaws, seed=seed
        )
        note_strangers(self.accounts[account], self.exports, export.members.keys())
        self.app.storage.segment_blobs.create_container(export.container)
        if upload:
            self.upload(export)
        document = {
            "id": export.id,
            "display_name": f"Export {number}",
            "connection": account.lower().replace("_", "-"),
            "list_id": export.list_id,
            "source": {"container": export.container, "folder": FOLDER},
            "segments": list(export.segments),
            "mapping": MAPPING,
            "default_country": "RO",
            "schedule": "off",
        }
        self._document["exports"].append(document | changes)
        self._save()
        self.exports.append(export)
        return export

    def upload(self, export: ExportUnderTest) -> None:
        """Puts the segments' files into storage."""
        with BlobServiceClient.from_connection_string(self.azurite.connection_string) as service:
            container = service.get_container_client(export.container)
            for name, data in export.files.items():
                container.upload_blob(name, data, overwrite=True)

    def start(self, export: ExportUnderTest, host: int = 0) -> dict[str, Any]:
        """Starts a run as a person does, over HTTP; what the API answers."""
        answer = self.hosts[host].request("POST", f"/api/exports/{export.id}/runs", body=b'{"now": true}')
        if answer.status != 202:
            raise ChaosError(f"starting {export.id} answered {answer.status}: {answer.body[:300]!r}")
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def deliver_events(self, export: ExportUnderTest, names: list[str] | None = None, host: int = 0) -> None:
        """Tells the app, as Event Grid does, that the export's files were created."""
        for name in export.blob_names() if names is None else names:
            answer = self.hosts[host].deliver("blob_export", [self.event(export, name)])
            if answer.status != 202:
                raise ChaosError(f"an event for {export.id} answered {answer.status}")

    def event(self, export: ExportUnderTest, name: str) -> dict[str, Any]:
        """The event that a file was created."""
        blob_url = f"http://127.0.0.1:{self.azurite.ports[0]}/devstoreaccount1/{export.container}/{name}"
        return {
            "id": secrets.token_hex(8),
            "topic": "/subscriptions/chaos",
            "subject": f"/blobServices/default/containers/{export.container}/blobs/{name}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": datetime.now(UTC).isoformat(),
            "dataVersion": "",
            "metadataVersion": "1",
            "data": {"api": "PutBlob", "url": blob_url, "contentLength": len(export.files[name])},
        }

    # Looking

    def runs(self, export: ExportUnderTest) -> list[Run]:
        """The export's runs, newest first; storage may be away for a while."""
        return self.patiently(lambda: list(self.app.store.latest(export.id)))

    def all_runs(self) -> list[tuple[ExportUnderTest, Run]]:
        """Every run of every export."""
        return [(export, run) for export in self.exports for run in self.runs(export)]

    def patiently[T](self, look: Callable[[], T], seconds: float = 90) -> T:
        """Looks again while storage does not answer."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return look()
            except ExportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def marks(self) -> dict[int, dict[str, Any]]:
        """What each worker is doing: the message it took, by process id."""
        found = {}
        for path in (self.chaos / "marks").iterdir():
            try:
                found[int(path.name)] = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
        return found

    def wait_for_ends(self, seconds: float) -> bool:
        """Waits until no run is open; says now and then how many are."""
        return self.wait_until(lambda: all(run.is_final for _, run in self.all_runs()), seconds, "all runs have ended")

    def wait_until(self, condition: Callable[[], object], seconds: float, what: str) -> bool:
        """Waits for a condition; False when time runs out."""
        deadline, shown_at = time.monotonic() + seconds, time.monotonic()
        while not condition():
            if time.monotonic() > deadline:
                self.say(f"gave up waiting until {what}")
                return False
            if time.monotonic() - shown_at > 15:
                shown_at = time.monotonic()
                states = " ".join(f"{run.export}={run.state}" for _, run in self.all_runs() if not run.is_final)
                self.say(f"waiting until {what}: {states}")
            time.sleep(0.25)
        return True

    def temporary_leftovers(self) -> tuple[int, int]:
        """Folders that killed workers have left in the temporary directory, and their bytes."""
        folders = [path for path in (self.folder / "tmp").iterdir() if path.is_dir()]
        files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        return len(folders), sum(file.stat().st_size for file in files)

    def remove(self) -> None:
        """Removes the folder: nothing in it is needed when all went well."""
        shutil.rmtree(self.folder, ignore_errors=True)
