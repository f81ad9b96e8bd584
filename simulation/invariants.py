"""What must be true in every history, whatever happens: each with a name and a sentence.

`judge.py` checks after every write, post and import what can be seen at once, `rest.py` the others when all has come to
rest. docs/reliability.md lists them.
"""

from dataclasses import dataclass

INVARIANTS: dict[str, str] = {
    "nobody lost": "A run that succeeded has put everybody of its snapshot into the list, with that snapshot's values.",
    "snapshot settled": "The newest snapshot is sent in the end, unless a person cancels it or four runs fail.",
    "others untouched": "An import holds people of its export's snapshots only, for its list, and blocks nobody.",
    "leavers stay out": "Nobody who had left the list before a run was queued, or approved, is put back by that run.",
    "list follows": "A mirror that succeeds leaves nobody in the list whom it has put there and who left the segment.",
    "removed last": "Nobody is removed before the run's imports are confirmed, and nobody who is in its snapshot.",
    "imports open": "An account never has more imports open at Brevo than it allows.",
    "newest values win": "No value of an older snapshot replaces one that a run has confirmed.",
    "books balance": "In a final run rows and contacts add up, and success means that all were delivered.",
    "nothing sent is true": "A run that says that nothing was sent has sent nothing.",
    "sent whole": "Nothing goes out before the run has written down the whole staging, and of no other staging.",
    "held until approved": "Nothing of a plan, or of a run that a guard stops, goes out before a person approves it.",
    "approved as shown": "A run is approved within its time only, and sends the snapshot that it had when it was held.",
    "cancelled stays": "What a person has cancelled is not sent by the timer or an event later.",
    "sent once": "The timer and events send no snapshot a second time that they have sent.",
    "one active run": "An export has one run at a time that is not final.",
    "final is final": "A run that has ended stays as it ended: nobody writes its row again.",
    "every run ends": "When all is quiet no run is open, none is listed as open, and no message is left.",
    "no body left": "When all is quiet nothing is staged any more.",
    "told once": "Each failure, expiry and recovery is told to each receiver; to none that cannot tell copies twice.",
    "end is logged": "Each run that has ended has its line `run ended` in the log.",
    "nothing leaks": "No address and no secret stands in a table, a message, the log or a notice.",
    "nothing after the end": "Brevo gets nothing of a run that has ended, unless a worker stood still meanwhile.",
    "no needless repeats": "Where nothing is lost and nobody stands still, each batch goes out once.",
    "messages stay few": "Copies of a message do not multiply.",
    "trouble only delays": "No run fails because storage, a worker or the configuration was away for a while.",
    "nothing unforeseen": "No step fails for a reason that nobody foresaw.",
}


def checked(name: str) -> str:
    """The name. Raises KeyError for what is none of the invariants."""
    INVARIANTS[name]
    return name


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, when, and what shows it."""

    name: str
    at: float
    text: str
