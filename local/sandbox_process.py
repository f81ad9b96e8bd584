"""The Brevo sandbox in a process of its own, which ends when the process that started it ends.

`with SandboxProcess("--seconds-fixed", "0.2") as sandbox:` takes the arguments of `python -m local.brevo_sandbox`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

from local.functions_host.http_messages import send
from local.run_module import run_module

REPOSITORY = Path(__file__).resolve().parents[1]
_STOP_SECONDS = 15  # an account that is kept in a file is saved first


class SandboxError(Exception):
    """The sandbox did not start, or refuses a control call."""


class SandboxProcess:
    """A running sandbox. Use it in `with`, or call `start` and `stop`."""

    api_key = "sandbox-key"

    def __init__(self, *arguments: str, log_file: Path | None = None) -> None:
        self._arguments = arguments
        self._log_file = log_file
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it and wait until it listens. Raises: SandboxError; its own words are in the log file.

        Without one they are on standard error.
        """
        command = [*run_module(), "local.sandbox_process", "--api-key", self.api_key, *self._arguments]
        with self._log_file.open("wb") if self._log_file else nullcontext() as log:
            process = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self._process = process
        words = process.stdout.readline().split() if process.stdout else []
        if not words:
            self.stop()
            raise SandboxError(f"the Brevo sandbox did not start{self._last_words()}")
        self.base_url = words[-1]
        return self

    def stop(self) -> None:
        """End it, and all that it held."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _last_words(self) -> str:
        lines = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines() if self._log_file else []
        return f": {lines[-1]}" if lines else ""

    @property
    def origin(self) -> str:
        """The address of its page and of its control calls; `base_url` is the one for clients, with /v3."""
        return self.base_url.removesuffix("/v3")

    def has_ended(self) -> bool:
        """Tell whether it ended without being asked to."""
        return self._process is not None and self._process.poll() is not None

    def ask(self, path: str) -> Any:
        """The answer to a control call such as `summary`. Raises: SandboxError, OSError."""
        answer = send("GET", f"{self.origin}/sandbox/{path}")
        if answer.status != 200:
            raise SandboxError(f"the Brevo sandbox answers {answer.status} to {path}")
        return json.loads(answer.body)


def main() -> int:
    """Run the sandbox until SIGTERM or the end of standard input; Ctrl+C is left to the process that started it."""
    from local.brevo_sandbox.__main__ import main as run_sandbox

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=_end_with_input, daemon=True).start()
    return run_sandbox(sys.argv[1:])


def _end_with_input() -> None:
    while os.read(0, 1024):
        pass
    # To the main thread, so that it wakes up and what is kept in a file is saved.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
