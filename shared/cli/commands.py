"""What each command does: one call into the operations, and the answer as text or JSON."""

import argparse
import sys
from collections.abc import Callable

from shared.administration.exports import list_exports
from shared.administration.running import cancel_run, previewed, start_export, start_exports
from shared.cli import administering, operating
from shared.cli.arguments import parser
from shared.cli.completion import SCRIPTS, candidates
from shared.cli.progress import Progress
from shared.cli.showing import caller, print_json, show
from shared.cli.text import exports_text, preview_text, status_text, table
from shared.config.document import DocumentError
from shared.config.models import Document
from shared.errors import ConfigurationError
from shared.runs.app import App, open_app
from shared.runs.preview import preview
from shared.runs.status import RunStory, find_run, rejected_rows, run_status, run_story
from shared.runs.working import tell_what_waits, work_until

SUCCEEDED, FAILED, WRONG_USE = 0, 1, 2
_BAD_ENDS = ("failed", "cancelled")


def validate(arguments: argparse.Namespace) -> int:
    """Says whether the configuration is right."""
    try:
        document = open_app().document()
    except DocumentError as error:
        if arguments.json:
            print_json({"valid": False, "problems": error.problems})
        else:
            print("\n".join(error.problems), file=sys.stderr)
        return WRONG_USE
    found = {"valid": True, "connections": len(document.connections), "exports": len(document.exports)}
    show(arguments, found, lambda: f"valid: {len(document.connections)} connections, {len(document.exports)} exports")
    return SUCCEEDED


def exports(arguments: argparse.Namespace) -> int:
    """Lists the exports."""
    found = list_exports(open_app(), caller(), search=arguments.search, sort=arguments.sort)
    show(arguments, found, lambda: exports_text(found))
    return SUCCEEDED


def preview_export(arguments: argparse.Namespace) -> int:
    """Shows what would be sent."""
    app = open_app()
    found = preview(app, previewed(app, caller(), arguments.export))
    show(arguments, found, lambda: preview_text(found))
    return SUCCEEDED


def run_export(arguments: argparse.Namespace) -> int:
    """Starts a run, and waits for its end where asked to."""
    app = open_app()
    if arguments.all:
        return _run_all(app, arguments)
    started = start_export(app, caller(), arguments.export, "terminal", now=arguments.now, accept=arguments.accept)
    if not started.is_new:
        print(f"{started.reason} It is watched instead." if arguments.wait else started.reason, file=sys.stderr)
    if not arguments.wait:
        show(arguments, run_status(app, find_run(app, started.run_id)), lambda: started.run_id)
        return SUCCEEDED
    with Progress(app, started.run_id, quiet=arguments.json):
        work_until(app, lambda: find_run(app, started.run_id).is_final)
        tell_what_waits(app)
    found = run_status(app, find_run(app, started.run_id))
    show(arguments, found, lambda: status_text(found))
    return FAILED if found.status in _BAD_ENDS else SUCCEEDED


def _run_all(app: App, arguments: argparse.Namespace) -> int:
    if arguments.wait:
        raise ConfigurationError("wrong_use", "--wait takes one export.", "Watch the runs with `status`.")
    starts = start_exports(app, caller(), "terminal")
    found = [{"export": each.export, "run_id": each.run_id or None, "reason": each.reason or None} for each in starts]
    rows = [(each.export, each.run_id or "-", each.reason) for each in starts]
    show(arguments, found, lambda: table(("EXPORT", "RUN", ""), rows))
    return SUCCEEDED


def status(arguments: argparse.Namespace) -> int:
    """Shows one run, or the last run of each export."""
    app = open_app()
    if arguments.run:
        found = run_story(app, find_run(app, arguments.run))
        show(arguments, found, lambda: _with_story(found))
        return SUCCEEDED
    last = [run for export in app.document().exports for run in app.store.latest(export.id, 1)]
    found_all = [run_status(app, run) for run in last]
    show(arguments, found_all, lambda: "\n".join(map(status_text, found_all)) or "No export has run yet.")
    return SUCCEEDED


def rejects(arguments: argparse.Namespace) -> int:
    """Prints the rejected rows as CSV, or as a JSON list."""
    app = open_app()
    chunks = rejected_rows(app, find_run(app, arguments.run))
    if arguments.json:
        import csv

        print_json(list(csv.DictReader(b"".join(chunks).decode().splitlines())))
        return SUCCEEDED
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    return SUCCEEDED


def cancel(arguments: argparse.Namespace) -> int:
    """Ends a run."""
    app = open_app()
    found = run_status(app, cancel_run(app, caller(), arguments.run))
    show(arguments, found, lambda: status_text(found))
    return SUCCEEDED


def schema(_: argparse.Namespace) -> int:
    """Prints the configuration's JSON Schema."""
    print_json(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()},
    )
    return SUCCEEDED


def completion(arguments: argparse.Namespace) -> int:
    """Prints what a shell needs to complete this command."""
    print(SCRIPTS[arguments.shell], end="")
    return SUCCEEDED


def complete(arguments: argparse.Namespace) -> int:
    """Prints what the last word can become, for the shell."""
    print("\n".join(candidates(parser(), arguments.words, _ids)))
    return SUCCEEDED


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "validate": validate,
    "connections": administering.list_connections,
    "connect": administering.connect,
    "connection show": administering.connection_show,
    "connection save": administering.connection_save,
    "connection remove": administering.connection_remove,
    "exports": exports,
    "export show": administering.export_show,
    "export save": administering.export_save,
    "export duplicate": administering.export_duplicate,
    "export detach": administering.export_detach,
    "export schedule": administering.export_schedule,
    "export remove": administering.export_remove,
    "preview": preview_export,
    "run": run_export,
    "status": status,
    "rejects": rejects,
    "cancel": cancel,
    "notify-test": administering.notify_test,
    "audit": administering.audit,
    "history": administering.history,
    "doctor": operating.doctor,
    "replay": operating.replay,
    "forget": operating.forget,
    "prune": operating.prune,
    "schema": schema,
    "completion": completion,
    "complete": complete,
}


def _ids(kind: str) -> list[str]:
    app = open_app()
    document = app.configuration.read()
    if kind == "connection":
        return [each.id for each in document.connections]
    if kind == "notification":
        return [each.id for each in document.notifications]
    names = [each.id for each in document.exports]
    if kind == "run":
        return [run.run_id for name in names for run in app.store.latest(name, 5)]
    return names if kind == "export" else []


def _with_story(run: RunStory) -> str:
    story = [f"    {event.at}  {event.kind}  {event.text}".rstrip() for event in run.story]
    return "\n".join([status_text(run), "  story", *story])
