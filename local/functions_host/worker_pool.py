"""The worker processes: start them, start them again when they die, end them by their ids."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.functions_host.worker import FINISH_SECONDS, READY, STORAGE_FAILED
from local.run_module import run_module

_log = logging.getLogger("local.functions_host.workers")
# The current directory is the app's by the time that a worker is started again.
_REPOSITORY = Path(__file__).resolve().parents[2]
_START_SECONDS = 60
_PAUSE_BEFORE_RESTART_SECONDS = 1
_STOP_SECONDS = FINISH_SECONDS + 1.5


class WorkerError(Exception):
    """A worker did not start; its own words are on standard error."""


class WorkerPool:
    """`count` workers, each in a slot of its own."""

    def __init__(self, count: int, arguments: Sequence[str], *, restart: bool) -> None:
        self._stopping = threading.Event()
        command = [*run_module(), "local.functions_host.worker", *arguments]
        self._slots = [_Slot(number, command, restart, self._stopping) for number in range(1, count + 1)]

    def start(self) -> None:
        """Start the workers without waiting for them."""
        for slot in self._slots:
            slot.thread.start()

    def wait_until_ready(self) -> None:
        """Wait until each worker takes messages. Raises: WorkerError."""
        deadline = time.monotonic() + _START_SECONDS
        for slot in self._slots:
            while not slot.ready.wait(0.05):
                if slot.failed.is_set() or time.monotonic() > deadline:
                    raise WorkerError(f"worker {slot.number} did not start")

    def describe(self) -> list[dict[str, Any]]:
        """List the workers. Shape: number, pid (None between two starts), ready, starts."""
        return [slot.describe() for slot in self._slots]

    def pids(self) -> list[int]:
        """The process ids of the workers that take messages."""
        return [int(worker["pid"]) for worker in self.describe() if worker["ready"]]

    def stop(self) -> None:
        """End the workers: first by closing their input, then by force."""
        self._stopping.set()
        for slot in self._slots:
            slot.ask_to_stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for slot in self._slots:
            slot.await_end(max(0.0, deadline - time.monotonic()))


class _Slot:
    def __init__(self, number: int, command: list[str], restart: bool, stopping: threading.Event) -> None:
        self.number = number
        self.ready = threading.Event()
        self.failed = threading.Event()
        self.thread = threading.Thread(target=self._keep_running, name=f"worker {number}", daemon=True)
        self._command = command
        self._restart = restart
        self._stopping = stopping
        self._starts = 0
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._pid: int | None = None  # as the worker says, which need not be the process that was started here

    def describe(self) -> dict[str, Any]:
        process = self._process
        alive = process is not None and process.poll() is None
        return {
            "number": self.number,
            "pid": self._pid if alive else None,
            "ready": alive and self.ready.is_set(),
            "starts": self._starts,
        }

    def ask_to_stop(self) -> None:
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()

    def await_end(self, seconds: float) -> None:
        process = self._process
        if process is None:
            return
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _keep_running(self) -> None:
        while True:
            process = self._start()
            if process is None:
                return
            self._pid = self._await_ready(process)
            was_ready = self._pid is not None
            code = process.wait()
            self.ready.clear()
            if self._stopping.is_set():
                return
            _log.warning("worker %d (pid %d) ended with code %d", self.number, self._pid or process.pid, code)
            if not self._restart:
                return
            if not was_ready:
                self.failed.set()
            # Without a pause, a worker that cannot start, or whose storage refuses it, would start all the time.
            pause = not was_ready or code == STORAGE_FAILED
            if pause and self._stopping.wait(_PAUSE_BEFORE_RESTART_SECONDS):
                return

    def _start(self) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            self._starts += 1
            self._process = subprocess.Popen(
                self._command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            return self._process

    def _await_ready(self, process: subprocess.Popen[str]) -> int | None:
        """The worker's process id once it takes messages; None where it ended before."""
        assert process.stdout is not None  # noqa: S101
        with process.stdout:
            word, _, pid = process.stdout.readline().strip().partition(" ")
        if word != READY:
            return None
        self.failed.clear()
        self.ready.set()
        return int(pid)
