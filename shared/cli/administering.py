"""The commands that change the configuration, and those that show who did: the same operations as the API's."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from shared.cli.bodies import read_body
from shared.cli.ids import complete_id, connection_argument, export_argument
from shared.cli.program import FAILED, SUCCEEDED, WRONG_USE, example, not_empty, program, require_one
from shared.cli.showing import caller, open_app, print_json, show
from shared.cli.text import table
from shared.cli.watching import limit_option
from shared.counting import counted
from shared.times import local_text

if TYPE_CHECKING:
    from shared.administration.connections import ConnectionName, Disconnected
    from shared.administration.history import Restored
    from shared.administration.items import Saved
    from shared.config.models import Connection, Export, Schedule

file_argument = click.argument("file", type=click.Path(), help="its JSON, as `show` prints it; - for standard input")
replace_option = click.option("--replace", is_flag=True, help="change what is there, whatever it is")
if_match_option = click.option(
    "--if-match", metavar="ETAG", callback=not_empty, help="only what has this ETag, as `show` tells it"
)


@program.command()
def connections() -> None:
    """List the connections."""
    from shared.administration.connections import list_connections

    listed = list_connections(open_app(), caller())
    head = ("CONNECTION", "TYPE", "NAME", "AVAILABLE TO", "CONSENT")
    rows = [(each.id, each.type, each.display_name, *_sharing(each)) for each in listed]
    show(listed, lambda: table(head, rows))


@program.command()
@connection_argument
@click.option("--agree", metavar="WHO", help="give consent: saved when every step has passed")
def connect(connection: str, agree: str | None) -> int:
    """Test a connection step by step: key, address, lists, attributes, contract, consent."""
    from shared.administration.connections import connect

    result = connect(open_app(), caller(), connection, agree)
    show(
        result,
        lambda: "\n".join(f"{'ok    ' if step.ok else 'FAILED'}  {step.step}: {step.message}" for step in result.steps),
    )
    return SUCCEEDED if result.connected else WRONG_USE


@program.command(epilog=example("disconnect brevo-eu"))
@connection_argument
@if_match_option
def disconnect(connection: str, if_match: str | None) -> None:
    """Withdraw consent: say which exports send nothing any more, and which runs stop."""
    from shared.administration.connections import disconnect

    done, etag = disconnect(open_app(), caller(), connection, if_match)
    show({**asdict(done), "etag": etag}, lambda: "\n".join(_disconnected(done)))


def _disconnected(done: "Disconnected") -> list[str]:
    had = "consent is withdrawn" if done.was_connected else "it had no consent"
    lines = [f"{done.connection}: {had}; its exports send nothing until it is connected again"]
    lines += [f"  export  {each}" for each in done.exports]
    return lines + [f"  stops   {each}, before its next batch" for each in done.runs]


@program.group("connection")
def connection_group() -> None:
    """Show, save or remove a connection."""


@connection_group.command("show")
@connection_argument
def connection_show(connection: str) -> None:
    """Print it as JSON."""
    from shared.administration.connections import view_connection

    _show_item(*view_connection(open_app(), caller(), connection))


@connection_group.command("save")
@connection_argument
@file_argument
@replace_option
@if_match_option
def connection_save(connection: str, file: str, replace: bool, if_match: str | None) -> None:
    """Add it, or change it."""
    expected = _expected_of_save(replace, if_match)
    from shared.administration.connections import save_connection
    from shared.administration.items import parse_item
    from shared.config.models import Connection

    new = parse_item(Connection, read_body(file), connection)
    _show_saved(save_connection(open_app(), caller(), new, expected))


@connection_group.command("remove")
@connection_argument
@if_match_option
def connection_remove(connection: str, if_match: str | None) -> None:
    """Remove it; no export may use it."""
    from shared.administration.connections import remove_connection
    from shared.administration.items import ANY

    remove_connection(open_app(), caller(), connection, if_match or ANY)
    show({"removed": connection}, lambda: f"{connection} is removed")


@program.group("export")
def export_group() -> None:
    """Show, save, duplicate, detach, schedule or remove an export. Sends nothing."""


@export_group.command("show")
@export_argument
def export_show(export: str) -> None:
    """Print it as JSON."""
    from shared.administration.exports import view_export

    item, etag = view_export(open_app(), caller(), export)
    _show_item(item, etag)


@export_group.command("save")
@export_argument
@file_argument
@replace_option
@if_match_option
def export_save(export: str, file: str, replace: bool, if_match: str | None) -> None:
    """Add it, or change it, once its list, attributes and columns are checked."""
    expected = _expected_of_save(replace, if_match)
    from shared.administration.drafts import read_export
    from shared.administration.exports import save_export

    app = open_app()
    new = read_export(app, caller(), read_body(file), export)
    _show_saved(save_export(app, caller(), new, expected))


@export_group.command("duplicate")
@export_argument
@click.argument("new_id", help="the copy's id")
@click.option("--name", default="", help="the copy's display name")
def export_duplicate(export: str, new_id: str, name: str) -> None:
    """Add a copy under another id, with its list and schedule: unless that is off, it runs by itself, too."""
    from shared.administration.exports import duplicate_export

    _show_saved(duplicate_export(open_app(), caller(), export, new_id, name))


@export_group.command("schedule")
@export_argument
@click.option("--off", is_flag=True, help="run on demand only")
@click.option("--with-refresh", is_flag=True, help="run with each new snapshot")
@click.option("--cron", metavar="LINE", help="five fields, such as '30 5 * * *'")
@click.option(
    "--time-zone",
    metavar="ZONE",
    help="where the cron line counts, such as Europe/Paris [as in its schedule so far, else UTC]",
)
def export_schedule(export: str, off: bool, with_refresh: bool, cron: str | None, time_zone: str | None) -> None:
    """Switch its schedule."""
    require_one({"--off": off, "--with-refresh": with_refresh, "--cron": cron})
    if time_zone is not None and not cron:
        raise click.UsageError("--time-zone needs --cron.")
    from shared.administration.exports import schedule_export, view_export
    from shared.config.models import CronSchedule
    from shared.runs.overview import schedule_text

    app = open_app()
    schedule: Schedule = "off" if off else "with_refresh"
    if cron:
        before = view_export(app, caller(), export)[0].schedule
        zone = before.time_zone if isinstance(before, CronSchedule) else "UTC"
        schedule = CronSchedule.model_construct(cron=cron, time_zone=zone if time_zone is None else time_zone)
    saved = schedule_export(app, caller(), export, schedule)
    answer, (first, *notes) = saved_lines(saved)
    show(answer, lambda: "\n".join([f"{first}: {schedule_text(saved.item)}", *notes]))


@program.command("notify-test")
@click.argument(
    "notification", required=False, shell_complete=complete_id, help="a notification's id; without it, all of them"
)
def notify_test(notification: str | None) -> int:
    """Send a test to the receivers of notifications; say which have accepted it."""
    from shared.administration.notifying import try_notifications

    tried = try_notifications(open_app(), caller(), notification)
    results = [{"id": each.id, "type": each.type, "accepted": each.accepted, "message": each.message} for each in tried]
    show(
        results,
        lambda: "\n".join(
            f"{'accepted' if each.accepted else 'REFUSED '}  {each.id} ({each.type}): {each.message}" for each in tried
        ),
    )
    if any(each.by_person for each in tried):
        return WRONG_USE
    return SUCCEEDED if all(each.accepted for each in tried) else FAILED


@program.command()
@limit_option
def audit(limit: int) -> None:
    """Tell who did what when, newest first."""
    from shared.administration.audit import read_audit

    entries, _ = read_audit(open_app(), caller(), limit=limit)
    rows = [(local_text(each.at, seconds=True), each.who, each.what, each.target, each.detail) for each in entries]
    show(entries, lambda: table(("AT", "WHO", "WHAT", "OF", "DETAIL"), rows))


@program.command(epilog=example("history", "history --restore 20261124T050312.123456-a1b2c3"))
@click.option(
    "--restore",
    "version",
    metavar="VERSION",
    shell_complete=complete_id,
    callback=not_empty,
    help="put this version back as the newest; runs nothing",
)
@if_match_option
def history(version: str | None, if_match: str | None) -> None:
    """List the configuration's last changes: who, when, what, and the version before."""
    if if_match and not version:
        raise click.UsageError("--if-match needs --restore.")
    from shared.administration.history import list_versions, restore_version
    from shared.administration.items import ANY

    if version:
        done, etag = restore_version(open_app(), caller(), version, if_match or ANY)
        show({**asdict(done), "etag": etag}, lambda: "\n".join(_restored(done)))
        return
    versions, _, etag = list_versions(open_app(), caller())
    rows = [(local_text(each.at, seconds=True), each.who, each.what, each.version) for each in versions]
    show(versions, lambda: table(("AT", "WHO", "WHAT", "VERSION BEFORE"), rows) if rows else "No change yet.")
    print(f"etag {etag}", file=sys.stderr)


