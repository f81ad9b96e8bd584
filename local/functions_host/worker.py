"""A worker process: loads the app and runs its queue triggers until its standard input ends.

It plays one instance of the platform, host and language worker together: killed, its messages stay hidden until their
leases end. SIGUSR1 plays the death of the language worker alone, which the host sees and answers as a failed try.
The parent holds the other end of standard input, so a worker also ends when the parent is killed.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from local.functions_host.logs import log_to_standard_error
from local.functions_host.queues import Alarms, Limits, QueueListener
from local.functions_host.runtime import AppError, Runtime
from local.functions_host.settings import SettingError, read_host_json

READY = "ready"
"""The word that a worker writes when it takes messages, before its process id."""
FINISH_SECONDS = 10.0
"""How long running functions may go on after a stop, as with the real host."""

STOPPED = 0
CANNOT_START = 3
FUNCTION_TIMED_OUT = 4
STORAGE_FAILED = 5
LANGUAGE_WORKER_DIED = 6
"""The exit codes of a worker."""

_log = logging.getLogger("local.functions_host.worker")


def main() -> None:
    """Run until something ends it; the exit code says what."""
    options = _options()
    # The first reason to end decides. A SimpleQueue may be filled from a signal handler.
    endings: queue.SimpleQueue[int] = queue.SimpleQueue()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the host tells when to stop.
    signal.signal(signal.SIGTERM, lambda *_: endings.put(STOPPED))
    signal.signal(signal.SIGUSR1, lambda *_: endings.put(LANGUAGE_WORKER_DIED))
    to_host = private_standard_output()
    runtime = Runtime(options.app)
    log_to_standard_error(runtime.running_function, options.log_level)
    threading.Thread(target=_await_end_of_input, args=(endings,), daemon=True).start()
    alarms = Alarms(
        on_timeout=lambda: endings.put(FUNCTION_TIMED_OUT),
        on_storage_error=lambda: endings.put(STORAGE_FAILED),
    )
    try:
        listeners = _listeners(runtime, options, alarms)
    except (AppError, SettingError) as error:
        _log.error("%s", error)
        _end(CANNOT_START)
    for listener in listeners:
        listener.start()
    print(READY, os.getpid(), file=to_host, flush=True)
    code = endings.get()
    _finish(listeners, give_up=code in (FUNCTION_TIMED_OUT, LANGUAGE_WORKER_DIED))
    _end(code)


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


def _listeners(runtime: Runtime, options: argparse.Namespace, alarms: Alarms) -> list[QueueListener]:
    settings = read_host_json(options.app, os.environ)
    limits = Limits(options.queue_lease_seconds, settings.function_timeout_seconds)
    return [
        QueueListener(function, runtime, settings.queues, limits, os.environ, alarms)
        for function in runtime.load()
        if function.trigger_type == "queueTrigger"
    ]


def _await_end_of_input(endings: queue.SimpleQueue[int]) -> None:
    while os.read(0, 1024):
        pass
    endings.put(STOPPED)


def _finish(listeners: Sequence[QueueListener], *, give_up: bool) -> None:
    """Let running messages end for a moment, or give them back at once."""
    for listener in listeners:
        if give_up:
            listener.abandon()
        else:
            listener.stop_taking()
    deadline = time.monotonic() + FINISH_SECONDS
    while time.monotonic() < deadline and not all(listener.is_idle() for listener in listeners):
        time.sleep(0.02)


def _end(code: int) -> NoReturn:
    """End now: a function that is still running must not hold the process."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
