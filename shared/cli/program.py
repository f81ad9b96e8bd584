"""Runs a command; turns errors into one line and an exit status."""

import json
import logging
import os
import sys

from shared.cli.arguments import parser
from shared.errors import ConfigurationError, ExportError

FAILED, WRONG_USE, STOPPED = 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 succeeded, 1 failed or cancelled, 2 wrong use or configuration."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has closed it: nothing is left to say, also not at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _run(arguments: list[str] | None) -> int:
    parsed = parser().parse_args(arguments)
    # Imported here so that --help answers at once.
    from shared.cli.commands import COMMANDS

    try:
        action = getattr(parsed, "action", None)
        return COMMANDS[f"{parsed.command} {action}" if action else parsed.command](parsed)
    except ExportError as error:
        if parsed.json:
            told = {"code": error.code, "message": error.message, "advice": error.advice}
            print(json.dumps({"error": told}, ensure_ascii=False))
        print(f"segment-export: {error}", file=sys.stderr)
        return WRONG_USE if isinstance(error, ConfigurationError) else FAILED
    except KeyboardInterrupt:
        print("\nsegment-export: stopped watching; a run that was started goes on where workers are.", file=sys.stderr)
        return STOPPED
