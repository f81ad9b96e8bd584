"""How an answer is shown, as text or JSON, and who typed the command."""

import argparse
import os
from collections.abc import Callable
from typing import Any

from shared.access import Caller, terminal_caller
from shared.json_text import json_text


def show(arguments: argparse.Namespace, found: Any, text: Callable[[], str]) -> None:
    """JSON for tools, text for people."""
    if arguments.json:
        print_json(found)
    else:
        print(text())


def print_json(found: Any) -> None:
    """Indented JSON."""
    print(json_text(found, indent=2))


def caller() -> Caller:
    """Who typed it: the machine's user, never by an address."""
    return terminal_caller(os.environ.get("USER", ""))
