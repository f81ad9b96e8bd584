"""The commands that show runs: the past ones of an export, one of them, and the last of each export."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from shared.cli.fitting import columns, cut, width_of
from shared.cli.ids import complete_id, export_argument, export_or_run_argument
from shared.cli.program import SUCCEEDED, example, exit_status_of, program
from shared.cli.run_text import outcome
from shared.cli.showing import caller, open_app, show
from shared.cli.text import status_text, time_text
from shared.counting import counted
from shared.runs.kinds import SENDS_NOTHING
from shared.times import local_text

if TYPE_CHECKING:
    from shared.runs.status import BatchStatus, RunStatus, RunStory

_MOST_IMPORTS = 10

limit_option = click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True, help="how many")


@program.command(epilog=example("runs high-value --limit 10"))
@export_argument
@limit_option
@click.option("--after", "run", metavar="RUN", default="", shell_complete=complete_id, help="only runs older than this")
def runs(export: str, limit: int, run: str) -> None:
    """List the past runs of an export, newest first."""
    from shared.administration.running import list_runs
    from shared.runs.run_ids import is_run_id
    from shared.runs.status import run_status

    if run and not is_run_id(run):
        raise click.UsageError("--after takes a run's id.")
    app = open_app()
    listed, more = list_runs(app, caller(), export, limit=limit, after=run)
    shown = [run_status(app, each) for each in listed]
    lines = [
        (
            each.run_id,
            time_text(each.started_at),
            _confirmed(each),
            _outcome(each) + (f", {'an' if each.kind == 'undo' else 'a'} {each.kind_words}" if each.kind_words else ""),
        )
        for each in shown
    ]
    older = f"\nOlder ones: segment-export runs {export} --after {more}" if more else ""
    show(
        shown,
        lambda: _lines(("RUN", "STARTED", "CONFIRMED", "STATUS"), lines) + older if lines else _never(export),
    )


@program.command(
    epilog=example("status", "status high-value", "status high-value --exit-status || echo 'see to it'")
    + "\n\n\b\nexit status with --exit-status:\n  0 succeeded, or had nothing to do\n  1 failed or cancelled"
    "\n  3 still open, held, or not run yet"
)
@export_or_run_argument("its last run; without it, a line for each export", "[EXPORT|RUN]", required=False)
@click.option("--exit-status", is_flag=True, help="end as the run did: 0, 1, or 3 while it is open")
def status(export_or_run: str | None, exit_status: bool) -> int:
    """Show a run with all its counts, the last run of an export, or a line for each export."""
    if export_or_run is None:
        if exit_status:
            raise click.UsageError("--exit-status needs an export or a run.")
        _show_last_runs()
        return SUCCEEDED
    from shared.administration.running import run_or_last
    from shared.runs.status import run_story

    app = open_app()
    run = run_or_last(app, caller(), export_or_run)
    story = run_story(app, run) if run else None
    show(story, lambda: _with_story(story) if story else _never(export_or_run))
    return exit_status_of(story) if exit_status else SUCCEEDED


def _show_last_runs() -> None:
    from shared.administration.running import last_runs
    from shared.runs.status import run_status

    app = open_app()
    last = {export: run_status(app, run) if run else None for export, run in last_runs(app, caller()).items()}
    lines = [
        (export, time_text(run.started_at), _confirmed(run), _outcome(run)) if run else (export, "never", "", "")
        for export, run in last.items()
    ]
    show(
        [run for run in last.values() if run],
        lambda: _lines(("EXPORT", "LAST RUN", "CONFIRMED", "STATUS"), lines) if lines else "There is no export yet.",
    )


def _never(export: str) -> str:
    return f"{export} has not run yet."


def _confirmed(run: "RunStatus") -> str:
    """Of a run that sends nothing by its kind: empty, since a zero would look as if nobody were in the list."""
    return "" if run.kind in SENDS_NOTHING else f"{run.in_list:,}"


def _outcome(run: "RunStatus") -> str:
    """The state in words: with what was rejected, why it ended, or what it waits for."""
    if run.status.startswith("succeeded"):
        return outcome(run)
    reason = run.error or (run.held_for if run.status == "held" else None)
    why = reason.message if reason else run.waiting
    return f"{run.status}: {why}" if why else run.status


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in which each row is one line on a terminal: its last column is cut to what fits."""
    lines, width = columns(head, rows, None), width_of(sys.stdout)
    return lines if width is None else "\n".join(cut(line, width) for line in lines.splitlines())


def _with_story(run: "RunStory") -> str:
    story = [f"    {local_text(event.at, seconds=True)}  {event.kind}  {event.text}".rstrip() for event in run.story]
    return "\n".join([status_text(run), *_imports_text(run.imports), "  story", *story])


def _imports_text(imports: Sequence["BatchStatus"]) -> list[str]:
    """The imports as Brevo numbers them; of many those that are not confirmed come first."""
    ordered = sorted(imports, key=lambda each: each.state == "confirmed")
    lines = [
        f"    batch {each.batch}: {each.state},"
        f" {f'process {each.process}' if each.process else 'no process yet'}, {counted(each.contacts, 'contact')}"
        for each in ordered[:_MOST_IMPORTS]
    ]
    if len(ordered) > _MOST_IMPORTS:
        lines.append(f"    and {len(ordered) - _MOST_IMPORTS:,} more: --json shows all")
    return ["  imports", *lines] if lines else []
