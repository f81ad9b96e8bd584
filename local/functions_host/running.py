"""The host as a context manager, for tests: starts the command, waits until it is ready, ends it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from local.functions_host.event_grid import webhook_url
from local.functions_host.http_messages import Response, send
from local.run_module import run_module

REPOSITORY = Path(__file__).resolve().parents[2]
_LOG_TAIL_CHARACTERS = 4000


class HostNotReadyError(Exception):
    """The host ended or did not get ready in time; the message has the end of its log."""


class FunctionsHost:
    """A host in processes of its own. Use it in `with`, or call `start` and `stop`.

    `environment` is put over this process's own; `arguments` are further ones of the command line.
    The host also ends when this process dies, however it dies.
    """

    def __init__(
        self,
        app: str | os.PathLike[str] = REPOSITORY,
        environment: Mapping[str, str] | None = None,
        workers: int = 1,
        port: int = 0,
        *,
        key: str | None = None,
        master_key: str | None = None,
        watch_containers: Sequence[str] = (),
        queue_lease_seconds: float = 600,
        arguments: Sequence[str] = (),
        log_file: str | os.PathLike[str] | None = None,
        start_timeout_seconds: float = 60,
    ) -> None:
        self._environment = {**os.environ, **(environment or {})}
        inherited = self._environment.get("PYTHONPATH")
        self._environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), *([inherited] if inherited else [])])
        self._command = [
            *(*run_module(self._environment), "local.functions_host", "--json", "--stop-with-input"),
            *(f"--app={Path(app).resolve()}", f"--workers={workers}", f"--port={port}"),
            f"--queue-lease-seconds={queue_lease_seconds}",
            *([f"--key={key}"] if key else []),
            *([f"--master-key={master_key}"] if master_key else []),
            *(f"--watch-container={name}" for name in watch_containers),
            *arguments,
        ]
        self._start_timeout_seconds = start_timeout_seconds
        self._log_path = Path(log_file) if log_file else _new_log_file()
        if log_file is None:
            weakref.finalize(self, self._log_path.unlink, missing_ok=True)
        self._process: subprocess.Popen[str] | None = None
        self._facts: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the host; on return it answers and its workers take messages. Raises: HostNotReadyError."""
        process = self._launch(REPOSITORY, stdout=subprocess.PIPE)
        line = _first_line(process, self._start_timeout_seconds)
        if not line:
            self.kill()
            raise HostNotReadyError(f"the functions host did not get ready\n{self.log_text()[-_LOG_TAIL_CHARACTERS:]}")
        self._facts = json.loads(line)
        return self

    def stop(self, timeout_seconds: float = 16) -> int | None:
        """End the host in the orderly way and return its exit code (None: it was not running)."""
        process = self._process
        if process is None:
            return None
        process.terminate()
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        return self._close(process)

    def kill(self) -> None:
        """End the host by SIGKILL, as in a crash; its workers end by themselves."""
        if self._process is not None:
            self._process.kill()
            self._close(self._process)

    def has_ended(self) -> bool:
        """Whether the host has ended without being stopped here."""
        return self._process is not None and self._process.poll() is not None

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        return str(self._facts["url"])

    @property
    def key(self) -> str:
        """The host key: opens every function but those of level ADMIN."""
        return str(self._facts["key"])

    @property
    def master_key(self) -> str:
        """The master key: opens everything."""
        return str(self._facts["master_key"])

    @property
    def pid(self) -> int:
        """The process id of the host itself."""
        return int(self._facts["pid"])

    def worker_pids(self) -> list[int]:
        """The process ids of the workers that take messages now."""
        return [worker["pid"] for worker in self.workers() if worker["ready"]]

    def workers(self) -> list[dict[str, Any]]:
        """The workers as the host lists them: number, pid (None between two starts), ready, starts.

        Raises: OSError, http.client.HTTPException or ValueError where the host does not answer.
        """
        answer = self.request("GET", "/admin/host/workers")
        return list(json.loads(answer.body)["workers"])

    def event_grid_url(self, function_name: str) -> str:
        """The address to deliver a function's events to, with its key."""
        return webhook_url(self.url, function_name, str(self._facts["event_grid_key"]))

    def deliver(self, function_name: str, events: Any) -> Response:
        """Deliver events (an Event Grid array, or one CloudEvent) as Event Grid does."""
        return send(
            "POST",
            self.event_grid_url(function_name),
            headers={"aeg-event-type": "Notification", "Content-Type": "application/json"},
            body=json.dumps(events).encode(),
        )

    def run_now(self, function_name: str, given: str = "") -> Response:
        """Run any function; the answer (202) does not wait for it."""
        headers = {"Content-Type": "application/json"}
        body = json.dumps({"input": given}).encode()
        return self.request("POST", f"/admin/functions/{function_name}", headers=headers, body=body)

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        """Send a request with the master key, unless the headers have another."""
        return send(
            method,
            self.url + path,
            headers={"x-functions-key": self.master_key, **(headers or {})},
            body=body,
        )

    def log_text(self) -> str:
        """All that the host, its workers and the functions have logged or printed."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def wait_for_log(self, text: str, timeout_seconds: float = 20) -> None:
        """Wait until the log has a text. Raises: TimeoutError with the end of the log."""
        deadline = time.monotonic() + timeout_seconds
        while text not in self.log_text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{text!r} was not logged\n{self.log_text()[-_LOG_TAIL_CHARACTERS:]}")
            time.sleep(0.02)

    def _launch(self, folder: Path, stdout: int | None = None) -> subprocess.Popen[str]:
        """Start the command in a folder; its standard output goes into the log unless it is to be read."""
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log if stdout is None else stdout,
                stderr=log,
                text=True,
            )
        return self._process

    def _close(self, process: subprocess.Popen[str]) -> int:
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None
        return code


def _new_log_file() -> Path:
    handle, name = tempfile.mkstemp(prefix="functions-host-", suffix=".log")
    os.close(handle)
    return Path(name)


def _first_line(process: subprocess.Popen[str], timeout_seconds: float) -> str:
    lines: queue.Queue[str] = queue.Queue()
    output = process.stdout
    assert output is not None  # noqa: S101
    threading.Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
    try:
        return lines.get(timeout=timeout_seconds)
    except queue.Empty:
        return ""
