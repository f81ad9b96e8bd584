"""The operator's tools as commands."""

import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from shared.cli.ids import export_or_run_argument
from shared.cli.program import FAILED, SUCCEEDED, example, not_empty, program
from shared.cli.showing import as_json, caller, open_app, print_json, show
from shared.cli.text import table
from shared.counting import counted

if TYPE_CHECKING:
    from shared.operating.person import Forgotten
    from shared.operating.replaying import Seen
    from shared.runs.left_imports import LeftImport

_FATES = {"replay": "put back", "drop": "drop", "leave": "leave"}
_DONE = {"replay": "put back", "drop": "dropped", "leave": "left"}


@program.command()
@click.option("--verbose", is_flag=True, help="show what is in order, too")
def doctor(verbose: bool) -> int:
    """Examine settings, storage, connections, exports, queues, runs and clock: what is wrong, and how to fix it."""
    from shared.cli.findings import Findings
    from shared.operating.doctor import examine

    found = []
    lines = None if as_json() else Findings(verbose=verbose)
    for finding in examine(caller()):
        found.append(finding)
        if lines:  # a line is printed as soon as it is known
            lines.show(finding)
    healthy = all(finding.state != "FAILED" for finding in found)
    if lines:
        lines.end()
    else:
        print_json({"healthy": healthy, "checks": [asdict(finding) for finding in found]})
    return SUCCEEDED if healthy else FAILED


@program.command()
@click.option("--yes", is_flag=True, help="put back what has an open run, drop what has none")
@click.option("--run", metavar="RUN", callback=not_empty, help="only the messages of this run")
@click.option("--drop-unreadable", is_flag=True, help="drop what is not one of ours as well")
@click.option("--clear", is_flag=True, help="then empty the queue, also of what is out of sight; needs --yes")
def replay(yes: bool, run: str | None, drop_unreadable: bool, clear: bool) -> None:
    """Show the messages that were given up and what would become of them; --yes does it."""
    if clear and (run or not yes):
        raise click.UsageError("--clear needs --yes, and takes no --run.")
    from shared.operating import replaying

    app = open_app()
    if clear:
        seen = replaying.clear(app, caller())
    else:
        act = replaying.replay if yes else replaying.look
        seen = act(app, caller(), run or "", drop_unreadable=drop_unreadable)
    answer = {"done": yes, "hidden": seen.hidden, "messages": [asdict(each) for each in seen.messages]}
    now = app.storage.clock.now()
    show(answer, lambda: _replay_text(seen, now, done=yes, cleared=clear))


def _replay_text(seen: "Seen", now: datetime, *, done: bool, cleared: bool) -> str:
    from shared.times import duration

    lines = []
    if seen.messages:
        words = _DONE if done else _FATES
        rows = [
            (
                each.run or "-",
                each.step or "-",
                duration((now - each.since).total_seconds()) if each.since else "-",
                duration((each.until - now).total_seconds()) if each.until else "-",
                words[each.fate],
                each.why,
            )
            for each in seen.messages
        ]
        lines.append(table(("RUN", "STEP", "GIVEN UP FOR", "EXPIRES IN", "", ""), rows))
    if seen.hidden and cleared:
        lines.append(f"{counted(seen.hidden, 'message')} more dropped unseen. An open run goes on without it.")
    elif seen.hidden:
        lines.append(
            f"{counted(seen.hidden, 'message')} more, out of sight: a host has just tried it, or there are too many. "
            "In ten minutes they can be looked at; `segment-export replay --yes --clear` drops them unseen."
        )
    if not lines:
        return "No message that was given up lies there. One expires after seven days; `doctor` shows stalled runs."
    if not done and any(each.fate != "leave" for each in seen.messages):
        lines.append("Nothing was changed: do it with --yes.")
    return "\n".join(lines)


@program.command(epilog=example("release high-value", "release high-value-20261124T050312-a1b2c3 --yes"))
@export_or_run_argument("all its ended runs")
@click.option("--yes", is_flag=True, help="do it")
def release(export_or_run: str, yes: bool) -> None:
    """Show the imports that ended runs have left at Brevo; --yes: they are over, wait for them no longer."""
    from shared.operating import releasing

    left = (releasing.release if yes else releasing.look)(open_app(), caller(), export_or_run)
    answer = {"done": yes, "imports": [asdict(each) for each in left]}
    show(answer, lambda: _released_text(left, done=yes))


def _released_text(left: "list[LeftImport]", *, done: bool) -> str:
    if not left:
        return "No run waits for such an import. One of a run that is still open: `segment-export cancel RUN` first."
    word = "no longer waited for" if done else "waited for"
    lines = [f"{word}: {each.describe()}" for each in left]
    if not done:
        lines += ["Look in Brevo whether the import is over or not there: beside it, its older values could win."]
        lines += ["Nothing was changed: do it with --yes."]
    return "\n".join(lines)


@program.command()
@click.argument("email", help="the address; - reads it from standard input, past the history")
def forget(email: str) -> int:
    """Erase a person from all that is stored here, and say what remains elsewhere."""
    from shared.operating import forgetting

    found = forgetting.forget(open_app(), caller(), sys.stdin.readline() if email == "-" else email)
    show(asdict(found), lambda: _forgotten_text(found))
    return FAILED if found.not_done else SUCCEEDED


def _forgotten_text(found: "Forgotten") -> str:
    lines = [f"erased    {line}" for line in found.erased]
    lines += [f"remains   {line}" for line in found.remains]
    lines += [f"NOT DONE  {line}" for line in found.not_done]
    if not lines:
        lines = ["Nothing of this person is stored here, in the newest segments, or in Brevo."]
    return "\n".join([f"The person with this address ({found.person}):", *lines])


@program.command()
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),  # a hundred years: some days beyond them the calendar has no date
    default=400,
    show_default=True,
    help="how long runs with their story, and earlier versions of the configuration, are kept",
)
@click.option("--dry-run", is_flag=True, help="only count")
def prune(days: int, dry_run: bool) -> None:
    """Delete what is past its time: staged bodies, rejected rows, undo records, old keys, runs and configurations."""
    from shared.operating import pruning

    counts = pruning.prune(open_app(), caller(), days, dry_run=dry_run)
    parts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
    show(counts, lambda: f"{'would delete' if dry_run else 'deleted'}: {parts}")
