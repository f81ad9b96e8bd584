"""Azure's own Functions host, by Core Tools' `func start`, with the same handle as our stand-in.

Written from Microsoft's pages and tried with a stub of `func` only: nobody has run it on Core Tools yet.
Source: https://learn.microsoft.com/azure/azure-functions/functions-core-tools-reference (2026-11)
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from local.free_port import free_port
from local.functions_host.blob_watcher import BlobWatcher
from local.functions_host.http_messages import send
from local.functions_host.running import REPOSITORY, FunctionsHost, HostNotReadyError

# `func start` lets every caller in; the tests send a key all the same.
_ANY_KEY = "core-tools"
_EVENT_FUNCTION = "blob_export"


class CoreToolsHost(FunctionsHost):
    """`func start` in processes of its own. What only the stand-in has (workers, short leases) is not offered."""

    def __init__(
        self,
        app: str | os.PathLike[str] = REPOSITORY,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
        *,
        watch_containers: Sequence[str] = (),
        log_file: str | os.PathLike[str] | None = None,
        start_timeout_seconds: float = 180,
    ) -> None:
        super().__init__(app, environment, log_file=log_file, start_timeout_seconds=start_timeout_seconds)
        self._port = port or free_port()
        self._folder = Path(app).resolve()
        self._command = ["func", "start", "--port", str(self._port)]
        # The worker of Core Tools takes the first `python` on the path.
        path = os.pathsep.join([str(Path(sys.executable).parent), self._environment.get("PATH", "")])
        self._environment |= {"PATH": path, "FUNCTIONS_WORKER_RUNTIME": "python"}
        self._watch_containers = watch_containers
        self._watchers: list[BlobWatcher] = []

    def start(self) -> Self:
        """Start the host and wait until it says that it runs. Raises: HostNotReadyError."""
        if shutil.which("func") is None:
            raise HostNotReadyError("`func` is not on the PATH: install Azure Functions Core Tools, version 4")
        process = self._launch(self._folder)
        url = f"http://127.0.0.1:{self._port}"
        self._facts = {"url": url, "key": _ANY_KEY, "master_key": _ANY_KEY, "event_grid_key": _ANY_KEY}
        self._facts["pid"] = process.pid
        deadline = time.monotonic() + self._start_timeout_seconds
        while not self._runs():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise HostNotReadyError(f"`func start` did not get ready\n{self.log_text()[-4000:]}")
            time.sleep(0.5)
        for container in self._watch_containers:
            connection = self._environment.get("SEGMENT_STORAGE") or self._environment["AzureWebJobsStorage"]
            watcher = BlobWatcher(connection, container, [self.event_grid_url(_EVENT_FUNCTION)])
            watcher.start()
            self._watchers.append(watcher)
        return self

    def stop(self, timeout_seconds: float = 20) -> int | None:
        """End the host in the orderly way and return its exit code (None: it was not running)."""
        for watcher in self._watchers:
            watcher.stop()
        return super().stop(timeout_seconds)

    def worker_pids(self) -> list[int]:
        """None: the workers of Core Tools are its own affair."""
        return []

    def _runs(self) -> bool:
        try:
            answer = send("GET", f"{self.url}/admin/host/status", headers={"x-functions-key": _ANY_KEY})
            return answer.status == 200 and json.loads(answer.body).get("state") == "Running"
        except (OSError, ValueError):
            return False
