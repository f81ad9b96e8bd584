"""Runs a command; turns errors into one line and an exit status."""

import json
import logging
import os
import sys

from shared.cli.arguments import parser
from shared.errors import ConfigurationError, ExportError


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 succeeded, 1 failed or cancelled, 2 wrong use or configuration."""
    parsed = parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    # Imported here so that --help answers at once.
    from shared.cli.commands import COMMANDS, FAILED, WRONG_USE

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
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
