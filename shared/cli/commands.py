"""The commands that check, run and show exports: each is one call of the operations, shown as text or JSON."""

import sys
from typing import TYPE_CHECKING, Literal

import click

from shared.cli.bodies import read_body
from shared.cli.ids import complete_id, export_or_run_argument
from shared.cli.program import SUCCEEDED, WRONG_USE, example, exit_status_of, program, require_one
from shared.cli.showing import as_json, caller, open_app, print_json, say, show
from shared.cli.text import exports_text, preview_text, status_text, table
from shared.counting import counted
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from shared.app import App
    from shared.runs.starting import Start
    from shared.runs.status import RunStatus


_SORTED_BY = (
    "id, display_name, connection, list_id, schedule, next_due, last_run, last_success; with - before it the other way"
)


@program.command()
def validate() -> int:
    """Check the configuration: one line for each fault, with the path to its field."""
    from shared.config.document import DocumentError

    try:
        document = open_app().document()
    except DocumentError as error:
        if as_json():
            print_json({"valid": False, "problems": error.problems})
        else:
            say("\n".join(error.problems), err=True)
        return WRONG_USE
    counts = {"connections": len(document.connections), "exports": len(document.exports)}
    show(
        {"valid": True, **counts},
        lambda: f"valid: {counted(counts['connections'], 'connection')}, {counted(counts['exports'], 'export')}",
    )
    return SUCCEEDED


@program.command()
@click.option("--search", default="", help="a part of an id, name, connection or segment")
@click.option("--sort", default="", help=_SORTED_BY)
def exports(search: str, sort: str) -> None:
    """List the exports: last run, last success, next due, and why nothing runs now."""
    from shared.administration.exports import list_exports

    listed = list_exports(open_app(), caller(), search=search, sort=sort)
    show(listed, lambda: exports_text(listed))


@program.command(epilog=example("preview high-value", "preview --file export.json"))
@click.argument("export", required=False, shell_complete=complete_id, help="an export's id")
@click.option("--file", type=click.Path(), help="instead: the JSON of one that is not saved; - for standard input")
def preview(export: str | None, file: str | None) -> None:
    """Show what a run would send: five masked contacts, counts by reason. Sends nothing."""
    require_one({"EXPORT": export, "--file": file})
    from shared.administration.previewing import preview_of, previewed, previewed_unsaved

    app = open_app()
    ready = previewed_unsaved(app, caller(), read_body(file)) if file else previewed(app, caller(), export or "")
    result = preview_of(app, ready)
    show(result, lambda: preview_text(result))


@program.command()
@click.argument("export", required=False, shell_complete=complete_id, help="an export's id")
@click.option("--all", "every", is_flag=True, help="instead: every export with an active schedule")
@click.option("--wait", is_flag=True, help="work the queue here and wait for the run's end")
@click.option("--now", is_flag=True, help="take the newest snapshot without its quiet period")
@click.option("--accept", is_flag=True, help="approve beforehand what a guard would hold")
def run(export: str | None, every: bool, wait: bool, now: bool, accept: bool) -> int:
    """Start a run of an export."""
    require_one({"EXPORT": export, "--all": every})
    if every and (wait or now or accept):
        raise click.UsageError("--wait, --now and --accept take one export.")
    app = open_app()
    if export is None:
        _run_all(app)
        return SUCCEEDED
    from shared.administration.running import start_export

    started = start_export(app, caller(), export, "terminal", now=now, accept=accept)
    return show_start(app, started, wait=wait, ignored=" It goes on without --now." if now else "")


def show_start(app: "App", started: "Start", *, wait: bool, ignored: str = "") -> int:
    """Shows the run that was started, or found active; with `wait` once it has ended or is held. The exit status.

    `ignored` says which option a run that was found active does not follow.
    """
    from shared.runs.status import find_run, run_status

    if not started.is_new:
        say(f"{started.reason}{ignored}{' It is watched instead.' if wait else ''}", err=True)
    if not wait:
        show(run_status(app, find_run(app, started.run_id)), lambda: started.run_id)
        return SUCCEEDED
    return watch_run(app, started.run_id)


def watch_run(app: "App", run_id: str) -> int:
    """Works the queue until the run has ended or is held, and shows it; the exit status that this is."""
    ended = worked(app, run_id)
    show(ended, lambda: status_text(ended))
    return exit_status_of(ended)


def worked(app: "App", run_id: str) -> "RunStatus":
    """Works the queue until the run has ended or is held; its status."""
    from shared.cli.progress import Progress
    from shared.operating.worker import tell_what_waits, work_until
    from shared.runs.status import find_run, run_status

    app = app.patient()
    with Progress(app, run_id, quiet=as_json()):
        work_until(app, lambda: (run := find_run(app, run_id)).is_final or run.is_held)
        tell_what_waits(app)
    return run_status(app, find_run(app, run_id))


def _run_all(app: "App") -> None:
    from shared.administration.running import start_exports

    starts = start_exports(app, caller(), "terminal")
    started = [{"export": each.export, "run_id": each.run_id or None, "reason": each.reason or None} for each in starts]
    rows = [(each.export, each.run_id or "-", each.reason) for each in starts]
    show(started, lambda: table(("EXPORT", "RUN", ""), rows))


@program.command(epilog=example("rejects high-value > rejects.csv"))
@export_or_run_argument("its last run")
def rejects(export_or_run: str) -> None:
    """Print the run's rejected rows and warnings as CSV, each with its outcome (never a value of theirs)."""
    from shared.administration.running import run_or_last
    from shared.runs.report import rejected_rows

    app = open_app()
    run = run_or_last(app, caller(), export_or_run)
    if run is None:
        raise ConfigurationError("run_none", f"The export {export_or_run} has not run yet.")
    chunks = rejected_rows(app, run)
    if as_json():
        from shared.staging.rejected import cells_of

        head, *rows = cells_of(b"".join(chunks))
        print_json([dict(zip(head, row, strict=True)) for row in rows])
        return
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)


@program.command(epilog=example("cancel high-value", "cancel high-value-20261124T050312-a1b2c3"))
@export_or_run_argument("its open run")
def cancel(export_or_run: str) -> None:
    """End a run; nothing more is sent than the batch on its way. A held run is rejected by it."""
    from shared.administration.running import cancel_run, open_run
    from shared.runs.status import run_status

    app = open_app()
    run_id = open_run(app, caller(), export_or_run).run_id
    cancelled = run_status(app, cancel_run(app, caller(), run_id))
    show(cancelled, lambda: status_text(cancelled))


@program.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    from shared.config.models import Document

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()})


@program.command()
@click.argument(
    "shell",
    type=click.Choice(["bash", "zsh", "fish"]),
    help='bash and zsh: eval "$(segment-export completion bash)"; fish: segment-export completion fish | source',
)
def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print what a shell needs to complete this command."""
    from click.shell_completion import get_completion_class

    print(get_completion_class(shell)(program, {}, "segment-export", "_SEGMENT_EXPORT_COMPLETE").source())
