"""The commands that plan an export, approve what is held, undo what was done, and look after a list."""

import click

from shared.cli.commands import show_start, watch_run
from shared.cli.ids import export_argument, require_run_id, run_argument
from shared.cli.program import SUCCEEDED, example, program
from shared.cli.showing import caller, open_app, show
from shared.cli.text import status_text

_WAIT = "work the queue here and wait"


@program.command(epilog=example("plan high-value --wait"))
@export_argument
@click.option("--wait", is_flag=True, help=f"{_WAIT} until it is held: exit status 3")
def plan(export: str, wait: bool) -> int:
    """Start a run that is held before it sends anything, and shows what it would send. A held run of it ends.

    Where there is nothing to do, it ends by itself.
    """
    from shared.administration.running import start_plan

    app = open_app()
    return show_start(app, start_plan(app, caller(), export, "terminal"), wait=wait)


@program.command(epilog=example("approve high-value-20261124T050312-a1b2c3 --wait"))
@run_argument
@click.option("--wait", is_flag=True, help=f"{_WAIT} for the run's end")
def approve(run: str, wait: bool) -> int:
    """Let a held run send what it has shown, less who has meanwhile left. To reject it: cancel."""
    from shared.administration.running import approve_run
    from shared.runs.status import run_status

    require_run_id(run)
    app = open_app()
    approved = run_status(app, approve_run(app, caller(), run))
    if wait:
        return watch_run(app, run)
    show(approved, lambda: status_text(approved))
    return SUCCEEDED


@program.command(epilog=example("undo high-value-20261124T050312-a1b2c3 --wait"))
@run_argument
@click.option("--wait", is_flag=True, help=f"{_WAIT} for its end; where it is held: exit status 3")
def undo(run: str, wait: bool) -> int:
    """Put the list's members back to who they were before the run; attributes stay. For 30 days, the last run only."""
    from shared.administration.running import undo_run

    require_run_id(run)
    app = open_app()
    return show_start(app, undo_run(app, caller(), run, "terminal"), wait=wait)


@program.command(epilog=example("verify high-value --wait"))
@export_argument
@click.option(
    "--repair", is_flag=True, help="send whom the list misses; in modes that mirror, remove whom it has beside"
)
@click.option("--wait", is_flag=True, help=f"{_WAIT} for its end; where it is held: exit status 3")
def verify(export: str, repair: bool, wait: bool) -> int:
    """Compare an export's list with its segment. Changes nothing without --repair; `rejects` has each contact."""
    from shared.administration.running import verify_export

    app = open_app()
    return show_start(app, verify_export(app, caller(), export, "terminal", repair=repair), wait=wait)


@program.command(epilog=example("reset high-value"))
@export_argument
def reset(export: str) -> None:
    """Forget what an export has sent: its next run sends all contacts and, but with mirror_exact, removes nobody."""
    from shared.administration.ledgers import reset_ledger

    done = reset_ledger(open_app(), caller(), export)
    text = (
        "its next run sends all contacts and, but with mirror_exact, removes nobody"
        if done.was_kept
        else "nothing was kept of it"
    )
    show(done, lambda: f"{export} is reset: {text}")
