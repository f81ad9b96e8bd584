"""`python -m local.brevo_sandbox`: the sandbox as a program of its own."""

import argparse
import contextlib
import signal
import sys
from typing import Any

from local.brevo_sandbox.faults import STORM, FaultKind, Faults
from local.brevo_sandbox.sandbox import BrevoSandbox
from local.brevo_sandbox.settings import SandboxSettings

_EPILOG = """\
When it is ready it prints one line: brevo sandbox on http://127.0.0.1:PORT/v3

Try it:
  curl -H 'api-key: sandbox-key' http://127.0.0.1:PORT/v3/contacts/lists
Look at it: open http://127.0.0.1:PORT/ in a browser.
Drive it (JSON bodies):
  GET  /sandbox/summary | state | digest?list=12 | requests | imports | exports | body?import=78
  POST /sandbox/seed | contacts | faults | settings | limits | settle | reset
  curl -d '{"next": [{"route": "POST /contacts/import", "kind": "524-after"}]}' http://127.0.0.1:PORT/sandbox/faults
Kinds of faults: """ + ", ".join(kind.value for kind in FaultKind)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.brevo_sandbox",
        description="A stand-in for Brevo's contacts API on 127.0.0.1; everything stays in memory.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    add("--api-key", default="sandbox-key", help="the key that callers must send (default: %(default)s)")
    add("--plan", default="general", help="rate limits of: general, professional, enterprise")
    add("--contacts-per-second", type=int, help="limit of /contacts calls instead of the plan's")
    add("--contacts-per-hour", type=int, help="limit of /contacts calls instead of the plan's")
    add("--general-per-hour", type=int, help="limit of /processes and /account instead of the plan's")
    add(
        "--limit-speedup",
        type=float,
        default=1.0,
        help="shorten the limits' windows: 3600 makes an hour a second",
    )
    add("--seconds-fixed", type=float, default=1.0, help="how long any import takes (default: %(default)s)")
    add("--seconds-per-contact", type=float, default=0.00002, help="and how long for each contact")
    add("--parallel-imports", type=int, default=1, help="imports that run at once (default: %(default)s)")
    add("--defers-work", action="store_true", help="imports are done at once, and read at POST /sandbox/settle")
    add("--latency-seconds", type=float, default=0.0, help="how long each call is on its way (default: none)")
    add("--running-status", default="processing", help="processing or in_process")
    add("--report-form", default="url", help="info.import holds: url (or null), counts, urls")
    add("--shared-phone", default="skip_contact", help="second owner of a number: skip_contact or drop_phone")
    add("--date-format", default="yyyy-mm-dd", help="the account's: yyyy-mm-dd, dd-mm-yyyy, mm-dd-yyyy")
    add("--language", default="en", help="names of the standard attributes: en or fr")
    add("--notify", default="once", help="calls to notifyUrl: once, off, twice")
    add("--notify-delay-seconds", type=float, default=0.0, help="how late the call to notifyUrl comes")
    add("--fault-rate", type=float, default=0.0, help="share of requests that fail, 0 to 1")
    add(
        "--fault-kinds",
        default="",
        help="kinds of the storm, separated by commas (default: the passing ones)",
    )
    add("--seed", type=int, default=0, help="the same seed gives the same storm")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox until it is stopped."""
    parser = _parser()
    given: dict[str, Any] = vars(parser.parse_args(arguments))
    rate, kinds, seed = (given.pop(name) for name in ("fault_rate", "fault_kinds", "seed"))
    try:
        faults = Faults(rate, tuple(kinds.split(",")) if kinds else STORM, seed)
        sandbox = BrevoSandbox(SandboxSettings(**given), faults)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"brevo sandbox on {sandbox.base_url}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sandbox.serve_forever()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(main())
