"""A worker process: loads the app and runs its queue triggers until its standard input ends.

The host holds the other end of standard input, so a worker also ends when the host is killed.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from local.functions_host.logs import log_to_standard_error
from local.functions_host.queues import Limits, QueueListener
from local.functions_host.runtime import AppError, Runtime
from local.functions_host.settings import SettingError, read_host_json

READY_LINE = "ready"
_FINISH_SECONDS = 2.0
_CANNOT_START = 3
_FUNCTION_TIMED_OUT = 4
_log = logging.getLogger("local.functions_host.worker")


def main() -> None:
    """Run until told to stop. Exit codes: 3 the app cannot be loaded, 4 a function ran too long."""
    options = _options()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the host tells when to stop.
    to_host = private_standard_output()
    runtime = Runtime(options.app)
    log_to_standard_error(runtime.running_function, options.log_level)
    wake = threading.Event()
    timed_out = threading.Event()

    def on_timeout() -> None:
        timed_out.set()
        wake.set()

    signal.signal(signal.SIGTERM, lambda *_: wake.set())
    threading.Thread(target=_await_end_of_input, args=(wake,), daemon=True).start()
    try:
        listeners = _listeners(runtime, options, on_timeout)
    except (AppError, SettingError) as error:
        _log.error("%s", error)
        _end(_CANNOT_START)
    for listener in listeners:
        listener.start()
    print(READY_LINE, file=to_host, flush=True)
    wake.wait()
    _finish(listeners, give_up=timed_out.is_set())
    _end(_FUNCTION_TIMED_OUT if timed_out.is_set() else 0)


def private_standard_output() -> TextIO:
    """Keep standard output for the host's own lines: what functions print goes to standard error."""
    sys.stdout.flush()
    private = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return private


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument("--app", type=Path, required=True)
    parser.add_argument("--queue-lease-seconds", type=float, required=True)
    parser.add_argument("--log-level", default="INFO")
    return parser.parse_args()


def _listeners(runtime: Runtime, options: argparse.Namespace, on_timeout: Callable[[], None]) -> list[QueueListener]:
    settings = read_host_json(options.app, os.environ)
    limits = Limits(options.queue_lease_seconds, settings.function_timeout_seconds)
    return [
        QueueListener(function, runtime, settings.queues, limits, os.environ, on_timeout)
        for function in runtime.load()
        if function.trigger_type == "queueTrigger"
    ]


def _await_end_of_input(wake: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    wake.set()


def _finish(listeners: Sequence[QueueListener], *, give_up: bool) -> None:
    """Let running messages end for a moment, or give them back at once."""
    for listener in listeners:
        if give_up:
            listener.abandon()
        else:
            listener.stop_taking()
    deadline = time.monotonic() + _FINISH_SECONDS
    while time.monotonic() < deadline and not all(listener.is_idle() for listener in listeners):
        time.sleep(0.02)


def _end(code: int) -> NoReturn:
    """End now: a function that is still running must not hold the process."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
