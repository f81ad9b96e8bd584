"""What each command does: one call into the operations, and the answer as text or JSON."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from shared.cli.progress import Progress
from shared.cli.text import preview_text, status_text, table
from shared.config.document import DocumentError, find_target
from shared.config.models import Document
from shared.errors import ConfigurationError
from shared.runs.app import open_app
from shared.runs.cancelling import request_cancel
from shared.runs.connecting import check_connection
from shared.runs.overview import export_overview
from shared.runs.preview import preview
from shared.runs.starting import start_on_demand
from shared.runs.status import find_run, rejected_rows, run_status
from shared.runs.working import work_until

SUCCEEDED, FAILED, WRONG_USE = 0, 1, 2
_BAD_ENDS = ("failed", "cancelled")


def validate(arguments: argparse.Namespace) -> int:
    """Says whether the configuration is right."""
    try:
        document = open_app().document()
    except DocumentError as error:
        if arguments.json:
            _print_json({"valid": False, "problems": error.problems})
        else:
            print("\n".join(error.problems), file=sys.stderr)
        return WRONG_USE
    found = {"valid": True, "connections": len(document.connections), "exports": len(document.exports)}
    _show(arguments, found, lambda: f"valid: {len(document.connections)} connections, {len(document.exports)} exports")
    return SUCCEEDED


def connect(arguments: argparse.Namespace) -> int:
    """Tests a connection."""
    app = open_app()
    known = {connection.id: connection for connection in app.document().connections}
    if arguments.connection not in known:
        raise ConfigurationError(
            "connection_unknown",
            f"There is no connection {arguments.connection[:60]!r}.",
            f"The connections are: {', '.join(sorted(known)) or 'none'}.",
        )
    steps = check_connection(app, known[arguments.connection])
    found = {
        "connection": arguments.connection,
        "connected": all(step.ok for step in steps),
        "steps": [{"step": step.name, "ok": step.ok, "message": step.message} for step in steps],
    }
    _show(
        arguments,
        found,
        lambda: "\n".join(f"{'ok    ' if step.ok else 'FAILED'}  {step.name}: {step.message}" for step in steps),
    )
    return SUCCEEDED if found["connected"] else WRONG_USE


def exports(arguments: argparse.Namespace) -> int:
    """Lists the exports."""
    app = open_app()
    document = app.document()
    found = [export_overview(app, document, export) for export in document.exports]
    head = ("EXPORT", "CONNECTION", "LIST", "SCHEDULE", "LAST RUN", "AT")
    _show(
        arguments,
        found,
        lambda: table(
            head,
            [
                (
                    each["id"],
                    each["connection"] or "detached",
                    each["list_id"],
                    each["schedule_text"],
                    (each["last_run"] or {}).get("status", "never"),
                    (each["last_run"] or {}).get("started_at", ""),
                )
                for each in found
            ],
        ),
    )
    return SUCCEEDED


def preview_export(arguments: argparse.Namespace) -> int:
    """Shows what would be sent."""
    app = open_app()
    found = preview(app, find_target(app.document(), arguments.export))
    _show(arguments, found, lambda: preview_text(found))
    return SUCCEEDED


def run_export(arguments: argparse.Namespace) -> int:
    """Starts a run, and waits for its end where asked to."""
    app = open_app()
    started = start_on_demand(
        app, arguments.export, "terminal", _user(), skip_quiet=arguments.now, accept=arguments.accept
    )
    if not started.is_new:
        print(f"{started.reason} It is watched instead." if arguments.wait else started.reason, file=sys.stderr)
    if not arguments.wait:
        _show(arguments, run_status(app, find_run(app, started.run_id)), lambda: started.run_id)
        return SUCCEEDED
    with Progress(app, started.run_id, quiet=arguments.json):
        work_until(app, lambda: find_run(app, started.run_id).is_final)
    found = run_status(app, find_run(app, started.run_id))
    _show(arguments, found, lambda: status_text(found))
    return FAILED if found["status"] in _BAD_ENDS else SUCCEEDED


def status(arguments: argparse.Namespace) -> int:
    """Shows one run, or the last run of each export."""
    app = open_app()
    if arguments.run:
        found = run_status(app, find_run(app, arguments.run), story=True)
        _show(arguments, found, lambda: _with_story(found))
        return SUCCEEDED
    last = [run for export in app.document().exports for run in app.store.latest(export.id, 1)]
    found_all = [run_status(app, run) for run in last]
    _show(arguments, found_all, lambda: "\n".join(map(status_text, found_all)) or "No export has run yet.")
    return SUCCEEDED


def rejects(arguments: argparse.Namespace) -> int:
    """Prints the rejected rows as CSV, or as a JSON list."""
    app = open_app()
    chunks = rejected_rows(app, find_run(app, arguments.run))
    if arguments.json:
        import csv

        _print_json(list(csv.DictReader(b"".join(chunks).decode().splitlines())))
        return SUCCEEDED
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    return SUCCEEDED


def cancel(arguments: argparse.Namespace) -> int:
    """Ends a run."""
    app = open_app()
    found = run_status(app, request_cancel(app, find_run(app, arguments.run), _user()))
    _show(arguments, found, lambda: status_text(found))
    return SUCCEEDED


def schema(_: argparse.Namespace) -> int:
    """Prints the configuration's JSON Schema."""
    _print_json(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()},
    )
    return SUCCEEDED


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "validate": validate,
    "connect": connect,
    "exports": exports,
    "preview": preview_export,
    "run": run_export,
    "status": status,
    "rejects": rejects,
    "cancel": cancel,
    "schema": schema,
}


def _with_story(found: dict[str, Any]) -> str:
    story = [f"    {event['at']}  {event['kind']}  {event['text']}".rstrip() for event in found["story"]]
    return "\n".join([status_text(found), "  story", *story])


def _user() -> str:
    """Who typed it: the machine's user name, never an address."""
    return os.environ.get("USER", "terminal").split("@")[0]


def _show(arguments: argparse.Namespace, found: Any, text: Callable[[], str]) -> None:
    if arguments.json:
        _print_json(found)
    else:
        print(text())


def _print_json(found: Any) -> None:
    print(json.dumps(found, indent=2, ensure_ascii=False, default=str))
