"""The kinds of run, what starts one, and by which kinds an export is judged."""

from typing import Literal

Trigger = Literal["http", "webhook", "timer", "event", "terminal"]
# How the first line of a run's story says it; a trigger of another release has none.
STARTED: dict[Trigger, str] = {
    "http": "Started on a page or by the API.",
    "webhook": "Started by the webhook.",
    "timer": "Started by the timer.",
    "event": "Started by a new file of the segment.",
    "terminal": "Started in a terminal.",
}
# A trial sends a few customers to another list. It lives as every run does, and nothing of its export depends on it.
# A plan with something to do is held whatever the guards say; once approved, it is a run as any other. An undo takes
# back what a run has changed in the list, a clear takes out of it whom an export that ends has put there, a
# verification compares the list with the segment: they send nothing. A repair makes it right.
Kind = Literal["export", "trial", "plan", "undo", "clear", "verify", "repair"]
SENDS_SEGMENT: frozenset[Kind] = frozenset(("export", "plan", "repair"))
# What a run that does not send its segment is called.
NAMES: dict[Kind, str] = {
    "trial": "a trial",
    "undo": "an undo",
    "clear": "a removal of members",
    "verify": "a verification",
}
# These read the list as it is, whatever the export's mode.
COMPARES: frozenset[Kind] = frozenset(("verify", "repair"))
# These change who is in the list, and send nothing.
CHANGES_LIST: frozenset[Kind] = frozenset(("undo", "clear"))
SENDS_NOTHING: frozenset[Kind] = CHANGES_LIST | {"verify"}
UNGUARDED: frozenset[Kind] = frozenset(("trial", "verify"))


def command_again(kind: Kind, export: str, undone: str) -> str:
    """The command that makes another run like one that was held; `undone` is the run that an undo takes back."""
    match kind:
        case "clear":
            return f"segment-export export remove {export} --members remove, or detach"
        case "undo":
            return f"segment-export undo {undone}"
        case "repair":
            return f"segment-export verify {export} --repair"
        case _:
            return f"segment-export plan {export}"
