"""Puts the parts of the host together, starts them in order and stops them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from local.functions_host.admin import Admin
from local.functions_host.blob_watcher import BlobWatcher
from local.functions_host.event_grid import EventGridWebhook, webhook_url
from local.functions_host.front import Front
from local.functions_host.http_functions import HttpFunctions
from local.functions_host.http_server import HttpServer
from local.functions_host.keys import Keys, kept_keys, new_key
from local.functions_host.logs import log_to_standard_error
from local.functions_host.ncrontab import Schedule, ScheduleError
from local.functions_host.runtime import AppError, Function, Runtime
from local.functions_host.settings import (
    HostSettings,
    SettingError,
    connection_string,
    read_host_json,
    resolve,
)
from local.functions_host.sign_in import with_sign_in
from local.functions_host.timers import StatusBlob, Timer
from local.functions_host.worker import private_standard_output
from local.functions_host.worker_pool import WorkerError, WorkerPool

_BODY_LIMIT_BYTES = 104_857_600
_CANNOT_START = 1
_log = logging.getLogger("local.functions_host")


class Host:
    """A running host: front, timers, watchers and workers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._app: Path = options.app.resolve()
        if options.sign_in:
            os.environ["WEBSITE_AUTH_ENABLED"] = "true"  # as the platform does
        self._environment = dict(os.environ)
        self._runtime = Runtime(self._app)
        log_to_standard_error(self._runtime.running_function, options.log_level)
        self._keys = _keys(options)
        self._workers = WorkerPool(
            options.workers,
            [
                f"--app={self._app}",
                f"--queue-lease-seconds={options.queue_lease_seconds}",
                f"--log-level={options.log_level}",
            ],
            restart=not options.no_restart,
        )
        self._timers: dict[str, Timer] = {}
        self._watchers: list[BlobWatcher] = []
        self._server: HttpServer | None = None

    def start(self) -> None:
        """Start everything; on return the host answers and its workers take messages.

        A function whose route or schedule the real host refuses is logged and left out, as there.
        Raises: AppError, SettingError, WorkerError, OSError (the port is taken).
        """
        settings = read_host_json(self._app, self._environment)
        self._workers.start()
        functions = self._runtime.load()
        self._timers = self._make_timers(functions)
        self._server = self._serve(functions, settings)
        self._workers.wait_until_ready()
        self._start_watchers([f.name for f in functions if f.trigger_type == "eventGridTrigger"])
        if not self._options.no_timers:
            for timer in self._timers.values():
                timer.start()

    def stop(self) -> None:
        """Stop everything; running functions get 10 s to end, as with the real host."""
        for timer in self._timers.values():
            timer.stop()
        for watcher in self._watchers:
            watcher.stop()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._workers.stop()

    def describe(self) -> dict[str, Any]:
        """What the ready line tells."""
        return {
            "url": self.url,
            "key": self._keys.host,
            "master_key": self._keys.master,
            "event_grid_key": self._keys.event_grid,
            "pid": os.getpid(),
            "worker_pids": self._workers.pids(),
        }

    @property
    def url(self) -> str:
        """The base address."""
        if self._server is None:
            raise RuntimeError("the host is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _serve(self, functions: Sequence[Function], settings: HostSettings) -> HttpServer:
        timeout_seconds = self._options.http_timeout_seconds
        routes = HttpFunctions(
            functions,
            self._runtime,
            self._keys,
            route_prefix=settings.route_prefix,
            timeout_seconds=timeout_seconds,
        )
        event_grid = EventGridWebhook(functions, self._runtime, self._keys, timeout_seconds=timeout_seconds)
        runnable = [each for each in functions if each.trigger_type != "timerTrigger" or each.name in self._timers]
        admin = Admin(runnable, self._runtime, self._keys, timers=self._timers, workers=self._workers.describe)
        limit = int(self._environment.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", _BODY_LIMIT_BYTES))
        front = Front(routes, event_grid, admin)
        respond = with_sign_in(front.respond) if self._options.sign_in else front.respond
        server = HttpServer(self._options.port, respond, body_limit_bytes=limit)
        server.serve_in_background()
        return server

    def _make_timers(self, functions: Sequence[Function]) -> dict[str, Timer]:
        timers: dict[str, Timer] = {}
        for function in functions:
            if function.trigger_type != "timerTrigger":
                continue
            try:
                timers[function.name] = self._make_timer(function)
            except (SettingError, ScheduleError) as error:
                _log.error("The '%s' function is in error: %s", function.name, error)
        return timers

    def _make_timer(self, function: Function) -> Timer:
        schedule = Schedule.parse(resolve(str(function.trigger["schedule"]), self._environment))
        try:
            connection: str | None = connection_string(None, self._environment)
        except SettingError:
            connection = None
        if str(function.trigger.get("useMonitor", True)).lower() == "false":
            connection = None
        return Timer(
            function,
            self._runtime,
            schedule,
            StatusBlob(connection, self._host_id(), function.name),
            run_on_startup=str(function.trigger.get("runOnStartup", False)).lower() == "true",
        )

    def _host_id(self) -> str:
        return self._environment.get("AzureFunctionsWebHost__hostid") or self._app.name.lower()

    def _start_watchers(self, function_names: Sequence[str]) -> None:
        if not self._options.watch_container:
            return
        for text in self._options.watch_container:
            container, _, chosen = text.partition("=")
            takers = [chosen] if chosen else function_names
            unknown = set(takers) - set(function_names)
            if unknown:
                raise SettingError(f"--watch-container {text}: the app has no Event Grid function {chosen}")
            urls = [webhook_url(self.url, name, self._keys.event_grid) for name in takers]
            watcher = BlobWatcher(self._watched_connection(), container, urls, existing=self._options.watch_existing)
            watcher.start()
            self._watchers.append(watcher)

    def _watched_connection(self) -> str:
        if self._options.watch_connection:
            return connection_string(self._options.watch_connection, self._environment)
        try:
            return connection_string("SEGMENT_STORAGE", self._environment)
        except SettingError:
            return connection_string(None, self._environment)


def run(options: argparse.Namespace) -> int:
    """Run a host until SIGTERM, SIGINT or, where asked, the end of standard input; tells the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.stop_with_input:
        threading.Thread(target=_await_end_of_input, args=(stop,), daemon=True).start()
    output = private_standard_output()
    host = Host(options)
    try:
        host.start()
    except (AppError, SettingError, WorkerError, OSError) as error:
        _log.error("the host cannot start: %s", error)
        host.stop()
        return _CANNOT_START
    _tell_ready(host.describe(), output, as_json=options.json)
    stop.wait()
    host.stop()
    return 0


def end_process(code: int) -> None:
    """End now: a function that is still running must not hold the process."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


def _tell_ready(facts: dict[str, Any], output: TextIO, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts), file=output, flush=True)
        return
    print(f"Functions host: {facts['url']}  (stop with Ctrl+C)", file=output)
    print(f"  host key:       {facts['key']}", file=output)
    print(f"  master key:     {facts['master_key']}", file=output)
    print(f"  Event Grid key: {facts['event_grid_key']}", file=output)
    print(f"  workers:        {', '.join(map(str, facts['worker_pids'])) or 'none'}", file=output, flush=True)


def _await_end_of_input(stop: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stop.set()


def _keys(options: argparse.Namespace) -> Keys:
    kept = kept_keys(options.keys_file) if options.keys_file else {}
    return Keys(
        host=options.key or kept.get("host") or new_key(),
        master=options.master_key or kept.get("master") or new_key(),
        event_grid=options.event_grid_key or kept.get("event_grid") or new_key(),
        functions=dict(options.function_key),
    )