def _restored(done: "Restored") -> list[str]:
    known = f"{counted(done.connections, 'connection')}, {counted(done.exports, 'export')}"
    lines = [f"version {done.version} is back: {known}; nothing runs"]
    lines += [f"  {each}" for each in done.taken_back] or ["  it differs in nothing from what was there"]
    lines += [f"  {each}" for each in done.notes]
    return lines + [f"  without consent: segment-export connect {each} --agree WHO" for each in done.consent_missing]


def _sharing(connection: "Connection | ConnectionName") -> tuple[str, str]:
    """Whom it is available to, and its consent; empty where the caller may not see them."""
    from shared.administration.connections import ConnectionName

    if isinstance(connection, ConnectionName):
        return "", ""
    consent = f"given {connection.consent.agreed_on}" if connection.consent else "none"
    return ", ".join(connection.available_to), consent


def _expected_of_save(replace: bool, if_match: str | None) -> str | None:
    """The ETag that what is there must have. Raises UsageError where one option would undo the other's care."""
    if replace and if_match:
        raise click.UsageError("--replace changes what is there whatever it is, --if-match does not: take one.")
    from shared.administration.items import ANY

    return ANY if replace else if_match


def _show_saved(saved: "Saved[Any]") -> None:
    answer, lines = saved_lines(saved)
    show(answer, lambda: "\n".join(lines))


def saved_lines(saved: "Saved[Any]") -> tuple[dict[str, Any], list[str]]:
    """What was saved, as an object and as lines."""
    answer = {"id": saved.item.id, "is_new": saved.is_new, "etag": saved.etag, "notes": list(saved.notes)}
    return answer, [f"{saved.item.id} is {'added' if saved.is_new else 'changed'}", *saved.notes]


def _show_item(item: "Connection | ConnectionName | Export", etag: str) -> None:
    """The item alone on standard output, so that it can be changed and saved again."""
    print_json(item)
    print(f"etag {etag}", file=sys.stderr)
