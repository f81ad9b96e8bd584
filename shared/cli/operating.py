"""The operator's tools as commands. What they need is loaded by the one that is called."""

import argparse
import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from shared.cli.showing import caller, print_json, show
from shared.cli.text import count_text, table
from shared.runs.app import open_app

if TYPE_CHECKING:
    from shared.operating.person import Forgotten
    from shared.operating.replaying import Seen

SUCCEEDED, FAILED = 0, 1

_FATES = {"replay": "put back", "drop": "drop", "leave": "leave"}
_DONE = {"replay": "put back", "drop": "dropped", "leave": "left"}


def doctor(arguments: argparse.Namespace) -> int:
    """Examines everything; a line is printed as soon as it is known."""
    from shared.operating.doctor import examine

    found = []
    for finding in examine(caller()):
        found.append(finding)
        if not arguments.json:
            print(f"{finding.state:<6}  {finding.check}: {finding.message} {finding.fix}".rstrip(), flush=True)
    healthy = all(finding.state != "FAILED" for finding in found)
    if arguments.json:
        print_json({"healthy": healthy, "checks": [asdict(finding) for finding in found]})
    return SUCCEEDED if healthy else FAILED


def replay(arguments: argparse.Namespace) -> int:
    """Shows the poison messages, or puts them back."""
    from shared.operating import replaying

    act = replaying.replay if arguments.yes else replaying.look
    app = open_app()
    seen = act(app, caller(), arguments.run, drop_unreadable=arguments.drop_unreadable)
    told = {"done": arguments.yes, "hidden": seen.hidden, "messages": [asdict(each) for each in seen.messages]}
    now = app.storage.clock.now()
    show(arguments, told, lambda: _replay_text(seen, now, done=arguments.yes))
    return SUCCEEDED


def _replay_text(seen: "Seen", now: datetime, *, done: bool) -> str:
    from shared.operating.looking import duration

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
    if seen.hidden:
        lines.append(f"{count_text(seen.hidden, 'message')} more, out of sight for some minutes or by their number.")
    if not lines:
        return "No message was given up in the last seven days. Older ones have expired; `doctor` shows stalled runs."
    if not done and any(each.fate != "leave" for each in seen.messages):
        lines.append("Nothing was changed: do it with --yes.")
    return "\n".join(lines)


def forget(arguments: argparse.Namespace) -> int:
    """Erases a person."""
    from shared.operating import forgetting

    email = sys.stdin.readline() if arguments.email == "-" else arguments.email
    found = forgetting.forget(open_app(), caller(), email)
    show(arguments, asdict(found), lambda: _forgotten_text(found))
    return FAILED if found.not_done else SUCCEEDED


def _forgotten_text(found: "Forgotten") -> str:
    lines = [f"erased    {line}" for line in found.erased]
    lines += [f"remains   {line}" for line in found.remains]
    lines += [f"NOT DONE  {line}" for line in found.not_done]
    if not lines:
        lines = ["Nothing of this person is stored here, in the newest segments, or in Brevo."]
    return "\n".join([f"The person with this address ({found.person}):", *lines])


def prune(arguments: argparse.Namespace) -> int:
    """Deletes what is past its time."""
    from shared.operating import pruning

    counts = pruning.prune(open_app(), caller(), arguments.days, dry_run=arguments.dry_run)
    told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
    show(arguments, counts, lambda: f"{'would delete' if arguments.dry_run else 'deleted'}: {told}")
    return SUCCEEDED
