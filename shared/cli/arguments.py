"""What can be typed, and the help that teaches it."""

import argparse

_EPILOG = """\
examples:
  segment-export validate                     is the configuration right? one line for each fault
  segment-export connect brevo-eu             does Brevo accept the key? step by step
  segment-export preview high-value           what would be sent: five masked contacts, counts by reason
  segment-export run high-value --wait        run it, watch it, end with its status
  segment-export status                       the last run of each export
  segment-export rejects RUN > rejects.csv    each row that was not sent, and why

settings (environment variables):
  EXPORT_CONFIG             a local path or container/blob            [config/exports.json]
  AzureWebJobsStorage       the app's own storage, a connection string [Azurite on this machine]
  SEGMENT_STORAGE           where segments land                        [the app's own storage]
  BREVO_BASE_URL            Brevo's API                                [https://api.brevo.com/v3]
  SNAPSHOT_QUIET_SECONDS    how long a snapshot must have rested       [120]
  and the setting that a connection names for its API key, such as BREVO_API_KEY

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
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON, for tools")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help_text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help_text, description=help_text, parents=[common])

    command("validate", "Check the configuration: one line for each fault, with the path to its field.")
    connect = command("connect", "Test a connection step by step: key, address, attributes, contract, consent.")
    connect.add_argument("connection", metavar="CONNECTION", help="a connection's id")
    command("exports", "List the exports: connection, list, schedule, last run.")
    preview = command("preview", "Show what a run would send: five masked contacts, counts by reason. Sends nothing.")
    preview.add_argument("export", metavar="EXPORT", help="an export's id")
    run = command("run", "Start a run of an export.")
    run.add_argument("export", metavar="EXPORT", help="an export's id")
    run.add_argument("--wait", action="store_true", help="work the queue here and wait for the run's end")
    run.add_argument("--now", action="store_true", help="take the newest snapshot without its quiet period")
    run.add_argument("--accept", action="store_true", help="let the run through a guard that stopped the last one")
    status = command("status", "Show a run with all its counts, or the last run of each export.")
    status.add_argument("run", metavar="RUN", nargs="?", help="a run's id")
    rejects = command("rejects", "Print the run's rejected rows and warnings as CSV (never a value of theirs).")
    rejects.add_argument("run", metavar="RUN", help="a run's id")
    cancel = command("cancel", "End a run; nothing more is sent than the batch on its way.")
    cancel.add_argument("run", metavar="RUN", help="a run's id")
    command("schema", "Print the JSON Schema of the configuration.")
    return top
