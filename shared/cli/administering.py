"""The commands that change the configuration, and those that tell who did: the same operations as the API's."""

import argparse
import sys
from pathlib import Path
from typing import Any

from shared.access import require
from shared.administration import connections, exports
from shared.administration.audit import read_audit
from shared.administration.items import ANY, InvalidInput, Saved, parse_item, parse_json
from shared.administration.notifying import try_notifications
from shared.cli.showing import caller, print_json, show
from shared.cli.text import table
from shared.config.models import Connection, CronSchedule, Export, Schedule
from shared.runs.app import open_app

SUCCEEDED, FAILED, WRONG_USE = 0, 1, 2


def list_connections(arguments: argparse.Namespace) -> int:
    """Lists the connections."""
    found = connections.list_connections(open_app(), caller())
    head = ("CONNECTION", "TYPE", "NAME", "AVAILABLE TO", "CONSENT")
    rows = [(each.id, each.type, each.display_name, *_sharing(each)) for each in found]
    show(arguments, found, lambda: table(head, rows))
    return SUCCEEDED


def connect(arguments: argparse.Namespace) -> int:
    """Tests a connection; with --agree it is connected when every step has passed."""
    found = connections.connect(open_app(), caller(), arguments.connection, arguments.agree)
    show(
        arguments,
        found,
        lambda: "\n".join(f"{'ok    ' if step.ok else 'FAILED'}  {step.step}: {step.message}" for step in found.steps),
    )
    return SUCCEEDED if found.connected else WRONG_USE


def connection_show(arguments: argparse.Namespace) -> int:
    """Shows a connection as JSON."""
    found, etag = connections.view_connection(open_app(), caller(), arguments.connection)
    _show_item(found, etag)
    return SUCCEEDED


def connection_save(arguments: argparse.Namespace) -> int:
    """Adds or changes a connection."""
    new = parse_item(Connection, _body(arguments.file), arguments.connection)
    return _saved(arguments, connections.save_connection(open_app(), caller(), new, _expected(arguments)))


def connection_remove(arguments: argparse.Namespace) -> int:
    """Removes a connection that no export uses."""
    connections.remove_connection(open_app(), caller(), arguments.connection, arguments.if_match or ANY)
    show(arguments, {"removed": arguments.connection}, lambda: f"{arguments.connection} is removed")
    return SUCCEEDED


def export_show(arguments: argparse.Namespace) -> int:
    """Shows an export as JSON."""
    export, etag = exports.view_export(open_app(), caller(), arguments.export)
    _show_item(export, etag)
    return SUCCEEDED


def export_save(arguments: argparse.Namespace) -> int:
    """Adds or changes an export."""
    app = open_app()
    new = exports.read_export(app, caller(), _body(arguments.file), arguments.export)
    return _saved(arguments, exports.save_export(app, caller(), new, _expected(arguments)))


def export_duplicate(arguments: argparse.Namespace) -> int:
    """Adds a copy."""
    saved = exports.duplicate_export(open_app(), caller(), arguments.export, arguments.new, arguments.name or "")
    return _saved(arguments, saved)


def export_detach(arguments: argparse.Namespace) -> int:
    """Takes the connection away."""
    return _saved(arguments, exports.detach_export(open_app(), caller(), arguments.export))


def export_schedule(arguments: argparse.Namespace) -> int:
    """Switches the schedule."""
    schedule: Schedule = "off" if arguments.off else "with_refresh"
    if arguments.cron:
        schedule = CronSchedule.model_construct(cron=arguments.cron, time_zone=arguments.time_zone or "UTC")
    return _saved(arguments, exports.schedule_export(open_app(), caller(), arguments.export, schedule))


def export_remove(arguments: argparse.Namespace) -> int:
    """Removes an export."""
    exports.remove_export(open_app(), caller(), arguments.export, arguments.if_match or ANY)
    show(arguments, {"removed": arguments.export}, lambda: f"{arguments.export} is removed")
    return SUCCEEDED


def notify_test(arguments: argparse.Namespace) -> int:
    """Sends a test to the receivers of notifications; says for each whether it was accepted."""
    tried = try_notifications(open_app(), caller(), arguments.notification)
    found = [{"id": each.id, "type": each.type, "accepted": each.accepted, "message": each.message} for each in tried]
    show(
        arguments,
        found,
        lambda: "\n".join(
            f"{'accepted' if each.accepted else 'REFUSED '}  {each.id} ({each.type}): {each.message}" for each in tried
        ),
    )
    if any(each.by_person for each in tried):
        return WRONG_USE
    return SUCCEEDED if all(each.accepted for each in tried) else FAILED


def audit(arguments: argparse.Namespace) -> int:
    """Tells who did what when."""
    found, _ = read_audit(open_app(), caller(), limit=arguments.limit)
    rows = [(each.at[:19], each.who, each.what, each.target, each.detail) for each in found]
    show(arguments, found, lambda: table(("AT", "WHO", "WHAT", "OF", ""), rows))
    return SUCCEEDED


def history(arguments: argparse.Namespace) -> int:
    """Lists the configuration's last versions: what each change was."""
    app = open_app()
    require(caller(), "view_audit")
    versions = app.configuration.history()
    found = [
        {"at": each.changed_at, "who": each.changed_by, "what": each.what, "version_before": each.blob}
        for each in versions
    ]
    rows = [(each["at"][:19], each["who"], each["what"], each["version_before"]) for each in found]
    show(arguments, found, lambda: table(("AT", "WHO", "WHAT", "VERSION BEFORE"), rows))
    return SUCCEEDED


def _sharing(connection: Connection | connections.ConnectionName) -> tuple[str, str]:
    """Whom it is available to, and its consent; empty where the caller may not see them."""
    if isinstance(connection, connections.ConnectionName):
        return "", ""
    consent = f"given {connection.consent.agreed_on}" if connection.consent else "none"
    return ", ".join(connection.available_to), consent


def _body(file: str) -> Any:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidInput([f"file: {file} cannot be read ({error.strerror})"], "body_invalid") from None
    return parse_json(data)


def _expected(arguments: argparse.Namespace) -> str | None:
    return ANY if arguments.replace else arguments.if_match


def _saved(arguments: argparse.Namespace, saved: Saved[Any]) -> int:
    found = {"id": saved.item.id, "is_new": saved.is_new, "etag": saved.etag, "notes": list(saved.notes)}
    lines = [f"{saved.item.id} is {'added' if saved.is_new else 'changed'}", *saved.notes]
    show(arguments, found, lambda: "\n".join(lines))
    return SUCCEEDED


def _show_item(item: Connection | connections.ConnectionName | Export, etag: str) -> None:
    """The item alone on standard output, so that it can be changed and saved again."""
    print_json(item)
    print(f"etag {etag}", file=sys.stderr)
