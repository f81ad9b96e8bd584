"""Tells a history in plain words: the world, what went wrong in it, and what happened up to the violation."""

import json
from collections.abc import Iterator
from dataclasses import fields

from simulation.clock import BEGINNING
from simulation.faults import Fault
from simulation.history import Outcome
from simulation.plan import Plan

_CALLS = {
    "dies": "its process dies before this call",
    "dies-after": "its process dies after this call",
    "error": "storage does not answer, and the call was not made",
    "lost": "storage does not answer, though the call was made",
    "echo": "the answer is lost, and the client makes the call again",
    "hangs": "the call hangs before it is made",
    "hangs-after": "the call hangs after it was made",
    "freezes": "its process stands still before this call",
    "away": "storage is away",
}


def story(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """The lines of the story."""
    yield (
        f"{plan.workers} workers, {plan.exports} exports of {plan.batches} batches, {plan.slots} imports at once, "
        f"call-backs {'on' if plan.call_backs else 'off'}, quiet period {plan.quiet_seconds:.0f} s"
        f"{', messages are doubled' if plan.doubled_share else ''}{', real staging' if plan.real_staging else ''}."
    )
    for fault in plan.faults:
        yield f"  fault: {_fault(fault)}"
    known: dict[str, str] = {}
    for at, who, what in outcome.log:
        if line := _line(what, known):
            yield f"{at - BEGINNING:10.2f} s  {who:<16} {line}"
    if outcome.violation is not None:
        violation = outcome.violation
        yield f"{violation.at - BEGINNING:10.2f} s  VIOLATED {violation.name}: {violation.text}"


def _fault(fault: Fault) -> str:
    parts = ", ".join(f"{part.name} {getattr(fault, part.name)!r}" for part in fields(fault))
    return f"{type(fault).__name__}: {parts}"


def _line(what: str, known: dict[str, str]) -> str:
    """The line in plain words; empty for what changes nothing."""
    if what.startswith("= "):
        return _row(what, known)
    name, _, broken = what.partition(" !")
    if broken:
        return f"{name}: {_CALLS[broken]}"
    if " takes " in what and what.endswith("}"):
        return _taken(what)
    if what.startswith(("action", "Brevo")) or " is " in what or " failed: " in what:
        return what
    return ""


def _taken(what: str) -> str:
    worker, _, queue, text = what.split(" ", 3)
    message = json.loads(text)
    if queue.startswith("notice"):
        kind = f"the notice {message.get('event', 'of the end')} for {message.get('notification', 'all')}"
    else:
        kind = f"the message {message['step']}" + (f" of batch {message['batch']}" if "batch" in message else "")
    details = ", ".join(f"{name} {message[name]}" for name in ("number", "attempt", "watch") if name in message)
    return f"{worker} takes {kind}{f' ({details})' if details else ''} of {message['run']} from {queue}"


def _row(what: str, known: dict[str, str]) -> str:
    _, table, key, *state = what.split(" ")
    now = " ".join(state)
    if table == "events" or known.get(f"{table} {key}") == now:
        return ""
    known[f"{table} {key}"] = now
    return f"the row {table}/{key} is {now or 'written'}"
