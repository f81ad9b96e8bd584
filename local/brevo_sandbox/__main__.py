"""`python -m local.brevo_sandbox`: the sandbox as a program of its own."""

import argparse
import contextlib
import signal
import sys
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from local.brevo_sandbox.faults import STORM, FaultKind, Faults
from local.brevo_sandbox.sandbox import BrevoSandbox
from local.brevo_sandbox.saving import kept
from local.brevo_sandbox.settings import SandboxSettings

_EPILOG = """\
When it is ready it prints one line: brevo sandbox on http://127.0.0.1:PORT/v3

Try it:
  curl -H 'api-key: sandbox-key' http://127.0.0.1:PORT/v3/contacts/lists
Look at it: open http://127.0.0.1:PORT/ in a browser.
Drive it (JSON bodies):
  GET  /sandbox/summary | state | digest?list=12 | requests | imports | exports | body?import=78
  POST /sandbox/seed | contacts | faults | settings | limits | settle | calm | reset
  curl -d '{"next": [{"route": "POST /contacts/import", "kind": "524-after"}]}' http://127.0.0.1:PORT/sandbox/faults
Kinds of faults: """ + ", ".join(kind.value for kind in FaultKind)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.brevo_sandbox",
        description="A stand-in for Brevo's contacts API on 127.0.0.1.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    for setting in fields(SandboxSettings):
        add(f"--{setting.name.replace('_', '-')}", **_option(setting))
    add("--fault-rate", type=float, default=0.0, help="share of requests that fail, 0 to 1")
    add(
        "--fault-kinds",
        default="",
        help="kinds of the storm, separated by commas (default: the passing ones)",
    )
    add("--state", type=Path, metavar="FILE", help="keep the account in this file (default: in memory only)")
    add("--seed", type=int, default=0, help="the same seed gives the same storm")
    return parser


def _option(setting: Field[Any]) -> dict[str, Any]:
    declared, text = get_args(setting.type)
    option: dict[str, Any] = {"default": setting.default}
    if declared is bool:
        option["action"] = argparse.BooleanOptionalAction
        text += f" ({'yes' if setting.default else 'no'})"
    elif get_origin(declared) is Literal:
        others = [str(name) for name in get_args(declared) if name != setting.default]
        text += f": {setting.default} (default), {', '.join(others)}"
    else:
        option["type"] = declared if declared in (str, float) else int
        text += "" if setting.default is None else " (default: %(default)s)"
    return option | {"help": text}


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox until it is stopped."""
    parser = _parser()
    given: dict[str, Any] = vars(parser.parse_args(arguments))
    rate, kinds, seed, state = (given.pop(name) for name in ("fault_rate", "fault_kinds", "seed", "state"))
    try:
        faults = Faults(rate, tuple(kinds.split(",")) if kinds else STORM, seed)
        sandbox = BrevoSandbox(SandboxSettings(**given), faults)
        keeping = kept(sandbox.world, state) if state else contextlib.nullcontext()
        with contextlib.suppress(KeyboardInterrupt), keeping:
            print(f"brevo sandbox on {sandbox.base_url}", flush=True)
            sandbox.serve_forever()
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(main())
