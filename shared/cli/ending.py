"""The commands that end an export: it is removed or detached, and its members stay in the list or leave it first."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from shared.cli.administering import export_group, if_match_option, saved_lines
from shared.cli.commands import show_start, worked
from shared.cli.ids import export_argument
from shared.cli.program import FAILED, SUCCEEDED, example, exit_status_of
from shared.cli.showing import caller, open_app, say, show
from shared.cli.text import status_text

if TYPE_CHECKING:
    from shared.access import Operation
    from shared.app import App
    from shared.runs.starting import Start
    from shared.runs.status import RunStatus

_Ended = tuple[dict[str, Any], list[str]]


def _options[Command: Callable[..., Any]](command: Command) -> Command:
    for option in reversed(
        (
            click.option(
                "--members",
                type=click.Choice(["stay", "remove"]),
                default="stay",
                show_default=True,
                help="of its list, whom it has put there: they stay, or a run takes them out first",
            ),
            click.option("--accept", is_flag=True, help="with remove: approve beforehand what a guard would hold"),
            click.option(
                "--wait",
                is_flag=True,
                help="with remove: work the queue here and wait for that run; where it is held: exit status 3",
            ),
            if_match_option,
        )
    ):
        command = option(command)
    return command


@export_group.command("detach", epilog=example("export detach high-value --members remove --wait"))
@export_argument
@_options
def export_detach(export: str, members: str, accept: bool, wait: bool, if_match: str | None) -> int:
    """Take its connection away: it is inactive, and keeps its settings. Its list keeps its members."""
    from shared.administration.exports import detach_export

    def detached(app: "App") -> _Ended:
        saved = detach_export(app, caller(), export, if_match)
        return saved_lines(saved)

    return _end("detach_export", export, detached, members, if_match, accept=accept, wait=wait)


@export_group.command("remove", epilog=example("export remove high-value", "export remove high-value --members remove"))
@export_argument
@_options
def export_remove(export: str, members: str, accept: bool, wait: bool, if_match: str | None) -> int:
    """Remove it; a run of it sends nothing more than the batch on its way. Its list keeps its members."""
    from shared.administration.exports import find_export, remove_export
    from shared.administration.items import ANY
    from shared.runs.clearing import staying_words

    def removed(app: "App") -> _Ended:
        list_id = find_export(app.configuration.read(), export).list_id
        staying = remove_export(app, caller(), export, if_match or ANY)
        text = "its list keeps its members" if staying is None else f"the {staying_words(staying, list_id)}"
        if members == "remove":
            text = f"nobody whom it has put into list {list_id} is left there, but whom another export keeps there"
        return {"removed": export, "members_stay": staying}, [f"{export} is removed; {text}"]

    return _end("remove_export", export, removed, members, if_match, accept=accept, wait=wait)


def _end(
    operation: "Operation",
    export: str,
    end: Callable[["App"], _Ended],
    members: str,
    if_match: str | None,
    *,
    accept: bool,
    wait: bool,
) -> int:
    """Ends the export, once nobody of its members is left where they are to be removed; the exit status."""
    from shared.administration.ending import take_members_out

    if members == "stay" and (accept or wait):
        raise click.UsageError("--accept and --wait need --members remove.")
    app = open_app()

    def start() -> "Start | None":
        how = caller(), operation, export
        return take_members_out(app, *how, "terminal", expected=if_match, accept=accept) if members != "stay" else None

    started, ran = start(), None
    if started and not wait:
        status = show_start(app, started, wait=False)
        say(f"Nothing is changed yet of {export}: once this run has succeeded, type the same again.", err=True)
        return status
    while started:
        ran = _worked(app, started)
        if exit_status_of(ran) != SUCCEEDED or ran.contacts_not_removed:
            return _not_ended(ran)
        started = start()
    answer, lines = end(app)
    show(answer | ({"run": ran} if ran else {}), lambda: "\n".join([*([status_text(ran)] if ran else []), *lines]))
    return SUCCEEDED


def _worked(app: "App", started: "Start") -> "RunStatus":
    if not started.is_new:
        say(f"{started.reason} It is watched instead.", err=True)
    return worked(app, started.run_id)


def _not_ended(run: "RunStatus") -> int:
    show(run, lambda: status_text(run))
    if run.status == "held":
        say("Nothing is changed yet: once this run is approved and has succeeded, type the same again.", err=True)
    status = exit_status_of(run)
    if status != SUCCEEDED:
        return status
    say(
        "Nothing is changed yet, since Brevo did not remove all of them: take the others out in Brevo and type the "
        "same again, or end the export with --members stay.",
        err=True,
    )
    return FAILED
