"""What all commands share: the help, `--json`, one line for each error, and the exit status.

A command is a function with the decorator `@program.command()`. It returns its exit status, or None when it succeeded.
It imports what it works with itself: `--help` and the Tab key answer before any of that is loaded.
"""

import json
import logging
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from shared.cli.sections import sections
from shared.cli.showing import as_json, json_option, note_settings, print_text_of_json, say
from shared.errors import DISK_FULL, ConfigurationError, ExportError
from shared.version import VERSION

if TYPE_CHECKING:
    from shared.runs.status import RunStatus

SUCCEEDED, FAILED, WRONG_USE, OPEN, STOPPED = 0, 1, 2, 3, 130

_WHOLE = 10_000  # characters of a command's help, all of which is shown

_EXAMPLES = (
    ("segment-export validate", "is the configuration right? one line for each fault"),
    ("segment-export connect brevo-eu", "does Brevo accept the key? step by step"),
    ("segment-export preview high-value", "what would be sent: five masked contacts, counts by reason"),
    ("segment-export trial high-value --list 99", "twenty customers, really sent, to another list"),
    ("segment-export plan high-value --wait", "what would be sent, to be approved or cancelled"),
    ("segment-export run high-value --wait", "run it, watch it, end with its status"),
    ("segment-export status", "a line for each export; of an export, its last run"),
    ("segment-export rejects high-value > rejects.csv", "each row that was not sent, and why"),
    ("segment-export export save high-value e.json", "add or change an export; --replace to change"),
    ("segment-export export schedule high-value --cron '30 5 * * *'", "run it at half past five"),
    ("segment-export doctor", "what is wrong with the app, and how to fix it"),
    ("segment-export probe brevo-eu --list 98 --domain example.org", "try out what its imports do"),
    ('eval "$(segment-export completion bash)"', "complete commands and ids with the tab key"),
)
_SETTINGS = (
    ("EXPORT_CONFIG", "a local path or container/blob [config/exports.json]"),
    ("AzureWebJobsStorage", "the app's own storage, a connection string [Azurite on this machine]"),
    ("SEGMENT_STORAGE", "where segments land [the app's own storage]"),
    ("APP_SECRET", "the app's own: by it digests are compared, such as by forget, doctor and why"),
    ("BREVO_BASE_URL", "Brevo's API [https://api.brevo.com/v3]"),
    ("SNAPSHOT_QUIET_SECONDS", "how long a snapshot must be unchanged [120]"),
    ("SNAPSHOT_COMPLETE_HOURS", "how long missing files are waited for [6]"),
    ("TZ", "the zone of the times that are shown, such as Europe/Paris [the machine's]"),
    ("…", "and those that connections and notifications name for their secrets, such as BREVO_API_KEY"),
)
_STATUS = (
    ("0", "succeeded, with or without rejections, or had nothing to do"),
    ("1", "failed or cancelled"),
    ("2", "wrong use or configuration"),
    ("3", "held, waits for approval; with status --exit-status also still open or not run yet"),
    ("130", "stopped by Ctrl+C: a run that was started goes on where workers are"),
)
_SECTIONS = (
    ("Examples", _EXAMPLES, 40),
    ("Settings (environment variables)", _SETTINGS, 30),
    ("Exit status", _STATUS, 30),
)


class Command(click.Command):
    """Turns what the function returns or raises into the exit status, and an error into one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Raises UsageError for wrong use; with `--json` as JSON too."""
        typed = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "--json" in typed:
                _print_error("wrong_use", error.format_message())
            raise

    def invoke(self, ctx: click.Context) -> None:
        """Ends the context with the exit status."""
        try:
            status = self._status(ctx)
            # Here click still handles a reader that has closed the pipe; at the interpreter's end nothing does.
            sys.stdout.flush()
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            status = _cut_off(error)
        ctx.exit(status)

    def _status(self, ctx: click.Context) -> int:
        try:
            status: int = super().invoke(ctx) or SUCCEEDED
            note_settings()
        except click.UsageError as error:
            if as_json():
                _print_error("wrong_use", error.format_message())
            raise
        except ExportError as error:
            _show_error(error, ctx)
            status = WRONG_USE if isinstance(error, ConfigurationError) else FAILED
        except KeyboardInterrupt:
            print(file=sys.stderr)
            say("segment-export: stopped watching; a run that was started goes on where workers are.", err=True)
            status = STOPPED
        return status


def _cut_off(error: OSError) -> int:
    """Says that there is no room for what was printed, or written into a file beside it; the exit status."""
    say(f"segment-export: what it prints or keeps in temporary files is cut off: {error.strerror}.", err=True)
    with suppress(OSError):  # or what is still to be written is tried once more, at the interpreter's end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def _show_error(error: ExportError, ctx: click.Context) -> None:
    from shared.cli.errors import error_lines, in_terminal

    if as_json():
        _print_error(error.code, in_terminal(error.message), in_terminal(error.advice))
    say("\n".join(f"segment-export: {line}" for line in error_lines(error, ctx)), err=True)


def _print_error(code: str, message: str, advice: str = "") -> None:
    problem = {"code": code, "message": message, "advice": advice}
    print_text_of_json(json.dumps({"error": problem}, ensure_ascii=False))


class Group(click.Group):
    """Lists its commands in their order and with their whole help, and gives each of them `--json`."""

    command_class = Command
    group_class = type

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Adds a command or a group of commands."""
        cmd.short_help = cmd.help
        json_option(cmd)
        super().add_command(cmd, name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The program's own commands in groups; those of a group of commands in one list."""
        for title, names in sections(self.commands) if ctx.parent is None else [("Commands", list(self.commands))]:
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(_WHOLE)) for name in names])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which the commands were added."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Completion asks for commands that do not exist too: they have nothing that could follow them."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command or click.Command(None, add_help_option=False), rest


class Program(Group):
    """The commands, with examples, settings and exit status behind them."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As lists, which are wrapped to the terminal's width. They are the program's own, not of a group in it."""
        if ctx.parent is not None:
            return
        for title, rows, widest in _SECTIONS:
            with formatter.section(title):
                formatter.write_dl(rows, col_max=widest)


@click.group(
    "segment-export",
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(VERSION, message="%(prog)s %(version)s")
def program() -> None:
    """Exports Customer Insights segments to Brevo lists, and explains every row that was not sent."""


def exit_status_of(run: "RunStatus | None") -> int:
    """The exit status that says how a run ended; None has not run yet."""
    if run is None or run.finished_at is None:
        return OPEN
    return FAILED if run.status in ("failed", "cancelled") else SUCCEEDED


def example(*lines: str) -> str:
    """The end of a command's help: how it is typed, a line each."""
    typed = "\n".join(f"  segment-export {line}" for line in lines)
    return f"\b\nexample:\n{typed}"


def not_empty(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An option's value. Raises BadParameter for an empty one, such as a variable that is not set: it would narrow
    nothing down.
    """
    if value == "":
        raise click.BadParameter("it is empty.")
    return value


def require_one(given: dict[str, Any]) -> None:
    """Raises UsageError unless exactly one of these options and arguments has a value."""
    if sum(bool(value) for value in given.values()) != 1:
        raise click.UsageError(f"Exactly one of {', '.join(given)} is required.")


def main() -> None:
    """Runs the command of `sys.argv`. Exit status: 0 succeeded, 1 failed or cancelled, 2 wrong use or configuration."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a character still gets the others
    program(prog_name=program.name)
