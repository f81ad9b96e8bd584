"""The whole app on this machine: Azurite, the Brevo sandbox and the functions host, started and ended together."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

from local.app_storage import make_app_storage
from local.azurite import Azurite, AzuriteError
from local.free_port import free_port
from local.functions_host import FunctionsHost, HostNotReadyError
from local.private_file import write_private
from local.sandbox_process import SandboxError, SandboxProcess
from shared.app_secret import new_secret

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG = REPOSITORY / "config" / "exports.json"
CONTAINER = "segments"
CANNOT_START = (AzuriteError, SandboxError, HostNotReadyError, OSError)
WORKERS = 2
_LINES_SHOWN = 10


class Stopped(Exception):
    """Ctrl+C or SIGTERM came."""


@dataclass(frozen=True, slots=True)
class ShippedExport:
    """What the stand-ins need to know of an export in the configuration."""

    id: str
    connection: str
    list_id: int
    segments: tuple[str, ...]
    mapping: dict[str, Any]

    @classmethod
    def first(cls) -> Self:
        """The first export of the shipped configuration. Raises: OSError, ValueError or LookupError."""
        export = json.loads(CONFIG.read_text(encoding="utf-8"))["exports"][0]
        return cls(
            export["id"],
            export["connection"],
            export["list_id"],
            tuple(export["segments"]),
            export["mapping"],
        )


def stop_on_signals() -> threading.Event:
    """The event that Ctrl+C and SIGTERM set from now on, so that nothing is cut off while it starts or ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def raise_if(stop: threading.Event) -> None:
    """Raises: Stopped, where the event is set."""
    if stop.is_set():
        raise Stopped


@dataclass(frozen=True, slots=True)
class EndedPart:
    """A part that has ended without being asked to, and where its log is."""

    name: str
    log: Path

    def __str__(self) -> str:
        return f"{self.name} has ended; its log is {self.log}\n{last_lines(self.log)}"


def last_lines(log: Path) -> str:
    """The end of a log, indented; a sentence where there is nothing in it."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return "\n".join(f"    {line}" for line in lines[-_LINES_SHOWN:]) or "    (the log is empty)"


class Stack:
    """All three. `settings` are put over the app's; port 0 takes free ones. Everything listens on 127.0.0.1.

    `sandbox` are arguments of the sandbox. With `keeps` the folder also keeps the host's keys and the sandbox's
    account for the next start; with `sign_in` the host plays the platform's. `prepare` gets the storage's connection
    string before the host starts, and `say` a line for each part that is about to start.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        *,
        port: int = 0,
        azurite_ports: Sequence[int] = (0, 0, 0),
        watch_containers: Sequence[str] = (),
        sandbox: Sequence[str] = (),
        keeps: bool = False,
        sign_in: bool = False,
        prepare: Callable[[str], None] = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.log_file = folder / "functions-host.log"
        self._secret_file = folder / "app-secret"
        self.azurite = Azurite(folder / "azurite", ports=azurite_ports)
        self._sandbox_log = folder / "sandbox.log"
        state = [f"--state={folder / 'sandbox.json'}"] if keeps else []
        self.sandbox = SandboxProcess(*sandbox, *state, log_file=self._sandbox_log)
        self._host_arguments = [f"--keys-file={folder / 'keys.json'}"] if keeps else []
        self._host_arguments += ["--sign-in"] if sign_in else []
        self._prepare = prepare
        self._say = say
        self.settings: dict[str, str] = {}
        self._own_settings = settings
        self._port = port or free_port()
        self._watch_containers = watch_containers
        self._started = ExitStack()
        self._host: FunctionsHost | None = None

    def start(self, stop: threading.Event) -> Self:
        """Start all, and make what the app keeps in storage. Raises: Stopped, or one of CANNOT_START."""
        with ExitStack() as starting:
            self._say("starting Azurite, the storage")
            starting.enter_context(self.azurite)
            raise_if(stop)
            self._say("starting the Brevo sandbox")
            starting.enter_context(self.sandbox)
            raise_if(stop)
            host = self._make_host()
            self._say(f"starting the functions host with {WORKERS} workers")
            starting.enter_context(host)
            raise_if(stop)
            self._started = starting.pop_all()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    @property
    def host(self) -> FunctionsHost:
        """The functions host."""
        if self._host is None:
            raise RuntimeError("the functions host is not started")
        return self._host

    @property
    def url(self) -> str:
        """The app's base address; its API is below /api."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def storage(self) -> str:
        """The storage's connection string."""
        return self.azurite.connection_string

    def ended_part(self) -> EndedPart | None:
        """Which part has ended without being asked to; None where all are up."""
        if self.azurite.has_ended():
            return EndedPart("Azurite", self.azurite.log_file)
        if self.sandbox.has_ended():
            return EndedPart("the Brevo sandbox", self._sandbox_log)
        return EndedPart("the functions host", self.log_file) if self.host.has_ended() else None

    def _app_secret(self) -> str:
        """The app's secret of this folder, made where it is missing: storage outlives a start, and so does it."""
        if not self._secret_file.is_file():
            write_private(self._secret_file, new_secret())
        return self._secret_file.read_text(encoding="ascii")

    def _make_host(self) -> FunctionsHost:
        make_app_storage(self.storage)
        container = ContainerClient.from_connection_string(self.storage, CONTAINER)
        with container, suppress(ResourceExistsError):
            container.create_container()
        self._prepare(self.storage)
        self.settings = {
            "AzureWebJobsStorage": self.storage,
            "SEGMENT_STORAGE": self.storage,
            "BREVO_BASE_URL": self.sandbox.base_url,
            "BREVO_API_KEY": self.sandbox.api_key,
            "PUBLIC_URL": self.url,
            "APP_SECRET": self._app_secret(),
            **self._own_settings,
        }
        self.log_file.unlink(missing_ok=True)
        self._host = FunctionsHost(
            REPOSITORY,
            self.settings,
            WORKERS,
            self._port,
            watch_containers=self._watch_containers,
            arguments=self._host_arguments,
            log_file=self.log_file,
        )
        return self._host
