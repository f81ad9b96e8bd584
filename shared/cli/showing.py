"""How an answer is shown, as text or JSON, and what a command works with."""

import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from shared.cli.fitting import fitted, width_of

if TYPE_CHECKING:
    from shared.access import Caller
    from shared.app import App

_JSON = "segment-export.json"
_OPENED = "segment-export.opened"
# What would move the cursor, or turn the direction of writing. Others give files, columns and lists their names.
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_JSON] = True


json_option = click.option("--json", is_flag=True, expose_value=False, callback=_remember, help="print JSON, for tools")


def as_json() -> bool:
    """Whether the command was given `--json`."""
    return _JSON in click.get_current_context().meta


def show(answer: Any, text: Callable[[], str]) -> None:
    """JSON for tools, text for people."""
    if as_json():
        print_json(answer)
    else:
        say(text())


def say(text: str, *, err: bool = False) -> None:
    """Prints lines that fit the terminal: on standard output, or on standard error."""
    stream = sys.stderr if err else sys.stdout
    print(fitted(printable(text), width_of(stream)), file=stream, flush=True)


def printable(text: str) -> str:
    """The lines of the text, without what a terminal obeys instead of showing it."""
    return _UNSEEN.sub(" ", text)


def print_json(answer: Any) -> None:
    """Indented JSON, in which a terminal finds nothing to obey either."""
    from shared.json_text import json_text

    print_text_of_json(_UNSEEN.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json_text(answer, indent=2)))


def print_text_of_json(text: str) -> None:
    """The text; where the output's encoding lacks a character of it, with all but ASCII as JSON escapes it."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = re.sub(r"[^\x00-\x7f]", lambda sign: json.dumps(sign[0])[1:-1], text)
    print(text)


def caller() -> "Caller":
    """Who typed it: the machine's user, never by an address."""
    from shared.access import terminal_caller

    return terminal_caller(os.environ.get("USER") or _user_of_process())


def _user_of_process() -> str:
    """The name of the process's user, as the machine has it: a container, a service and a job have no USER."""
    from getpass import getuser

    with suppress(OSError):  # nor has the machine a name for each number
        return getuser()
    return ""


def open_app() -> "App":
    """The app as the environment says. Raises ConfigurationError naming the setting that cannot be read."""
    from shared import app

    if context := click.get_current_context(silent=True):  # none while the Tab key is answered
        context.meta[_OPENED] = True
    return app.open_app()


def note_settings() -> None:
    """Says on standard error that this terminal has not read the settings of the `make serve` beside it.

    Only of a command that works with the app: it has shown what this machine's emulator and files have.
    """
    from shared.settings import serve_env_unread

    if _OPENED in click.get_current_context().meta and (line := serve_env_unread(os.environ)):
        say(f"segment-export: {line}", err=True)
