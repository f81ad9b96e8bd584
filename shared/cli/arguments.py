"""What can be typed, and the help that teaches it."""

import argparse
from collections.abc import Callable

from shared.version import VERSION

_EPILOG = """\
examples:
  segment-export validate                     is the configuration right? one line for each fault
  segment-export connect brevo-eu             does Brevo accept the key? step by step
  segment-export preview high-value           what would be sent: five masked contacts, counts by reason
  segment-export run high-value --wait        run it, watch it, end with its status
  segment-export status                       the last run of each export
  segment-export rejects RUN > rejects.csv    each row that was not sent, and why
  segment-export export save high-value e.json add or change an export; --replace to change
  segment-export export schedule high-value --cron '30 5 * * *' --time-zone Europe/Bucharest
  segment-export doctor                       what is wrong with the app, and how to mend it
  eval "$(segment-export completion bash)"    complete commands and ids with the tab key

settings (environment variables):
  EXPORT_CONFIG             a local path or container/blob            [config/exports.json]
  AzureWebJobsStorage       the app's own storage, a connection string [Azurite on this machine]
  SEGMENT_STORAGE           where segments land                        [the app's own storage]
  BREVO_BASE_URL            Brevo's API                                [https://api.brevo.com/v3]
  SNAPSHOT_QUIET_SECONDS    how long a snapshot must have rested       [120]
  SNAPSHOT_COMPLETE_HOURS   how long missing files are waited for      [6]
  and the settings that connections and notifications name for their secrets, such as BREVO_API_KEY

exit status: 0 succeeded (with or without rejections), 1 failed or cancelled, 2 wrong use or configuration
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="segment-export",
        description="Exports Customer Insights segments to Brevo lists, and explains every row that was not sent.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"segment-export {VERSION}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON, for tools")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help_text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help_text, description=help_text, parents=[common])

    command("validate", "Check the configuration: one line for each fault, with the path to its field.")
    command("connections", "List the connections.")
    connect = command("connect", "Test a connection step by step: key, address, lists, attributes, contract, consent.")
    connect.add_argument("connection", metavar="CONNECTION", help="a connection's id")
    connect.add_argument("--agree", metavar="WHO", help="give consent: saved when every step has passed")
    _connection(command("connection", "Show, save or remove a connection."), common)
    listed = command("exports", "List the exports: last run, last success, next due, and why nothing runs now.")
    listed.add_argument("--search", default="", help="a part of an id, name, connection or segment")
    listed.add_argument(
        "--sort", default="", help="id, display_name, connection, list_id, schedule, next_due, last_run"
    )
    _export(command("export", "Show, save, duplicate, detach, schedule or remove an export. Runs nothing."), common)
    preview = command("preview", "Show what a run would send: five masked contacts, counts by reason. Sends nothing.")
    preview.add_argument("export", metavar="EXPORT", help="an export's id")
    run = command("run", "Start a run of an export.")
    what = run.add_mutually_exclusive_group(required=True)
    what.add_argument("export", metavar="EXPORT", nargs="?", help="an export's id")
    what.add_argument("--all", action="store_true", help="instead: every export with an active schedule")
    run.add_argument("--wait", action="store_true", help="work the queue here and wait for the run's end")
    run.add_argument("--now", action="store_true", help="take the newest snapshot without its quiet period")
    run.add_argument("--accept", action="store_true", help="let the run through a guard that stopped the last one")
    status = command("status", "Show a run with all its counts, or the last run of each export.")
    status.add_argument("run", metavar="RUN", nargs="?", help="a run's id")
    rejects = command("rejects", "Print the run's rejected rows and warnings as CSV (never a value of theirs).")
    rejects.add_argument("run", metavar="RUN", help="a run's id")
    cancel = command("cancel", "End a run; nothing more is sent than the batch on its way.")
    cancel.add_argument("run", metavar="RUN", help="a run's id")
    notify_test = command("notify-test", "Send a test to the receivers of notifications; say which have accepted it.")
    notify_test.add_argument("notification", metavar="NOTIFICATION", nargs="?", help="a notification's id; all of them")
    audit = command("audit", "Tell who did what when, newest first.")
    audit.add_argument("--limit", type=int, default=50, help="how many lines")
    command("history", "List the configuration's last changes: who, when, what, and the version before.")
    _operating(command)
    command("schema", "Print the JSON Schema of the configuration.")
    shell = command("completion", "Print what a shell needs to complete this command.")
    shell.add_argument("shell", choices=("bash", "zsh"), help='for bash: eval "$(segment-export completion bash)"')
    # Without help it is not listed: only the shells call it.
    complete = commands.add_parser("complete", parents=[common])
    complete.add_argument("words", nargs="*")
    return top


def _operating(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    command(
        "doctor", "Examine settings, storage, connections, queues, runs and clock: a line each, and how to mend it."
    )
    replay = command("replay", "Show the messages that were given up and what would become of them; --yes does it.")
    replay.add_argument("--yes", action="store_true", help="put back what has an open run, drop what has none")
    replay.add_argument("--run", metavar="RUN", default="", help="only the messages of this run")
    replay.add_argument("--drop-unreadable", action="store_true", help="drop what is not one of ours as well")
    forget = command("forget", "Erase a person from all that is stored here, and say what remains elsewhere.")
    forget.add_argument("email", metavar="EMAIL", help="the address; - reads it from standard input, past the history")
    prune = command("prune", "Delete what is past its time: staged bodies, rejected rows, old keys and runs.")
    prune.add_argument("--days", type=_days, default=400, help="how long runs and their story are kept [400]")
    prune.add_argument("--dry-run", action="store_true", help="only count")


def _days(text: str) -> int:
    """From a day to a hundred years: beyond them is no date."""
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 36_500:
        raise argparse.ArgumentTypeError("takes a number of days, from 1")
    return int(text)


_Actions = dict[str, argparse.ArgumentParser]


def _connection(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    texts = {"show": "Print it as JSON.", "save": "Add it, or change it.", "remove": "Remove it; no export may use it."}
    actions = _actions(parser, common, "connection", texts)
    _saving(actions)


def _export(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    texts = {
        "show": "Print it as JSON.",
        "save": "Add it, or change it, once its list, attributes and columns are checked.",
        "duplicate": "Add a copy under another id.",
        "detach": "Take its connection away: it is inactive, and keeps its settings.",
        "schedule": "Switch its schedule.",
        "remove": "Remove it; a run of it sends nothing more than the batch on its way.",
    }
    actions = _actions(parser, common, "export", texts)
    _saving(actions)
    actions["duplicate"].add_argument("new", metavar="NEW_ID", help="the copy's id")
    actions["duplicate"].add_argument("--name", help="the copy's display name")
    schedule = actions["schedule"].add_mutually_exclusive_group(required=True)
    schedule.add_argument("--off", action="store_true", help="run on demand only")
    schedule.add_argument("--with-refresh", action="store_true", help="run with each new snapshot")
    schedule.add_argument("--cron", metavar="LINE", help="five fields, such as '30 5 * * *'")
    actions["schedule"].add_argument(
        "--time-zone", metavar="ZONE", help="where the cron line counts, such as Europe/Paris"
    )


def _actions(
    parser: argparse.ArgumentParser, common: argparse.ArgumentParser, kind: str, texts: dict[str, str]
) -> _Actions:
    below = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    found = {
        name: below.add_parser(name, help=text, description=text, parents=[common]) for name, text in texts.items()
    }
    for each in found.values():
        each.add_argument(kind, metavar=kind.upper(), help=f"the {kind}'s id")
    return found


def _saving(actions: _Actions) -> None:
    actions["save"].add_argument("file", metavar="FILE", help="its JSON, as `show` prints it; - for standard input")
    actions["save"].add_argument("--replace", action="store_true", help="change what is there, whatever it is")
    for name in ("save", "remove"):
        actions[name].add_argument("--if-match", metavar="ETAG", help="only what has this ETag, as `show` tells it")
