"""`make serve`: a playground. The whole app is up on this machine until Ctrl+C, and keeps what it holds."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from azure.core.exceptions import AzureError

from local.free_port import is_free
from local.playground import drop_sample, has_segments, own_files, put_configuration, put_files
from local.private_file import write_private
from local.serve_settings import given_settings, schedule_fault, secret_fault, with_defaults
from local.serve_words import environment_file, facts_of, ready_text, start_page
from local.stack import (
    CANNOT_START,
    CONTAINER,
    REPOSITORY,
    Stack,
    Stopped,
    last_lines,
    raise_if,
    stop_on_signals,
)
from local.start_page import StartPage
from local.worker_watch import WorkerWatch

DEFAULT_PORT = 7071
DEFAULT_SAMPLE_ROWS = 500
TEST_LIST = 99
# A general plan has 100: who tries everything out within the hour would wait for the next one.
OTHER_CALLS_PER_HOUR = 1000
_AZURITE_PORTS = (10_000, 10_001, 10_002)
_KEPT = ("azurite", "sandbox.json", "keys.json", "app-secret")
_LOOK_SECONDS = 0.5
_AGAIN = """\
all of it is stopped now. `make serve` starts it again and keeps what it held, and open runs go on; but Brevo's
sandbox forgets the imports that were open: docs/sandbox.md"""
_SIGN_SECONDS = 3.0
_HELP = """\
environment:
  PORT                     the same as --port
  EXPORT_CONFIG            a local file, which is then read only, or a blob of
                           the storage, at first a copy of config/exports.json
                           [config/playground.json]
  SNAPSHOT_QUIET_SECONDS   how long a snapshot must be unchanged          [5]
  EXPORT_SCHEDULE          the timer, NCRONTAB             [every 30 seconds]
  APP_SECRET               another one than FOLDER keeps, to try that out
What an earlier start's serve.env has set in this terminal does not count.

The start page is on the port below the app's, the Brevo sandbox on the one
above, where these are free. When all is ready FOLDER/serve.env has API, KEY,
SANDBOX, the app's settings and a PATH with segment-export:
  . .local/serve.env && segment-export run high-value --wait
