"""Puts messages that the host has given up back on the queue.

The host moves a message there that failed ten times, and the function `export_poison` then ends its run or, where the
faults were not ours, sends the step again. So a message lies there only while that function cannot work: the app is
stopped, its settings cannot be read, or the message is not one of ours. Once that is fixed the run goes on by itself; a
replay saves the wait for the next try of that function.

It lies there for seven days at most: the host's copies expire then. Nothing rests on one that is still there. While a
run is open, its watch and the timer drive it on without the message.

A step may be taken twice, so a message is put back first and deleted after: cut off in between, it is in both queues,
and the second one does nothing. Nothing of a message is shown but its run and step: it might hold anything.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.access import Caller, require
from shared.administration import audit
from shared.app import App
from shared.errors import ExportError, PermanentError
from shared.runs.queue import Message, parse_message, send
from shared.storage.forms import OtherFormError
from shared.storage.queue import Queue, Received

_HIDDEN_SECONDS = 60
_NOT_OURS = (PermanentError, binascii.Error, ValueError)

Fate = Literal["replay", "drop", "leave"]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A message of the poison queue, and what replaying does with it. `run` is empty for one that is not ours.

    `until` is when the queue deletes the message by itself.
    """

    run: str
    step: str
    since: datetime | None
    until: datetime | None
    fate: Fate
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The messages that could be seen, and how many are hidden now, since a worker has them or they are too many."""

    messages: list[GivenUp]
    hidden: int


def look(app: App, caller: Caller, run_id: str = "", *, drop_unreadable: bool = False) -> Seen:
    """What `replay` would do now. Changes nothing, and keeps nobody from the messages."""
    require(caller, "operate")
    peeked = app.storage.poison.peek()
    fates = dict[str, tuple[Fate, str]]()
    found = [_judged(app, each, run_id, fates, drop_unreadable=drop_unreadable)[0] for each in peeked]
    return Seen(found, max(0, app.storage.poison.count() - len(peeked)))


def clear(app: App, caller: Caller) -> Seen:
    """As `replay`, and then deletes all that is still there, also what is out of sight.

    The one way to delete a message while a host runs that cannot read it: the host takes it again and again, and what
    is taken cannot be deleted by anybody else. No run rests on what is deleted: its watch and the timer drive it on.
    """
    seen = replay(app, caller, drop_unreadable=True)
    if left := app.storage.poison.count():
        app.storage.poison.clear()
        audit.note(app, caller, "clear given-up messages", "", f"{left} dropped unseen")
    return replace(seen, hidden=left)


def kinds(app: App) -> tuple[int, int, int]:
    """How many of the messages are ours, how many are not, and how many are out of sight."""
    peeked = app.storage.poison.peek()
    ours = sum(map(_is_ours, peeked))
    return ours, len(peeked) - ours, max(0, app.storage.poison.count() - len(peeked))


def replay(app: App, caller: Caller, run_id: str = "", *, drop_unreadable: bool = False) -> Seen:
    """Puts back what has an open run, drops what has none to go on with, and leaves the rest where it is.

    With `run_id`, other runs' messages are left. Safe to repeat, and to be cut off anywhere.
    """
    require(caller, "operate")
    found = []
    left, fates = dict[str, Received](), dict[str, tuple[Fate, str]]()
    for received in _each(app.storage.poison, left):
        given_up, message = _judged(app, received, run_id, fates, drop_unreadable=drop_unreadable)
        found.append(given_up)
        if given_up.fate == "leave":
            left[received.message.id] = received
            continue
        if given_up.fate == "replay" and message is not None:
            # Without its failures: the person who replays it has fixed their cause.
            send(app, Message(message.run, message.step, message.batch, message.number))
            app.store.add_event(message.run, "replayed", f"The step {message.step}, which had been given up.")
        app.storage.poison.delete(received)
    for received in left.values():
        app.storage.poison.release(received)
    counts = {fate: sum(each.fate == fate for each in found) for fate in ("replay", "drop")}
    if any(counts.values()):
        audit.note(app, caller, "replay", run_id, f"{counts['replay']} put back, {counts['drop']} dropped")
    return Seen(found, max(0, app.storage.poison.count() - len(left)))


def _each(queue: Queue, left: dict[str, Received]) -> Iterator[Received]:
    """Each message once. Of those that are `left`, by their ids, one that comes back meanwhile is hidden again.

    That they all come back ends the round: what was not seen yet comes before them.
    """
    seen = set[str]()
    while fresh := _fresh(queue.receive_some(_HIDDEN_SECONDS), seen, left):
        yield from fresh


def _fresh(messages: list[Received], seen: set[str], left: dict[str, Received]) -> list[Received]:
    left |= {each.message.id: each for each in messages if each.message.id in left}
    fresh = [each for each in messages if each.message.id not in seen]
    seen |= {each.message.id for each in fresh}
    return fresh


def _parsed(received: Received) -> Message:
    """Raises OtherFormError, or what is not ours: one of _NOT_OURS."""
    return parse_message(base64.b64decode(received.text, validate=True))


def _is_ours(received: Received) -> bool:
    try:
        _parsed(received)
    except OtherFormError:
        return True
    except _NOT_OURS:
        return False
    return True


def _judged(
    app: App, received: Received, only: str, fates: dict[str, tuple[Fate, str]], *, drop_unreadable: bool
) -> tuple[GivenUp, Message | None]:
    """What becomes of the message. `fates` are those of the runs that are known by now, which are read once."""
    since, until = received.message.inserted_on, received.message.expires_on
    try:
        message = _parsed(received)
    except OtherFormError as error:
        return GivenUp("", "", since, until, "leave", f"Another release has written it. {error.advice}"), None
    except _NOT_OURS:
        text = f"It is not one of ours ({len(received.text):,} characters)."
        return GivenUp("", "", since, until, "drop" if drop_unreadable and not only else "leave", text), None
    if message.run not in fates:
        fates[message.run] = _fate(app, message.run, only)
    fate, why = fates[message.run]
    return GivenUp(message.run, message.step, since, until, fate, why), message


def _fate(app: App, run_id: str, only: str) -> tuple[Fate, str]:
    """What becomes of a message of this run, and why."""
    if only and run_id != only:
        return "leave", "Another run was asked for."
    try:
        run = app.store.load(run_id)
    except OtherFormError as error:
        return "leave", f"Another release has written its run. {error.advice}"
    except ExportError:
        raise
    except Exception:  # noqa: BLE001 - what an odd row raises is not known, and the other messages are put back
        return "leave", "The row of its run cannot be read: `segment-export doctor` says what to do."
    if run is None:
        return "drop", "There is no such run any more."
    if run.is_final:
        return "drop", f"Its run has ended: {run.state}. If that is not what you want, run the export again."
    return "replay", f"Its run is {run.state}."
