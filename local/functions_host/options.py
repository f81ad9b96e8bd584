"""The command line of the host, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

_DESCRIPTION = """\
Runs a function app on this machine as Azure does, on Microsoft's own Python worker library.

The host serves HTTP, timers and Event Grid itself; queue triggers run in worker processes, which it starts
again when they die: each plays an instance of its own, and ends itself when its storage fails for some 25
seconds. Queues are never made here. App settings are environment variables. It listens on 127.0.0.1 only.
"""
_EXAMPLES = """\
examples:
  Start Azurite in another terminal (python -m local.azurite), then:
    export AzureWebJobsStorage=UseDevelopmentStorage=true
    python -m local.functions_host --port 7071 --key local --master-key admin --watch-container segments

  Call a function:         curl -H 'x-functions-key: local' http://127.0.0.1:7071/api/ROUTE
  Run any function now:    curl -X POST -H 'x-functions-key: admin' -H 'Content-Type: application/json' \\
                             -d '{"input": ""}' http://127.0.0.1:7071/admin/functions/NAME
  See the workers:         curl -H 'x-functions-key: admin' http://127.0.0.1:7071/admin/host/workers
  Deliver an event:        curl -H 'aeg-event-type: Notification' -H 'Content-Type: application/json' -d '[{...}]' \\
                             'http://127.0.0.1:7071/runtime/webhooks/eventgrid?functionName=NAME&code=admin'

Any value of host.json can be set for one start: AzureFunctionsJobHost__extensions__queues__batchSize=1
Stop with Ctrl+C or SIGTERM.
"""


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; ends the process with a message where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m local.functions_host",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--app",
        type=Path,
        default=Path(),
        help="directory with function_app.py and host.json (default: this one)",
    )
    add("--port", type=int, default=7071, help="port on 127.0.0.1; 0 takes a free one (default: 7071)")
    add("--workers", type=_count, default=1, help="processes for queue triggers; 0 for none (default: 1)")
    add("--key", help="host key, opens every function (default: made up and printed)")
    add("--master-key", help="master key, opens /admin too (default: made up and printed)")
    add("--event-grid-key", help="key of the Event Grid webhook (default: made up and printed)")
    add(
        "--keys-file",
        type=Path,
        metavar="FILE",
        help="keep these three keys in a file, which is made where it is missing: they outlive the host",
    )
    add(
        "--function-key",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=KEY",
        help="a key that opens one function; may be repeated",
    )
    add(
        "--watch-container",
        action="append",
        default=[],
        metavar="NAME[=FUNCTION]",
        help="deliver a BlobCreated event for each new or changed blob of a container, to one Event Grid function "
        "or to all of them; may be repeated",
    )
    add(
        "--watch-connection",
        metavar="SETTING",
        help="app setting with the watched storage's connection string",
    )
    add("--watch-existing", action="store_true", help="also announce the blobs that are there at the start")
    add(
        "--sign-in",
        action="store_true",
        help="play the platform's sign-in: a page offers the roles, and a key counts as an administrator's sign-in",
    )
    add(
        "--no-timers",
        action="store_true",
        help="do not run timers by schedule (they can still be run by /admin)",
    )
    add("--no-restart", action="store_true", help="do not start a worker again when it dies")
    add(
        "--queue-lease-seconds",
        type=float,
        default=600,
        help="how long a message stays hidden after it was taken or renewed: a killed worker's messages come back "
        "after this (default: 600, as Azure; for tests)",
    )
    add(
        "--http-timeout-seconds",
        type=float,
        default=230,
        help="when a caller gets 504 (default: 230, as Azure)",
    )
    add("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="(default: INFO)")
    add("--json", action="store_true", help="print the ready line as JSON: address, keys, process ids")
    add(
        "--stop-with-input",
        action="store_true",
        help="also stop when standard input ends (for parent programs)",
    )
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 64:
        raise argparse.ArgumentTypeError("0 to 64")
    return number


def _pair(text: str) -> tuple[str, str]:
    name, separator, key = text.partition("=")
    if not (separator and name and key):
        raise argparse.ArgumentTypeError("NAME=KEY")
    return name, key
