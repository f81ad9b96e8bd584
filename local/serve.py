"""`make serve`: the whole app up on this machine until Ctrl+C, with storage that is kept between two starts."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.sample_snapshots import SampleSnapshots
from local.stack import (
    CANNOT_START,
    CONFIG,
    CONTAINER,
    REPOSITORY,
    ShippedExport,
    Stack,
    Stopped,
    is_free,
    raise_if,
    stop_on_signals,
)

DEFAULT_PORT = 7071
_AZURITE_PORTS = (10_000, 10_001, 10_002)
_DEFAULTS = {"EXPORT_CONFIG": str(CONFIG), "SNAPSHOT_QUIET_SECONDS": "5", "EXPORT_SCHEDULE": "*/30 * * * * *"}
_LOOK_SECONDS = 0.5
_HELP = """\
environment:
  PORT                     the app's port; 0 takes free ones for everything  [7071]
  EXPORT_CONFIG            the configuration                                 [config/exports.json]
  SNAPSHOT_QUIET_SECONDS   how long a snapshot must be unchanged              [5]
  EXPORT_SCHEDULE          the timer, NCRONTAB                               [every 30 seconds]

When all is ready FOLDER/serve.json has `api`, `key`, `sandbox` and `storage`, and FOLDER/serve.env the settings
for a terminal: `. .local/serve.env && segment-export run high-value --wait`.
"""


class CannotServe(Exception):
    """What is in the way, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit status: 0 stopped by a signal, 1 something is in the way or has ended, 2 wrong use."""
    options = _options(arguments)
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
        description="Keeps the whole app up on 127.0.0.1: storage, the Brevo sandbox and the functions host.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sample", type=int, default=0, metavar="ROWS", help="drop segments of so many rows each")
    parser.add_argument("--json", action="store_true", help="print serve.json as one line, and nothing else")
    parser.add_argument(
        "--folder", type=Path, default=REPOSITORY / ".local", help="where storage, log and addresses are (.local)"
    )
    options = parser.parse_args(arguments)
    port = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        parser.error(f"PORT is {port!r}, and goes from 0 to 65535")
    if options.sample < 0:
        parser.error("--sample begins at 1")
    options.port = int(port)
    options.folder = options.folder.resolve()
    return options


def _serve(options: argparse.Namespace, stop: threading.Event, files: tuple[Path, Path]) -> int:
    with _started(options, stop) as stack:
        if options.sample:
            _drop_sample(stack, options.sample)
        facts = _facts(stack)
        _write(files[1], "".join(f"export {name}={shlex.quote(value)}\n" for name, value in stack.settings.items()))
        _write(files[0], json.dumps(facts, indent=2) + "\n")
        print(json.dumps(facts) if options.json else _told(facts, stack, files), flush=True)
        while not stop.wait(_LOOK_SECONDS):
            if part := stack.ended_part():
                raise CannotServe(f"{part} has ended; the log is {stack.log_file}")
        if not options.json:
            print("serve: stopping", flush=True)
    return 0


def _started(options: argparse.Namespace, stop: threading.Event) -> Stack:
    if options.port and not is_free(options.port):
        raise CannotServe(f"port {options.port} is taken by another program: `PORT=8071 make serve` takes another one")
    usual = options.port != 0 and all(map(is_free, _AZURITE_PORTS))
    stack = Stack(
        options.folder,
        {name: os.environ.get(name) or default for name, default in _DEFAULTS.items()},
        port=options.port,
        azurite_ports=_AZURITE_PORTS if usual else (0, 0, 0),
        watch_containers=[f"{CONTAINER}=blob_export"],
    )
    try:
        return stack.start(stop)
    except CANNOT_START as error:
        # Ctrl+C reaches the parts as well, and one that ends while it starts is no fault then.
        raise_if(stop)
        raise CannotServe(str(error)) from error


def _drop_sample(stack: Stack, rows: int) -> None:
    SampleSnapshots(ShippedExport.first_of().segments, rows).drop(stack.storage, CONTAINER)


def _facts(stack: Stack) -> dict[str, Any]:
    return {
        "api": stack.url,
        "key": stack.host.key,
        "sandbox": stack.sandbox.origin,
        "storage": stack.storage,
        "brevo_base_url": stack.sandbox.base_url,
        "brevo_api_key": stack.sandbox.api_key,
        "master_key": stack.host.master_key,
        "event_grid": stack.host.event_grid_url("blob_export"),
        "pid": os.getpid(),
    }


def _told(facts: Mapping[str, Any], stack: Stack, files: tuple[Path, Path]) -> str:
    export, connection = _names(stack.settings["EXPORT_CONFIG"])
    shown, environment = (_short(path) for path in files)
    curl = f"curl -H 'x-functions-key: {facts['key']}'"
    sample = f'{_short(Path(sys.executable))} -m local.sample_data --taken "$(date -u +%FT%R)"'
    ports = ", ".join(map(str, stack.azurite.ports))
    command = _short(Path(sys.executable).parent / "segment-export")
    return f"""\
Segment Export is up on this machine; Ctrl+C ends it.
  app             {facts["api"]}/api   key {facts["key"]}
  Brevo sandbox   {facts["sandbox"]}/   API {facts["brevo_base_url"]}, key {facts["brevo_api_key"]}
  storage         Azurite on the ports {ports}, kept in {_short(stack.azurite.folder)}
  log             {_short(stack.log_file)}
  for programs    {shown}; for a terminal: . {environment}

Things to try in another terminal:
  . {environment}
  {sample} --storage "$AzureWebJobsStorage"
      (two segments of 20,000 rows land, and their run starts by itself)
  {curl} {facts["api"]}/api/exports
  {curl} -X POST {facts["api"]}/api/exports/{export}/runs
  {curl} {facts["api"]}/api/exports/{export}/runs
  {command} connect {connection}
  {command} run {export} --wait
  {command} status"""


def _names(config: str) -> tuple[str, str]:
    """An export and a connection of the configuration, for the examples."""
    try:
        export = ShippedExport.first_of(Path(config))
    except (OSError, ValueError, LookupError):
        return "EXPORT", "CONNECTION"
    return export.id, export.connection or "CONNECTION"


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


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
        return f"one is starting or ending at this moment in {_short(path.parent)}"
    return f"one is up already at {facts['api']} (process {facts['pid']}); see {_short(path)}"


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


def _write(path: Path, text: str) -> None:
    """Writes a file that has a key in it: all at once, and only for its owner."""
    new = path.with_suffix(".new")
    with open(new, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