FOLDER/serve.json is for programs. Storage, keys and the sandbox's contacts are
kept for the next start. docs/sandbox.md says what can go wrong at Brevo.
"""


class CannotServe(Exception):
    """What is in the way. The first line says it; further ones are the end of a log."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit status: 0 stopped by a signal, 1 something is in the way or has ended, 2 wrong use."""
    options = _options(arguments)
    os.umask(0o077)  # storage and the sandbox hold what the segments do: no other user of the machine reads it
    stop = stop_on_signals()
    try:
        with _alone(options.folder), _files(options.folder) as files:
            return _serve(options, stop, files)
    except CannotServe as problem:
        print(f"serve: {problem}", file=sys.stderr)
        return 1
    except Stopped:
        return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.serve",
        usage='make serve [ARGS="OPTIONS"]',
        description="Keeps the whole app up on this machine: storage, Brevo sandbox, functions host.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", metavar="PORT", help=f"the app's port; 0 takes free ones for everything [{DEFAULT_PORT}]")
    add("--fresh", action="store_true", help="forget what earlier starts have kept: storage, keys, contacts")
    add("--segments", type=Path, metavar="FOLDER", help="put segment files of your own into storage: NAME.csv is a "
        "segment; so are the folders that Customer Insights makes")  # fmt: skip
    add("--sample", type=int, metavar="ROWS", help="a new snapshot of the sample segments, of so many rows each; 0: "
        f"none [{DEFAULT_SAMPLE_ROWS} where storage has no segment yet]")  # fmt: skip
    add("--json", action="store_true", help="print serve.json as one line, and nothing else")
    add("--folder", type=Path, default=REPOSITORY / ".local", help="where all of it is kept [.local]")
    options = parser.parse_args(arguments)
    port = options.port or os.environ.get("PORT") or str(DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        parser.error(f"{'--port' if options.port else 'PORT'} is {port!r}, and goes from 0 to 65535")
    if (options.sample or 0) < 0:
        parser.error("--sample begins at 0")
    try:
        options.own_files = own_files(options.segments) if options.segments else {}
    except ValueError as error:
        parser.error(f"--segments: {error}")
    options.port = int(port)
    options.folder = options.folder.resolve()
    return options


class Words:
    """What is printed while it starts and stops; nothing with --json, which is for programs."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._last = ""
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One line, with the seconds since the start."""
        self._last = text
        if not self._silent:
            print(f"serve: [{time.monotonic() - self._began:4.1f} s] {text}", flush=True)

    @contextlib.contextmanager
    def signs_of_life(self) -> Iterator[None]:
        """Within it, what was said last is repeated every few seconds."""
        over = threading.Event()

        def repeat() -> None:
            before = ""
            while not over.wait(_SIGN_SECONDS):
                text = self._last.removeprefix("still ")
                if text == before:
                    self.say(f"still {text}")
                before = text

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _serve(options: argparse.Namespace, stop: threading.Event, files: tuple[Path, Path]) -> int:
    words = Words(options.json)
    words.say("bringing the app up on this machine; some ten seconds")
    with _start_page(options.port) as page, _started(options, stop, page, words) as stack:
        _put_segments(options, stack, words)
        facts = facts_of(stack, page)
        write_private(files[1], environment_file(facts, stack.settings))
        write_private(files[0], json.dumps(facts, indent=2) + "\n")
        page.show(start_page(facts, stack, files))
        print(json.dumps(facts) if options.json else ready_text(facts, stack, files), flush=True)
        _watch(stack, stop, words)
        words.say("stopping; a host that does not answer is waited for up to half a minute")
    return 0


def _watch(stack: Stack, stop: threading.Event, words: Words) -> None:
    """Until the signal. Raises: CannotServe, where a part has ended."""
    workers = WorkerWatch(stack.host.workers)
    while not stop.wait(_LOOK_SECONDS):
        if part := stack.ended_part():
            raise CannotServe(f"{part}\n{_AGAIN}")
        if ended := workers.ended():
            log = stack.log_file
            again = "them" if " and " in ended else "it"
            words.say(f"{ended} ended, and the host starts {again} again; the log is {log}\n{last_lines(log)}")


def _start_page(port: int) -> StartPage:
    try:
        return StartPage(_wanted_or_free(port - 1 if port else 0))
    except OSError as error:
        raise CannotServe(f"the start page cannot listen: {error}") from error


def _wanted_or_free(port: int) -> int:
    return port if 0 < port <= 65_535 and is_free(port) else 0


def _started(options: argparse.Namespace, stop: threading.Event, page: StartPage, words: Words) -> Stack:
    port = options.port
    if port and not is_free(port):
        raise CannotServe(f"port {port} is taken by another program: `PORT=8071 make serve` takes another one")
    if options.fresh:
        _forget(options.folder)
        words.say(f"forgot what was kept in {options.folder}")
    given = given_settings(os.environ)
    settings = with_defaults(given)
    if given:
        words.say(f"taken from this terminal's environment: {', '.join(given)}")
    for fault in filter(None, (schedule_fault(settings["EXPORT_SCHEDULE"], datetime.now(UTC)), secret_fault(given))):
        print(f"serve: {fault}", file=sys.stderr, flush=True)

    def prepare(storage: str) -> None:
        if put_configuration(storage, settings["EXPORT_CONFIG"]):
            words.say(f"copied config/exports.json to {settings['EXPORT_CONFIG']} in the storage")

    stack = Stack(
        options.folder,
        page.receivers() | settings,
        port=port,
        azurite_ports=_AZURITE_PORTS if port and all(map(is_free, _AZURITE_PORTS)) else (0, 0, 0),
        watch_containers=[f"{CONTAINER}=blob_export"],
        sandbox=[
            f"--port={_wanted_or_free(port + 1 if port else 0)}",
            f"--test-list={TEST_LIST}",
            f"--general-per-hour={OTHER_CALLS_PER_HOUR}",
        ],
        keeps=True,
        sign_in=True,
        prepare=prepare,
        say=words.say,
    )
    try:
        with words.signs_of_life():
            return stack.start(stop)
    except (*CANNOT_START, AzureError, ValueError) as error:
        # Ctrl+C reaches the parts as well, and one that ends while it starts is no fault then.
        raise_if(stop)
        raise CannotServe(str(error)) from error


def _put_segments(options: argparse.Namespace, stack: Stack, words: Words) -> None:
    """Raises: CannotServe."""
    try:
        rows = options.sample
        if rows is None and not options.own_files and not has_segments(stack.storage):
            rows = DEFAULT_SAMPLE_ROWS
        if rows:
            names = drop_sample(stack.storage, rows)
            words.say(f"put the sample segments {' and '.join(names)} into storage, {rows:,} rows each")
        if options.own_files:
            put_files(stack.storage, options.own_files)
            count = len(options.own_files)
            words.say(f"put {count} file{'s' * (count > 1)} of {options.segments} into storage")
    except (AzureError, OSError) as error:
        raise CannotServe(f"the segments cannot be put into storage: {error}") from error


def _forget(folder: Path) -> None:
    for name in _KEPT:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one at a time works in a folder. Raises: CannotServe."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotServe(_already_up(folder / "serve.json")) from None
        yield


def _already_up(path: Path) -> str:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"one is starting or ending at this moment in {path.parent}"
    return f"one is up already at {facts['api']} (process {facts['pid']}); see {path}"


@contextlib.contextmanager
def _files(folder: Path) -> Iterator[tuple[Path, Path]]:
    """serve.json and serve.env: there only while all is up."""
    files = folder / "serve.json", folder / "serve.env"
    try:
        for path in files:
            path.unlink(missing_ok=True)
        yield files
    finally:
        for path in files:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
